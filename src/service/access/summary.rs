//! Lines about what strangers do: they decide how often it happens, so it is told once a second at most, with how often.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(1);
/// So many addresses are named.
const NAMED_MAX: usize = 4;

/// One sort of such things.
pub struct Summary {
    what: &'static str,
    untold: Arc<Mutex<Untold>>,
}

#[derive(Default)]
struct Untold {
    count: u64,
    addresses: BTreeSet<IpAddr>,
    /// Somebody is about to tell it.
    is_due: bool,
}

impl Summary {
    /// Nothing has happened. `what` is the text of the line.
    pub fn new(what: &'static str) -> Self {
        Self { what, untold: Arc::default() }
    }

    /// It has happened once more; a line tells so within a second.
    pub fn note(&self, address: Option<IpAddr>) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.count += 1;
        if untold.addresses.len() < NAMED_MAX {
            untold.addresses.extend(address);
        }
        if std::mem::replace(&mut untold.is_due, true) {
            return;
        }
        let (what, untold) = (self.what, Arc::clone(&self.untold));
        tokio::spawn(async move {
            tokio::time::sleep(PERIOD).await;
            let Untold { count, addresses, .. } =
                std::mem::take(&mut *untold.lock().unwrap_or_else(PoisonError::into_inner));
            tracing::warn!(count, ?addresses, "{what}");
        });
    }
}
