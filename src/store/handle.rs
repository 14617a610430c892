//! The store of one member: the one handle that every other layer uses.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::error::StoreError;
use super::options::{Peer, StoreOptions};
use super::transport::{Rpc, Transport};
use crate::model::{ClusterState, Command, Key, MemberId, MemberName, Object, Reply, Revision, Term};

/// Who leads, as this member knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The leader, if there is one.
    pub leader: Option<Peer>,
    /// The term that this member is in.
    pub term: Term,
    /// Whether this member leads.
    pub is_me: bool,
    /// Since when this is so.
    pub since: tokio::time::Instant,
}

/// One member of the Raft group, as this member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its identity and address.
    pub peer: Peer,
    /// Whether it votes.
    pub role: Role,
    /// On the leader: milliseconds since the peer last answered; `None` elsewhere, and for a peer never heard.
    pub silent_ms: Option<u64>,
}

/// Whether a member votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It votes.
    Voter,
    /// It only follows.
    Learner,
}

/// The replicated state of the cluster on one member. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    applied: watch::Sender<Revision>,
    leadership: watch::Sender<Leadership>,
}

impl Store {
    /// Opens the database, replays what it must and serves reads at once.
    pub async fn open(options: StoreOptions, transport: Arc<dyn Transport>) -> Result<Store, StoreError> {
        let _ = (options, transport);
        let nobody = Leadership { leader: None, term: Term(0), is_me: false, since: tokio::time::Instant::now() };
        let (applied, leadership) = (watch::Sender::new(Revision(0)), watch::Sender::new(nobody));
        Ok(Store { inner: Arc::new(Inner { applied, leadership }) })
    }

    /// Whether this member was bootstrapped or has joined.
    pub fn is_formed(&self) -> bool {
        false
    }

    /// Forms a cluster of this member alone; returns when it leads.
    pub async fn bootstrap(&self) -> Result<(), StoreError> {
        Err(StoreError::NotFormed)
    }

    /// Puts a command into the log, on whichever member leads, and returns once this member has applied it.
    pub async fn submit(&self, command: Command) -> Result<Reply, StoreError> {
        let _ = command;
        Err(StoreError::NotFormed)
    }

    /// Everything, as applied on this member.
    pub fn state(&self) -> Result<ClusterState, StoreError> {
        Ok(ClusterState::default())
    }

    /// One object, as applied on this member.
    pub fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let _ = key;
        Ok(None)
    }

    /// All objects of a kind in the order of their keys, as applied on this member.
    pub fn list(&self, kind: &str) -> Result<Vec<Object>, StoreError> {
        let _ = kind;
        Ok(Vec::new())
    }

    /// The objects whose placement on `member` needs action. Cheap when there are none.
    pub fn work(&self, member: &MemberName) -> Result<Vec<Object>, StoreError> {
        let _ = member;
        Ok(Vec::new())
    }

    /// Makes local reads current: whatever was acknowledged anywhere before this call is applied here after it.
    pub async fn barrier(&self) -> Result<Revision, StoreError> {
        Err(StoreError::NotFormed)
    }

    /// The revision of the state on this member, as it grows.
    pub fn applied(&self) -> watch::Receiver<Revision> {
        self.inner.applied.subscribe()
    }

    /// The index of the last entry in this member's log: the same before and after means that nothing was written.
    pub fn last_log_index(&self) -> u64 {
        0
    }

    /// Who leads, as it changes.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.subscribe()
    }

    /// All members of the Raft group.
    pub fn peers(&self) -> Vec<PeerStatus> {
        Vec::new()
    }

    /// Adds a member that follows without a vote. On the leader only.
    pub async fn add_learner(&self, peer: Peer) -> Result<(), StoreError> {
        let _ = peer;
        Err(StoreError::NotFormed)
    }

    /// Makes exactly these members voters. On the leader only.
    pub async fn set_voters(&self, voters: BTreeSet<MemberId>) -> Result<(), StoreError> {
        let _ = voters;
        Err(StoreError::NotFormed)
    }

    /// Removes a member. On the leader only.
    pub async fn remove(&self, id: MemberId) -> Result<(), StoreError> {
        let _ = id;
        Err(StoreError::NotFormed)
    }

    /// Changes a member's address. On the leader only.
    pub async fn set_address(&self, peer: Peer) -> Result<(), StoreError> {
        let _ = peer;
        Err(StoreError::NotFormed)
    }

    /// Hands the lead to another voter. On the leader only.
    pub async fn transfer_leadership(&self, to: MemberId) -> Result<(), StoreError> {
        let _ = to;
        Err(StoreError::NotFormed)
    }

    /// Answers a call of a peer.
    pub async fn answer(&self, rpc: Rpc, body: Bytes) -> Result<Bytes, StoreError> {
        let _ = (rpc, body);
        Err(StoreError::NotFormed)
    }

    /// Answers a peer that has sent a snapshot: `file` is taken over.
    pub async fn receive_snapshot(&self, header: Bytes, file: PathBuf) -> Result<Bytes, StoreError> {
        let _ = (header, file);
        Err(StoreError::NotFormed)
    }

    /// Takes a snapshot now and shortens the log.
    pub async fn snapshot(&self) -> Result<(), StoreError> {
        Err(StoreError::NotFormed)
    }

    /// Stops: what was acknowledged is on disk.
    pub async fn shutdown(&self) {}
}
