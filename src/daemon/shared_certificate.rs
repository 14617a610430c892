//! The certificate that all members answer with changes: each takes the one that the log names, whenever it sees that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::service::{LocalMember, Server, follow_shared_certificate, renew_shared_certificate};

/// Whoever has it may be starting.
const AGAIN: Duration = Duration::from_millis(500);
/// When nobody gives it for so long, whoever had it died before another member took it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Follows the log until `stop`.
pub async fn run(server: Arc<Server>, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut applied = node.store.applied();
    let mut lacks_since = None;
    loop {
        applied.borrow_and_update();
        let has_it = follow_shared_certificate(&server).await.unwrap_or_else(|error| {
            tracing::error!(error = %error.message, "cannot take the cluster's certificate; trying again");
            false
        });
        if has_it {
            lacks_since = None;
        } else if lacks_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            make_anew(&server, &node).await;
            lacks_since = None;
        }
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            () = sleep(AGAIN), if !has_it => {}
            _ = stop.changed() => return,
        }
    }
}

/// One member does it, so that not each makes another one.
async fn make_anew(server: &Server, node: &LocalMember) {
    if !node.store.leadership().borrow().is_me {
        return;
    }
    tracing::warn!("no member has the key of the cluster's certificate: the cluster gets a new certificate");
    let renewed = match server.lifecycle.new_pair() {
        Ok(pair) => renew_shared_certificate(server, "daemon", pair).await,
        Err(error) => Err(error),
    };
    if let Err(error) = renewed {
        tracing::error!(error = %error.message, "cannot renew the cluster's certificate; trying again");
    }
}
