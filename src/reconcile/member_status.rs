//! The members as the leader sees them: their records, and when Raft last heard them.

use std::collections::{BTreeMap, BTreeSet};

use super::voters::Candidate;
use crate::model::{
    Config, Key, LastSeen, Liveness, MemberId, MemberName, Object, Phase, SILENT_MS_MAX, Seen, Timestamp,
};
use crate::store::{Leadership, PeerStatus, Role, Store, StoreError};

/// `cluster.offline_threshold` where it is not set.
const OFFLINE_S: u64 = 20;

/// All members, and who of them votes.
pub struct Roster {
    pub(super) leader: MemberId,
    pub(super) voters: BTreeSet<MemberId>,
    members: Vec<Entry>,
}

struct Entry {
    name: MemberName,
    silent_ms: u64,
    candidate: Candidate,
}

impl Roster {
    /// As it is now; `None` when this member does not lead any more.
    pub fn read(store: &Store, leadership: &Leadership, config: &Config) -> Result<Option<Self>, StoreError> {
        let Some(leader) = leadership.leader.as_ref().map(|leader| leader.id) else { return Ok(None) };
        let peers: BTreeMap<MemberId, PeerStatus> = store.peers().into_iter().map(|it| (it.peer.id, it)).collect();
        let leading_ms = u64::try_from(leadership.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let records = store.list(Key::MEMBER)?;
        let joined = records.iter().filter(|record| record.phase == Phase::Created);
        let members = joined.map(|record| entry(record, &peers, leader, leading_ms, offline_ms(config))).collect();
        let is_voter = |peer: &&PeerStatus| peer.role == Role::Voter;
        let voters = peers.values().filter(is_voter).map(|peer| peer.peer.id).collect();
        Ok(Some(Self { leader, voters, members }))
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        self.members.iter().map(|member| member.candidate.clone()).collect()
    }

    /// The name of the member that leads, which is this one.
    pub(super) fn me(&self) -> Option<&MemberName> {
        self.members.iter().find(|member| member.candidate.id == self.leader).map(|member| &member.name)
    }

    /// For how long each member has been silent. One that a new leader has not heard yet counts as silent since that one
    /// leads, and answers until then.
    pub fn seen(&self) -> BTreeMap<MemberName, Seen> {
        let seen = |member: &Entry| Seen { silent_ms: member.silent_ms, reachable: member.silent_ms <= SILENT_MS_MAX };
        self.members.iter().map(|member| (member.name.clone(), seen(member))).collect()
    }

    pub(super) fn liveness(&self, at: Timestamp) -> Liveness {
        let seen = |member: &Entry| LastSeen {
            heard: Timestamp(at.0.saturating_sub_unsigned(member.silent_ms)),
            reachable: member.candidate.is_reachable,
        };
        Liveness { at, members: self.members.iter().map(|member| (member.name.clone(), seen(member))).collect() }
    }
}

/// Reads two fields by name rather than the whole record: a newer version may have added some, and a voter must not
/// count as gone because of it.
fn entry(
    record: &Object,
    peers: &BTreeMap<MemberId, PeerStatus>,
    leader: MemberId,
    leading_ms: u64,
    offline_ms: u64,
) -> Entry {
    let id = id_of(record);
    let heard_ms = peers.get(&id).and_then(|peer| peer.silent_ms);
    let silent_ms = if id == leader { 0 } else { heard_ms.unwrap_or(leading_ms) };
    let candidate = Candidate {
        id,
        failure_domain: domain(record.spec.text("failure_domain")).to_owned(),
        is_reachable: id == leader || heard_ms.is_some_and(|silent_ms| silent_ms <= SILENT_MS_MAX),
        is_offline: silent_ms > offline_ms,
    };
    Entry { name: MemberName(record.key.name.clone()), silent_ms, candidate }
}

/// The Raft identity of a record: one that is still joining has only the number of its entry.
pub(super) fn id_of(record: &Object) -> MemberId {
    let id = record.spec.0.get("id").and_then(serde_json::Value::as_u64).filter(|id| *id > 0);
    MemberId(id.unwrap_or(record.uid.0))
}

fn domain(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

fn offline_ms(config: &Config) -> u64 {
    let set = config.value("cluster.offline_threshold").and_then(|text| text.parse::<u64>().ok());
    set.unwrap_or(OFFLINE_S).saturating_mul(1000)
}
