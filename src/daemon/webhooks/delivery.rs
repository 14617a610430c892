//! Sends what there is to tell to one webhook, one message after the other, for as long as this member leads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::SETTLE;
use super::outbox::{Outbox, record_of};
use super::retry::{News, hold_ms, wait_ms};
use super::watched_status::standings;
use crate::api::ApiError;
use crate::client::Outside;
use crate::kinds::records::history::Applied;
use crate::kinds::webhook::{WebhookSpec, WebhookStatus};
use crate::model::{Audited, Generation, Key, Object, Revision};
use crate::service::{LocalMember, Server, SystemRng, set_webhook_status, store_failed, typed};
use crate::store::StoreError;

/// How often it is looked whether a member or a source stands otherwise: silence makes no entry in the log.
const LOOK: Duration = Duration::from_secs(1);
/// So many entries of the log are read at once.
const BATCH: usize = 500;
/// Writing down how far the messages have got must not hold anything up for long.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// The courier of one webhook.
pub struct Courier {
    server: Arc<Server>,
    node: Arc<LocalMember>,
    key: Key,
    uid: Revision,
    stop: watch::Receiver<bool>,
    ledger: Outbox,
    status: WebhookStatus,
    kept: Kept,
    way: Option<Way>,
    failures: u32,
    /// When the next attempt is due.
    due: Instant,
}

/// What is stored of the status.
struct Kept {
    generation: Option<Generation>,
    status: WebhookStatus,
    at: Option<Instant>,
}

/// The way to the other end, for one version of the webhook.
struct Way {
    generation: Generation,
    to: Result<(Outside, Vec<u8>), String>,
}

/// How an attempt went.
#[derive(PartialEq, Eq)]
enum Sent {
    Taken,
    Failed,
    /// There is nothing to send now.
    Nothing,
    /// This member leads no more.
    Stopped,
}

impl Courier {
    /// A courier that goes on where the one before has stopped.
    pub fn new(
        server: Arc<Server>,
        node: Arc<LocalMember>,
        webhook: &Object,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        let stored = node.store.get(&WebhookStatus::key(&webhook.key.name))?;
        let status: Option<WebhookStatus> = stored.as_ref().and_then(|object| typed(object).ok());
        let status = status.filter(|status| status.of == webhook.uid);
        let status = status.unwrap_or_else(|| WebhookStatus { of: webhook.uid, ..WebhookStatus::default() });
        let kept = Kept { generation: stored.map(|object| object.generation), status: status.clone(), at: None };
        let (key, uid, ledger) = (webhook.key.clone(), webhook.uid, Outbox::after(&status));
        let due = Instant::now();
        Ok(Self { server, node, key, uid, stop, ledger, status, kept, way: None, failures: 0, due })
    }

    /// Sends until it is told to stop or the webhook is gone.
    pub async fn run(mut self) {
        let mut applied = self.node.store.applied();
        while !*self.stop.borrow() {
            applied.borrow_and_update();
            let Some((webhook, spec)) = self.webhook() else { return };
            if let Err(error) = self.look(&spec) {
                tracing::warn!(webhook = %self.key.name, error = %error.message, "cannot see what there is to tell");
            }
            let sent = self.deliver(&webhook, &spec).await;
            if self.pause() == Some(Duration::ZERO) {
                self.write(&webhook).await;
            }
            match sent {
                Sent::Stopped => break,
                Sent::Taken => continue,
                Sent::Failed | Sent::Nothing => {}
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { break } else { sleep(SETTLE).await },
                () = sleep(self.wait()) => {}
                _ = self.stop.changed() => {}
            }
        }
        if let Some((webhook, _)) = self.webhook().filter(|_| self.news() != News::None) {
            self.write(&webhook).await;
        }
    }

    /// The webhook as it is now; `None` when it is gone.
    fn webhook(&self) -> Option<(Object, WebhookSpec)> {
        let object = self.node.store.get(&self.key).ok().flatten().filter(|object| object.uid == self.uid)?;
        let spec = typed(&object).ok()?;
        Some((object, spec))
    }

    fn look(&mut self, spec: &WebhookSpec) -> Result<(), ApiError> {
        let store = &self.node.store;
        loop {
            let applied = *store.applied().borrow();
            let entries = store.audit_next(self.ledger.read(), BATCH).map_err(store_failed)?;
            for audited in &entries {
                let record = self.record(audited)?;
                self.ledger.take_entry(audited, record.as_ref(), spec);
                self.ledger.shorten(&mut self.status);
            }
            if entries.len() < BATCH {
                self.ledger.skip_to(applied);
                break;
            }
        }
        self.ledger.take_standings(&standings(&self.server, &self.node)?, spec, self.server.now());
        self.ledger.shorten(&mut self.status);
        self.ledger.forget(&mut self.status);
        Ok(())
    }

    fn record(&self, audited: &Audited) -> Result<Option<Applied>, ApiError> {
        let Some(key) = record_of(&audited.entry) else { return Ok(None) };
        let found = self.node.store.get(&key).map_err(store_failed)?;
        found.as_ref().map(typed).transpose()
    }

    async fn deliver(&mut self, webhook: &Object, spec: &WebhookSpec) -> Sent {
        if self.way.as_ref().is_none_or(|way| way.generation != webhook.generation) {
            // A webhook that was changed may lead elsewhere: that is tried at once.
            (self.failures, self.due) = (0, Instant::now());
            self.way = Some(Way { generation: webhook.generation, to: way(spec) });
        }
        let Some(letter) = self.ledger.first().filter(|_| self.due <= Instant::now()) else { return Sent::Nothing };
        let sent = match self.way.as_ref().map(|way| &way.to) {
            Some(Ok((to, key))) => tokio::select! {
                sent = letter.send(&self.server, to, key, self.status.dropped) => sent,
                _ = self.stop.changed() => return Sent::Stopped,
            },
            Some(Err(why)) => Err(why.clone()),
            None => return Sent::Nothing,
        };
        match sent {
            Ok(()) => self.taken(),
            Err(why) => self.failed(why),
        }
    }

    fn taken(&mut self) -> Sent {
        self.ledger.done(&mut self.status);
        self.status.last_delivery = Some(self.server.now());
        self.failures = 0;
        if self.status.failing_since.take().is_some() {
            self.status.error.clear();
            tracing::info!(webhook = %self.key.name, "messages are taken again");
        }
        Sent::Taken
    }

    fn failed(&mut self, why: String) -> Sent {
        self.failures = self.failures.saturating_add(1);
        self.due = Instant::now() + Duration::from_millis(wait_ms(self.failures, &mut SystemRng));
        if self.status.failing_since.is_none() {
            self.status.failing_since = Some(self.server.now());
            tracing::warn!(webhook = %self.key.name, %why, "a message was not taken; it is sent again until it is");
        }
        self.status.error = why;
        Sent::Failed
    }

    fn news(&self) -> News {
        if self.status.failing_since.is_some() != self.kept.status.failing_since.is_some() {
            News::Turn
        } else if self.status != self.kept.status {
            News::Progress
        } else {
            News::None
        }
    }

    /// How long what is new must not be written down yet; `None` when nothing is new.
    fn pause(&self) -> Option<Duration> {
        let written_ms = self.kept.at.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        hold_ms(self.news(), written_ms).map(Duration::from_millis)
    }

    fn wait(&self) -> Duration {
        let attempt = self.ledger.first().map(|_| self.due.saturating_duration_since(Instant::now()));
        [Some(LOOK), attempt, self.pause()].into_iter().flatten().min().unwrap_or(LOOK)
    }

    async fn write(&mut self, webhook: &Object) {
        let writing = set_webhook_status(&self.server, webhook, self.kept.generation, &self.status);
        let written = timeout(WRITE_LIMIT, writing).await;
        self.kept.at = Some(Instant::now());
        if let Ok(Ok(())) = written {
            self.kept.generation = Some(Generation(self.kept.generation.map_or(0, |old| old.0) + 1));
            self.kept.status = self.status.clone();
            return;
        }
        // Another leader may have written, or the answer was lost: this one goes on from what stands there as long as it leads.
        if !*self.stop.borrow()
            && let Ok(stored) = self.node.store.get(&WebhookStatus::key(&self.key.name))
        {
            self.kept.generation = stored.map(|object| object.generation);
        }
        tracing::debug!(webhook = %self.key.name, "how far the messages have got was not written down");
    }
}

fn way(spec: &WebhookSpec) -> Result<(Outside, Vec<u8>), String> {
    let key = spec.key().ok_or("the webhook has no usable secret")?;
    let to = Outside::new(&spec.url, &spec.ca).map_err(|error| error.to_string())?;
    Ok((to, key))
}
