//! What a store needs to know before it opens.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::MemberId;

/// Where a member keeps its database and who it is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The directory of the database: made when it is missing, mode 0700.
    pub dir: PathBuf,
    /// This member. The id must be the one that the directory was made with.
    pub me: Peer,
    /// How patient Raft is.
    pub timing: Timing,
}

/// A member as Raft knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Never used again after the member has gone.
    pub id: MemberId,
    /// `ip:port`; empty while the member stands alone.
    pub address: String,
}

/// How patient Raft is, and how much of the log it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Milliseconds between two heartbeats of the leader.
    pub heartbeat_ms: u64,
    /// The shortest silence of the leader, in milliseconds, after which a member stands for election.
    pub election_ms_min: u64,
    /// The longest such silence. A failover takes about this plus a value between both.
    pub election_ms_max: u64,
    /// A snapshot is taken after so many entries.
    pub snapshot_after_entries: u64,
    /// So many entries stay in the log after a snapshot, for members that were away for a moment.
    pub keep_entries: u64,
    /// How long a call of a client waits, in milliseconds, before its outcome counts as unknown.
    pub wait_ms_max: u64,
}

impl Default for Timing {
    /// For members in one building: a killed leader is replaced after about a second. A follower stands for election
    /// after `election_ms_max` of silence and a random part more, so that three heartbeats may be lost; more of them
    /// would only cost idle members their rest.
    fn default() -> Self {
        Self {
            heartbeat_ms: 250,
            election_ms_min: 300,
            election_ms_max: 600,
            snapshot_after_entries: 5000,
            keep_entries: 2000,
            wait_ms_max: 10_000,
        }
    }
}

impl Timing {
    /// How long a call of a client waits.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }
}
