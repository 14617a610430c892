//! What the parts of a store share, and how they wait for each other.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use openraft::RaftMetrics;
use openraft::async_runtime::WatchReceiver;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::error::StoreError;
use super::failure::Failure;
use super::freshness::LeaderContact;
use super::lock::DirLock;
use super::log::LogStore;
use super::machine::{Progress, StateMachine};
use super::options::{Peer, Timing};
use super::raft::leadership::Leadership;
use super::raft::network::Network;
use super::raft::types::{Config, Raft};
use super::submit::{PendingProposal, millis};

/// The store behind its handle.
pub(super) struct Inner {
    pub(super) me: Peer,
    pub(super) dir: PathBuf,
    pub(super) timing: Timing,
    pub(super) raft: Raft,
    pub(super) log: LogStore,
    pub(super) machine: StateMachine,
    pub(super) network: Network,
    pub(super) failure: Failure,
    pub(super) leadership: watch::Sender<Leadership>,
    pub(super) parcels: mpsc::UnboundedSender<PendingProposal>,
    pub(super) readers: mpsc::UnboundedSender<oneshot::Sender<Option<u64>>>,
    pub(super) tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    /// Whether the store is being closed by its owner: nothing that ends from now on is a failure.
    pub(super) is_closing: AtomicBool,
    /// Held by whoever changes the group.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// What was heard of the leader.
    pub(super) contact: LeaderContact,
    /// Numbers the snapshots that come in.
    pub(super) incoming: AtomicU64,
    /// Held while the directory is in use.
    pub(super) lock: Mutex<Option<DirLock>>,
}

impl Inner {
    /// Whether this member takes part in a cluster, has not failed and is not being closed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.check_open()?;
        match self.log.is_pristine() {
            true => Err(StoreError::NotFormed),
            false => Ok(()),
        }
    }

    /// Whether it has not failed and is not being closed.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        self.failure.check()?;
        match self.is_closing.load(Ordering::Relaxed) {
            true => Err(StoreError::Closed),
            false => Ok(()),
        }
    }

    /// Raft has ended. Unless its owner closes the store, that is a failure as any other.
    pub(super) fn raft_has_ended(&self) {
        if !self.is_closing.load(Ordering::Relaxed) {
            let why = self.metrics().running_state.err().map_or_else(String::new, |fatal| format!(": {fatal}"));
            self.failure.stop_because(format!("Raft has ended{why}"));
        }
    }

    pub(super) fn knows_leader(&self) -> bool {
        self.leadership.borrow().leader.is_some()
    }

    /// The error of a call that found nobody to lead.
    pub(super) fn no_leader(&self) -> StoreError {
        StoreError::NoLeader { silent_ms: millis(self.leadership.borrow().since.elapsed()) }
    }

    /// The leader, once there is one.
    pub(super) async fn wait_for_leader(&self, deadline: Instant) -> Option<Peer> {
        let mut leadership = self.leadership.subscribe();
        let found = timeout_at(deadline, leadership.wait_for(|now| now.leader.is_some())).await;
        found.ok()?.ok()?.leader.clone()
    }

    /// Returns when somebody else than `old` leads, or nobody.
    pub(super) async fn wait_for_other_leader(&self, old: Peer) {
        let mut leadership = self.leadership.subscribe();
        // The sender lives as long as the store, so that waiting cannot fail.
        let _closed = leadership.wait_for(|now| now.leader.as_ref() != Some(&old)).await;
    }

    /// Returns when this member has applied the entry `index`.
    pub(super) async fn wait_applied(
        &self,
        index: u64,
        started: Instant,
        deadline: Instant,
    ) -> Result<Progress, StoreError> {
        let mut progress = self.machine.progress();
        let reached = timeout_at(deadline, progress.wait_for(|now| now.index() >= index)).await;
        match reached {
            Ok(Ok(now)) => Ok(*now),
            Ok(Err(_)) | Err(_) => {
                self.failure.check()?;
                Err(StoreError::Timeout { waited_ms: millis(started.elapsed()) })
            }
        }
    }

    /// What openraft says of itself at this moment. Cloned at once: whoever holds it holds up openraft.
    pub(super) fn metrics(&self) -> RaftMetrics<Config> {
        self.raft.metrics().borrow_watched().clone()
    }

    /// What openraft's end means to a caller.
    pub(super) fn fatal(&self, fatal: &openraft::error::Fatal<Config>) -> StoreError {
        self.failure.error(fatal)
    }
}

/// What the tasks hold: they must not keep the store alive.
pub(super) type Owner = std::sync::Weak<Inner>;

/// Everything that the store runs beside openraft.
pub(super) fn start_tasks(
    inner: &Arc<Inner>,
    parcels: mpsc::UnboundedReceiver<PendingProposal>,
    readers: mpsc::UnboundedReceiver<oneshot::Sender<Option<u64>>>,
) {
    let tasks = [
        tokio::spawn(super::raft::leadership::follow(Arc::downgrade(inner), inner.raft.server_metrics())),
        tokio::spawn(super::submit::forward(Arc::downgrade(inner), parcels)),
        tokio::spawn(super::read_index::serve(Arc::downgrade(inner), readers)),
        tokio::spawn(super::raft::heartbeat::keep(Arc::downgrade(inner))),
    ];
    if let Ok(mut running) = inner.tasks.lock() {
        running.extend(tasks);
    }
}
