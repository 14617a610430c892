//! Which members answer, as the leader sees it. Never stored: it would cost a write a heartbeat.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::log_trouble::LogTrouble;
use super::name::MemberName;
use super::number::{MemberId, Term, Timestamp};

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

/// What the leader tells the others of who answers. It holds durations, so that no two clocks are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivenessReport {
    /// When it was made, by the leader's clock, which the others follow.
    pub at: Timestamp,
    /// The leader's term.
    pub term: Term,
    /// For how long it had led: of two rolls of a term the later one counts.
    pub leading_ms: u64,
    /// One entry a member.
    pub members: BTreeMap<MemberName, Seen>,
    /// The members whose logs are in trouble.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub troubles: BTreeMap<MemberName, LogTrouble>,
    /// The last decided entry that each member has confirmed: who leads next knows whose disk was put back meanwhile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confirmed: BTreeMap<MemberId, u64>,
}

/// How one member stood when a roll was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// For how long it had not been heard, in milliseconds.
    pub silent_ms: u64,
    /// See [`LastSeen::reachable`].
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

    /// The same for a member that has lost touch, this long ago: it knows of nobody but itself that they answer.
    #[must_use]
    pub fn lost(mut self, me: &MemberName, age_ms: u64) -> Self {
        let then = earlier(self.at, age_ms);
        for (_, seen) in self.members.iter_mut().filter(|(name, _)| *name != me) {
            *seen = LastSeen { heard: seen.heard.min(then), reachable: false };
        }
        self
    }
}

impl LivenessReport {
    /// Whether this one is the later of two.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.term, self.leading_ms) > (other.term, other.leading_ms)
    }

    /// Who answers now, when the roll is so old. The leader tells at once when somebody falls silent or is heard again:
    /// the silent have been so ever since, and the others have not.
    pub fn now(&self, now: Timestamp, age_ms: u64) -> Liveness {
        let seen = |seen: &Seen| {
            let silent_ms = if seen.reachable { 0 } else { seen.silent_ms.saturating_add(age_ms) };
            LastSeen { heard: earlier(now, silent_ms), reachable: seen.reachable }
        };
        Liveness { at: now, members: self.members.iter().map(|(name, it)| (name.clone(), seen(it))).collect() }
    }
}

fn earlier(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp(at.0.saturating_sub_unsigned(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(term: u64, leading_ms: u64) -> LivenessReport {
        let members = [("node1", 200, true), ("node2", 30_000, false)];
        let seen = |(name, silent_ms, reachable): (&str, u64, bool)| (name.into(), Seen { silent_ms, reachable });
        LivenessReport {
            at: Timestamp(0),
            term: Term(term),
            leading_ms,
            members: members.map(seen).into(),
            ..LivenessReport::default()
        }
    }

    #[test]
    fn of_two_rolls_the_later_counts_whatever_the_clocks_of_their_leaders_say() {
        assert!(roll(2, 500).is_newer_than(&roll(2, 100)));
        assert!(roll(3, 0).is_newer_than(&roll(2, 900_000)));
        assert!(!roll(2, 500).is_newer_than(&roll(2, 500)));
    }

    #[test]
    fn silence_goes_on_while_nobody_tells_otherwise() {
        let table = roll(1, 0).now(Timestamp(100_000), 7_000);
        assert_eq!((table.silent_ms(&"node1".into()), table.silent_ms(&"node2".into())), (Some(0), Some(37_000)));
        let lost = table.lost(&"node3".into(), 5_000);
        assert_eq!((lost.silent_ms(&"node1".into()), lost.silent_ms(&"node2".into())), (Some(5_000), Some(37_000)));
        assert!(!lost.is_reachable(&"node1".into()));
    }
}
