//! What the leader does about creates that had to wait: when every member answers, the definitions go live.

use std::collections::BTreeMap;

use super::diff::placement::Owned;
use super::impact::liveness::offline;
use crate::kinds;
use crate::model::{
    Change, ClusterState, Config, Expect, Key, Liveness, MemberName, Object, Phase, Put, Rollout, Stage, Timestamp,
    Write,
};

/// The creates that can go on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The objects, in the order of creation.
    pub keys: Vec<Key>,
    expect: Vec<Expect>,
    changes: Vec<Change>,
}

/// The declared objects that are only defined because a member did not answer, once all members do.
///
/// Definitions that a client made member by member are left alone: their creator has not asked for the create yet.
/// `None` when there is nothing to do, which costs no more than a walk over the objects.
pub fn finish(state: &ClusterState, here: &MemberName, liveness: &Liveness) -> Option<Finish> {
    let mut waiting: Vec<&Object> = state.objects.values().filter(|object| is_waiting(object)).collect();
    if waiting.is_empty() {
        return None;
    }
    let members = state.members();
    if !offline(&members, here, liveness).is_empty() {
        return None;
    }
    waiting.sort_by_key(|object| kinds::rank(object.key.kind.as_str()));
    let generation = |key: &Key| state.get(key).map(|object| object.generation);
    let touched = waiting.iter().map(|object| object.key.clone());
    let expect = touched.chain([Key::membership()]).map(|key| Expect::at(key.clone(), generation(&key)));
    Some(Finish {
        keys: waiting.iter().map(|object| object.key.clone()).collect(),
        expect: expect.collect(),
        changes: waiting.iter().map(|object| Change::Put(live(object, &members))).collect(),
    })
}

impl Finish {
    /// The log entry that carries it out.
    pub fn write(self, request: String, at: Timestamp, by: String) -> Write {
        Write { request, at, by, origin: None, expect: self.expect, changes: self.changes }
    }
}

fn is_waiting(object: &Object) -> bool {
    object.phase == Phase::Pending && object.rollout == Rollout::EveryMember && object.applied.is_some()
}

// A member that joined in between gets its placement with the keys that the manifest has for it.
fn live(object: &Object, members: &[MemberName]) -> Put {
    let owned = Owned::read(object.applied.as_ref());
    let mut placements: BTreeMap<MemberName, Config> =
        members.iter().map(|member| (member.clone(), owned.own(member))).collect();
    let held = object.placements.iter().map(|(member, placement)| (member.clone(), placement.config.clone()));
    placements.extend(held);
    Put {
        key: object.key.clone(),
        rollout: object.rollout,
        stage: Stage::Live,
        spec: object.spec.clone(),
        applied: None,
        management: None,
        placements,
    }
}
