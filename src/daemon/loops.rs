//! The loops of one place: they run as long as this member has this store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::sources::Loader;
use super::{liveness, renew, shared_certificate, sources, webhooks};
use crate::host::Clock;
use crate::model::{Key, MemberName, Object};
use crate::reconcile::{run_leader, run_member};
use crate::service::SystemRng;
use crate::service::{HTTPS_ADDRESS, LocalMember, Server};

/// Writes come in a row; what they mean for this daemon is looked at once they have settled.
const SETTLE: Duration = Duration::from_millis(25);
/// A loop that does not end by then is in the middle of something that is repeated at the next start.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The running loops of one place.
pub struct Loops {
    stop: watch::Sender<bool>,
    name: watch::Sender<MemberName>,
    tasks: JoinSet<()>,
}

impl Loops {
    /// Starts them.
    pub fn start(server: &Arc<Server>, node: &Arc<LocalMember>, sources: PathBuf, loader: &Arc<Loader>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (name, me) = watch::channel(node.name.clone());
        let mut tasks = JoinSet::new();
        let host = server.host.clone();
        let (rng, tally) = (Box::new(SystemRng), server.tally.clone());
        let cluster: Arc<dyn Clock> = Arc::clone(&server.clock) as _;
        tasks.spawn(run_member(node.store.clone(), host, Arc::clone(&cluster), me, rng, tally, stopped.clone()));
        let (clock, chance) = (cluster, Box::new(SystemRng));
        tasks.spawn(run_leader(node.store.clone(), clock, chance, stopped.clone()));
        tasks.spawn(liveness::run(Arc::clone(server), Arc::clone(node), stopped.clone()));
        let readers = sources::Readers { server: Arc::clone(server), loader: Arc::clone(loader), homes: sources };
        tasks.spawn(sources::run(readers, Arc::clone(node), stopped.clone()));
        tasks.spawn(webhooks::run(Arc::clone(server), Arc::clone(node), stopped.clone()));
        tasks.spawn(shared_certificate::run(Arc::clone(server), Arc::clone(node), stopped.clone()));
        tasks.spawn(renew::run(Arc::clone(server), Arc::clone(node), stopped.clone()));
        tasks.spawn(follow(Arc::clone(server), Arc::clone(node), stopped));
        Self { stop, name, tasks }
    }

    /// This member has a new name.
    pub fn rename(&self, name: &MemberName) {
        self.name.send_replace(name.clone());
    }

    /// Ends them, those that take too long in the middle.
    pub async fn end(mut self) {
        self.stop.send_replace(true);
        let ended = timeout(END_LIMIT, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            self.tasks.abort_all();
        }
    }
}

/// Draws what the stored state means for this daemon itself: whom it trusts and where it listens.
async fn follow(server: Arc<Server>, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut applied = node.store.applied();
    let mut before = None;
    loop {
        applied.borrow_and_update();
        server.trust.refresh(&node.store);
        // Read only when nobody is about to change it: it would move the ports back.
        let turn = server.ports.lock().await;
        match node.store.get(&Key::server()) {
            Ok(Some(config)) if before != Some(config.generation) => {
                if listen(&server, &config, before.is_none()).await {
                    before = Some(config.generation);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read the server configuration"),
        }
        drop(turn);
        sleep(SETTLE).await;
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            _ = stop.changed() => return,
        }
    }
}

/// Whether this member has its keys in the configuration: while a cluster is formed, it may not have its name yet.
async fn listen(server: &Arc<Server>, config: &Object, is_first: bool) -> bool {
    let name = server.node().name.clone();
    let Some(placement) = config.placements.get(&name) else { return false };
    // At the first look the ports are as they were stored, or somebody who forms a cluster has just opened them.
    if (!is_first || placement.config.value(HTTPS_ADDRESS).is_some())
        && let Err(error) = server.lifecycle.listen(server, &placement.config).await
    {
        tracing::error!(error = %error.message, "the ports stay as they are");
    }
    true
}
