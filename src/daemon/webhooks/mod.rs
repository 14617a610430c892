//! The loop of webhooks: as long as this member leads, one courier for each webhook sends what there is to tell.

mod delivery;
mod outbox;
mod retry;
mod watched_status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::kinds::webhook::WebhookStatus;
use crate::model::{Change, Expect, Key, Object, Revision};
use crate::service::{LocalMember, Server, submit_as};
use crate::store::StoreError;
use delivery::Courier;

/// Writes come in a row; what they mean for webhooks is looked at once they have settled.
const SETTLE: Duration = Duration::from_millis(100);

/// One running courier.
struct Running {
    uid: Revision,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Keeps the couriers of this place running until `stop`.
pub async fn run(server: Arc<Server>, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut applied = node.store.applied();
    let mut leadership = node.store.leadership();
    let mut running = BTreeMap::new();
    while !*stop.borrow() {
        applied.borrow_and_update();
        let is_leader = leadership.borrow_and_update().is_me;
        if !is_leader {
            end(&mut running);
        } else if let Err(error) = look(&server, &node, &mut running).await {
            tracing::warn!(%error, "cannot read the webhooks");
        }
        sleep(SETTLE).await;
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { break },
            _ = leadership.changed() => {}
            _ = stop.changed() => {}
        }
    }
    for task in end(&mut running) {
        if let Err(error) = task.await {
            tracing::debug!(%error, "a courier ended early");
        }
    }
}

/// Tells all couriers to end. They write down how far they have come.
fn end(running: &mut BTreeMap<String, Running>) -> Vec<JoinHandle<()>> {
    let all = std::mem::take(running).into_values();
    all.map(|courier| {
        courier.stop.send_replace(true);
        courier.task
    })
    .collect()
}

/// Starts and ends couriers.
async fn look(
    server: &Arc<Server>,
    node: &Arc<LocalMember>,
    running: &mut BTreeMap<String, Running>,
) -> Result<(), StoreError> {
    let webhooks = node.store.list("webhook")?;
    running.retain(|name, courier| {
        let is_same = webhooks.iter().any(|webhook| webhook.key.name == *name && webhook.uid == courier.uid);
        if !is_same {
            courier.stop.send_replace(true);
        }
        is_same
    });
    for webhook in &webhooks {
        if running.contains_key(&webhook.key.name) {
            continue;
        }
        let (stop, stopped) = watch::channel(false);
        let courier = Courier::new(Arc::clone(server), Arc::clone(node), webhook, stopped)?;
        let task = tokio::spawn(courier.run());
        running.insert(webhook.key.name.clone(), Running { uid: webhook.uid, stop, task });
    }
    forget_orphans(server, &node.store.list(WebhookStatus::KIND)?, &webhooks).await;
    Ok(())
}

/// The status of a webhook that is gone says nothing to anybody.
async fn forget_orphans(server: &Server, statuses: &[Object], webhooks: &[Object]) {
    let is_orphan = |status: &&Object| !webhooks.iter().any(|webhook| webhook.key.name == status.key.name);
    let gone: Vec<&Object> = statuses.iter().filter(is_orphan).collect();
    if gone.is_empty() {
        return;
    }
    let changes = gone.iter().map(|status| Change::Forget { key: status.key.clone() }).collect();
    let no_webhook = gone.iter().map(|status| Expect::absent(Key::new("webhook", &status.key.name)));
    let same = gone.iter().map(|status| Expect::unchanged(status));
    if let Err(error) = submit_as(server, "webhooks".to_owned(), no_webhook.chain(same).collect(), changes).await {
        tracing::debug!(error = %error.message, "the status of a removed webhook is dropped at the next look");
    }
}
