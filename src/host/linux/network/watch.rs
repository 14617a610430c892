//! Looks after the servers that run: one that ends without being stopped is told of at once, not at the next look.

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

    /// Waits until a server has ended that nobody had stopped.
    pub async fn disturbed(&self) {
        self.ended.notified().await;
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, BTreeSet<Process>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
