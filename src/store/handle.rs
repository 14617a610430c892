//! The store of one member: the one handle that every other layer uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::WatchReceiver;
use openraft::error::{InitializeError, RaftError};
use openraft::{Config as RaftConfig, SnapshotPolicy};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::error::StoreError;
use super::failure::Failure;
use super::freshness::{self, Freshness, LeaderContact};
use super::inner::{self, Inner};
use super::lock::DirLock;
use super::log::LogStore;
use super::machine::{AuditAsk, Incoming, StateMachine};
use super::options::{Peer, StoreOptions, Timing};
use super::raft::leadership::{self, Leadership, PeerStatus};
use super::raft::log_match::Replicas;
use super::raft::network::{Addresses, Network};
use super::raft::transport::{Rpc, Transport};
use super::raft::types::{Raft, node};
use super::raft::{members, rpc_server};
use super::{disk, read_index, submit};
use crate::model::{
    AuditCheck, Audited, ClusterState, Command, Key, Known, MemberId, MemberName, Object, ReadSet, Reply, Revision,
};

/// How long a member whose vote is the only one takes to lead, at most.
const ALONE: Duration = Duration::from_secs(2);

/// While a snapshot is being taken, a call for another one is lost: it is called for again after this time.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The replicated state of the cluster on one member. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens the database, replays what it must and serves reads at once.
    ///
    /// # Errors
    /// Where the directory cannot be written, is in use, belongs to another member, or holds files that are foreign,
    /// newer than this program, or damaged.
    pub async fn open(options: StoreOptions, transport: Arc<dyn Transport>) -> Result<Store, StoreError> {
        let StoreOptions { dir, me, timing } = options;
        let failure = Failure::default();
        let opened = {
            let (dir, failure, id) = (dir.clone(), failure.clone(), me.id);
            tokio::task::spawn_blocking(move || open_files(&dir, id, failure)).await
        };
        let (lock, log, machine) = opened.map_err(|panic| failure.error(panic))??;
        let (addresses, replicas) = (Addresses::default(), Replicas::default());
        let network = Network { me: me.id, transport, addresses, replicas, untold: Arc::default() };
        let config = Arc::new(raft_config(&timing)?);
        let raft = Raft::new(me.id.0, config, network.clone(), log.clone(), machine.clone()).await;
        let raft = raft.map_err(|fatal| failure.error(fatal))?;
        let (parcels, parcels_out) = mpsc::unbounded_channel();
        let (readers, readers_out) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            me,
            dir,
            timing,
            raft,
            log,
            machine,
            network,
            failure,
            leadership: watch::Sender::new(Leadership::nobody()),
            parcels,
            readers,
            tasks: Mutex::default(),
            contact: LeaderContact::new(),
            incoming: AtomicU64::new(0),
            lock: Mutex::new(Some(lock)),
            is_closing: AtomicBool::new(false),
            changing: tokio::sync::Mutex::default(),
        });
        inner::start_tasks(&inner, parcels_out, readers_out);
        let store = Store { inner };
        store.elect_if_alone().await?;
        Ok(store)
    }

    /// A member whose vote is the only one need not wait for the silence of a leader.
    async fn elect_if_alone(&self) -> Result<(), StoreError> {
        let me = self.inner.me.id;
        let alone = self
            .inner
            .raft
            .with_raft_state(move |state| state.membership_state.effective().membership().voter_ids().eq([me.0]));
        if alone.await.map_err(|fatal| self.inner.fatal(&fatal))? {
            self.inner.raft.trigger().elect(false).await.map_err(|fatal| self.inner.fatal(&fatal))?;
            // It hangs on this member's own disk only, and whoever asks at once shall not be told that nobody leads.
            let _current = timeout(ALONE, self.barrier()).await;
        }
        Ok(())
    }

    /// Whether this member was bootstrapped or has joined.
    pub fn is_formed(&self) -> bool {
        !self.inner.log.is_pristine()
    }

    /// Whether the Raft group has no member but this one: it can lead at once, and its word is the cluster's.
    pub fn is_alone(&self) -> bool {
        self.peers().iter().all(|status| status.peer.id == self.inner.me.id)
    }

    /// Returns when everything that this member knows to be committed is known to its log on disk: a power cut from now
    /// on does not take the state back behind what it is at this moment. Writes of the last moments would be applied
    /// again only once there is a leader.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.inner.log.sync().await.map_err(|error| self.inner.failure.error(error))
    }

    /// Forms a cluster of this member alone; returns when it leads. Harmless where that was done before.
    ///
    /// # Errors
    /// When the log cannot be written, or when this member is one of several and none leads.
    pub async fn bootstrap(&self) -> Result<(), StoreError> {
        let me = &self.inner.me;
        match self.inner.raft.initialize(BTreeMap::from([(me.id.0, node(me))])).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(RaftError::APIError(error)) => return Err(self.inner.failure.error(error)),
            Err(RaftError::Fatal(fatal)) => return Err(self.inner.fatal(&fatal)),
        }
        self.barrier().await.map(drop)
    }

    /// Puts a command into the log, on whichever member leads, and returns once this member has applied it.
    ///
    /// A [`Write`](crate::model::Write) is carried out once, however often it is submitted: its `request` tells.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] leaves the outcome open; after any other error nothing was carried out. A failed precondition is no error but [`Reply::Refused`].
    pub async fn submit(&self, command: Command) -> Result<Reply, StoreError> {
        submit::submit(&self.inner, command).await
    }

    /// The part of the state that `ask` asks for, at one revision, as applied on this member. `ask` is given what was
    /// read so far, until it asks for nothing new.
    pub fn part(&self, ask: &dyn Fn(&Known) -> ReadSet) -> Result<ClusterState, StoreError> {
        self.inner.machine.reads().part(ask)
    }

    /// Everything, as applied on this member: as slow as there are many objects.
    pub fn state(&self) -> Result<ClusterState, StoreError> {
        self.inner.machine.reads().state()
    }

    /// One object, as applied on this member.
    pub fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.inner.machine.reads().get(key)
    }

    /// All objects of a kind in the order of their keys, as applied on this member.
    pub fn list(&self, kind: &str) -> Result<Vec<Object>, StoreError> {
        self.inner.machine.reads().list(kind)
    }

    /// The audit log of this member, the newest entries first.
    pub fn audit(&self, ask: &AuditAsk) -> Result<Vec<Audited>, StoreError> {
        self.inner.machine.reads().audit(ask)
    }

    /// At most `limit` entries of the audit log of this member that follow the entry `after`, the oldest first.
    pub fn audit_next(&self, after: Revision, limit: usize) -> Result<Vec<Audited>, StoreError> {
        self.inner.machine.reads().audit_next(after, limit)
    }

    /// Walks the audit log of this member, and hashes its entries from `from` to `to` by themselves, so that members
    /// that keep more or less of it can be compared.
    pub fn audit_check(&self, from: Revision, to: Revision) -> Result<AuditCheck, StoreError> {
        self.inner.machine.reads().audit_check(from, to)
    }

    /// The objects whose placement on `member` needs action. Cheap when there are none.
    pub fn work(&self, member: &MemberName) -> Result<Vec<Object>, StoreError> {
        self.inner.machine.reads().work(member)
    }

    /// Makes local reads current: whatever was acknowledged anywhere before this call is applied here after it.
    pub async fn barrier(&self) -> Result<Revision, StoreError> {
        read_index::barrier(&self.inner).await
    }

    /// The revision of the state on this member, as it grows.
    pub fn applied(&self) -> watch::Receiver<Revision> {
        self.inner.machine.revision()
    }

    /// The index of the last entry in this member's log: the same before and after means that nothing was written.
    pub fn last_log_index(&self) -> u64 {
        self.inner.log.last_index()
    }

    /// Who leads, as it changes.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.subscribe()
    }

    /// How old this member's copy of the state is at this moment.
    pub fn freshness(&self) -> Freshness {
        freshness::freshness(&self.inner)
    }

    /// Takes what members had confirmed to a leader of what was decided, by the index of the entry: should this member lead
    /// next, it knows whose disk was put back meanwhile.
    pub fn remember_confirmed(&self, confirmed: &BTreeMap<MemberId, u64>) {
        self.inner.network.replicas.remember(confirmed);
    }

    /// All members of the Raft group.
    pub fn peers(&self) -> Vec<PeerStatus> {
        leadership::peers(&self.inner)
    }

    /// Adds a member that follows without a vote, and waits until it has what was there when it came. On the leader only.
    pub async fn add_learner(&self, peer: Peer) -> Result<(), StoreError> {
        members::add_learner(&self.inner, peer).await
    }

    /// Makes exactly these members voters; other voters become learners. On the leader only.
    pub async fn set_voters(&self, voters: BTreeSet<MemberId>) -> Result<(), StoreError> {
        members::set_voters(&self.inner, voters).await
    }

    /// Removes a member for good. On the leader only, which cannot remove itself.
    pub async fn remove(&self, id: MemberId) -> Result<(), StoreError> {
        members::remove(&self.inner, id).await
    }

    /// Changes where a member is found. On the leader only.
    pub async fn set_address(&self, peer: Peer) -> Result<(), StoreError> {
        members::set_address(&self.inner, peer).await
    }

    /// Hands the lead to another voter; returns when that one leads. On the leader only.
    pub async fn transfer_leadership(&self, to: MemberId) -> Result<(), StoreError> {
        members::transfer(&self.inner, to).await
    }

    /// Answers a call of a peer. Whoever calls this has made sure that it is a member that calls.
    pub async fn answer(&self, rpc: Rpc, body: Bytes) -> Result<Bytes, StoreError> {
        rpc_server::answer(&self.inner, rpc, &body).await
    }

    /// A fresh file in the store's directory for a snapshot that is coming in.
    pub fn incoming(&self) -> Incoming {
        Incoming::new(&self.inner.dir, self.inner.incoming.fetch_add(1, Ordering::Relaxed))
    }

    /// Answers a peer that has sent a snapshot, which lies in `file`. The file is taken over, or removed where it cannot
    /// be used; that is brought to its end also when the peer hangs up meanwhile.
    pub async fn receive_snapshot(&self, header: Bytes, file: Incoming) -> Result<Bytes, StoreError> {
        let inner = Arc::clone(&self.inner);
        let received = tokio::spawn(async move { rpc_server::receive_snapshot(&inner, &header, file).await });
        received.await.map_err(|panic| self.inner.failure.error(panic))?
    }

    /// Takes a snapshot now and shortens the log; returns when it is on disk.
    pub async fn snapshot(&self) -> Result<(), StoreError> {
        let started = Instant::now();
        let goal = self.inner.machine.progress().borrow().index();
        let mut metrics = self.inner.raft.metrics();
        let taken = async {
            loop {
                self.inner.machine.want_snapshot();
                self.inner.raft.trigger().snapshot().await.map_err(|fatal| self.inner.fatal(&fatal))?;
                let is_over = metrics
                    .wait_until(|now| now.snapshot.is_some_and(|id| id.index >= goal) || now.running_state.is_err());
                if timeout(ASK_AGAIN, is_over).await.is_ok() {
                    return Ok::<(), StoreError>(());
                }
            }
        };
        let result = timeout(self.inner.timing.wait(), taken).await;
        self.inner.failure.check()?;
        result.unwrap_or_else(|_| Err(StoreError::Timeout { waited_ms: submit::millis(started.elapsed()) }))
    }

    /// Returns once this store has stopped by itself, as with a full disk: it takes no writes and answers no reads, for
    /// what it has may be old. Only opening it anew helps. Never returns because of a [`shutdown`](Self::shutdown).
    pub async fn stopped(&self) -> StoreError {
        self.inner.failure.happened().await
    }

    /// Stops. What was acknowledged is on disk; reads and writes fail from now on.
    pub async fn shutdown(&self) {
        let inner = self.inner.clone();
        // Nobody may ask Raft for anything any more when it ends: it would call that an error.
        inner.is_closing.store(true, Ordering::Relaxed);
        let tasks = inner.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        // Whether openraft ended well or not, the files are closed all the same.
        let _ended = inner.raft.shutdown().await;
        inner.leadership.send_replace(Leadership::nobody());
        let closing = tokio::task::spawn_blocking(move || {
            inner.log.close();
            inner.machine.close();
            if let Ok(mut lock) = inner.lock.lock() {
                lock.take();
            }
        });
        let _panicked = closing.await;
    }
}

fn open_files(
    dir: &std::path::Path,
    id: MemberId,
    failure: Failure,
) -> Result<(DirLock, LogStore, StateMachine), StoreError> {
    disk::make_dir(dir)?;
    let lock = disk::lock_dir(dir)?;
    let log = LogStore::open(dir, id, failure.clone())?;
    let machine = StateMachine::open(dir, failure)?;
    Ok((lock, log, machine))
}

fn raft_config(timing: &Timing) -> Result<RaftConfig, StoreError> {
    let config = RaftConfig {
        cluster_name: "seedbed".to_owned(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_ms_min,
        election_timeout_max: timing.election_ms_max,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(timing.snapshot_after_entries),
        max_in_snapshot_log_to_keep: timing.keep_entries,
        replication_lag_threshold: timing.snapshot_after_entries + timing.keep_entries,
        enable_pre_vote: Some(true),
        // A follower whose disk was put back to an old copy has lost what it confirmed: it is sent it again. What makes
        // openraft advise against it is that such a member may vote twice in one term; see `fitness`.
        allow_log_reversion: Some(true),
        // A state that was rolled back by a power cut must not answer reads as the leader that it was.
        enable_leader_restore: Some(false),
        backoff: "50ms 100ms 200ms ...500ms".to_owned(),
        ..RaftConfig::default()
    };
    config.validate().map_err(|error| StoreError::Membership {
        doing: "use these Raft timings".to_owned(),
        detail: error.to_string(),
    })
}
