//! Which members answer, as the leader sees it. Never stored: it would cost a write a heartbeat.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::MemberName;
use super::number::Timestamp;

/// When each member was last heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    /// When the table was made.
    pub at: Timestamp,
    /// One entry a member.
    pub members: BTreeMap<MemberName, LastSeen>,
}

/// When one member was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// The last acknowledged heartbeat.
    pub heard: Timestamp,
    /// Whether it answers: for changes of all members, seconds count, not the 20 s of `cluster.offline_threshold`.
    pub reachable: bool,
}

impl Liveness {
    /// Whether a member answers. A member that the table does not know does not.
    pub fn is_reachable(&self, member: &MemberName) -> bool {
        self.members.get(member).is_some_and(|seen| seen.reachable)
    }

    /// How long a member has been silent, in milliseconds; `None` for one that the table does not know.
    pub fn silent_ms(&self, member: &MemberName) -> Option<u64> {
        self.members.get(member).map(|seen| self.at.since_ms(seen.heard))
    }
}
