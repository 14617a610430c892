//! The types that openraft is built with here, and short names for those that it derives.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use openraft::BasicNode;
use openraft::type_config::alias;
use serde::{Deserialize, Serialize};

use crate::model::{Command, MemberId, Reply};
use crate::store::machine::StateMachine;
use crate::store::options::Peer;

openraft::declare_raft_types!(
    /// What openraft is instantiated with.
    pub Config:
        D = Proposal,
        R = Reply,
        NodeId = u64,
        Node = BasicNode,
);

pub type Raft = openraft::Raft<Config, StateMachine>;
pub type Entry = alias::EntryOf<Config>;
pub type LogId = alias::LogIdOf<Config>;
pub type Vote = alias::VoteOf<Config>;
pub type StoredMembership = alias::StoredMembershipOf<Config>;
pub type SnapshotMeta = alias::SnapshotMetaOf<Config>;
pub type Snapshot = alias::SnapshotOf<Config, PathBuf>;

/// A command in the form in which it lies in the log, see [`codec`](super::codec).
///
/// openraft carries the bytes and never looks inside, so that its format and ours change separately.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct Proposal {
    pub bytes: Bytes,
    /// The same command, where it was at hand when the bytes were made: saves the leader the reading.
    pub command: Option<Arc<Command>>,
}

impl From<Vec<u8>> for Proposal {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), command: None }
    }
}

impl From<Proposal> for Vec<u8> {
    fn from(proposal: Proposal) -> Self {
        proposal.bytes.into()
    }
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for Proposal {
    /// Only the size: a command may carry what must not stand in a log file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proposal({} bytes)", self.bytes.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A member in openraft's words.
pub fn node(peer: &Peer) -> BasicNode {
    BasicNode::new(&peer.address)
}

/// A member in our words.
pub fn peer(id: u64, node: &BasicNode) -> Peer {
    Peer { id: MemberId(id), address: node.addr.clone() }
}
