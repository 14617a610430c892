//! Looks after the servers that run and the bridges that stand: what ends without being stopped is told of at once, not at the
//! next look.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::process::Process;

/// A server that ends as soon as it has started is not started more often than this; one that is stopped has no
/// record any more after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// The servers that are looked after.
#[derive(Default)]
pub struct Watch {
    ended: Notify,
    watched: Mutex<BTreeSet<Process>>,
    /// The bridges that were made here and that nobody here has taken away.
    standing: Mutex<BTreeSet<String>>,
}

impl Watch {
    /// Looks after a server, once. `is_wanted` tells, some time after it has ended, whether
    /// nobody has stopped or replaced it.
    pub fn over(self: &Arc<Self>, process: Process, is_wanted: impl Fn() -> bool + Send + 'static) {
        if !self.watched().insert(process) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let seen = process.ended().await;
            this.watched().remove(&process);
            if let Err(error) = seen {
                tracing::warn!(%error, pid = process.pid, "a DHCP and DNS server cannot be looked after");
                return;
            }
            tokio::time::sleep(PAUSE).await;
            if is_wanted() {
                tracing::warn!(pid = process.pid, "a DHCP and DNS server has ended by itself; it is started again");
                this.ended.notify_one();
            }
        });
    }

    /// A bridge was seen to stand.
    pub fn stands(&self, bridge: &str) {
        self.standing().insert(bridge.to_owned());
    }

    /// A bridge is taken away on purpose.
    pub fn falls(&self, bridge: &str) {
        self.standing().remove(bridge);
    }

    /// Whether a bridge is to stand.
    pub fn is_standing(&self, bridge: &str) -> bool {
        self.standing().contains(bridge)
    }

    /// Something else that was made here is no more as it was.
    pub fn disturb(&self) {
        self.ended.notify_one();
    }

    /// Waits until a server has ended that nobody had stopped, or until [`Watch::disturb`] says so.
    pub async fn disturbed(&self) {
        self.ended.notified().await;
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, BTreeSet<Process>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
