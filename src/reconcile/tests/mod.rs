//! The pass on a fake machine, and the loops on a real store.

mod loops;
mod passes;

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::{
    Condition, Config, Generation, Key, MemberName, Object, Phase, Placement, PlacementPhase, Revision, Rollout, Spec,
    Timestamp,
};

const ME: &str = "node1";

fn me() -> MemberName {
    MemberName::from(ME)
}

fn pool_spec() -> Spec {
    let spec = json!({"driver": "dir", "config": {}});
    Spec(spec.as_object().expect("an object").clone())
}

/// A pool that has just gone live.
fn pool() -> Object {
    let placement = Placement {
        config: Config::default(),
        phase: PlacementPhase::Pending,
        observed: Generation(0),
        realised: Generation(0),
        condition: Condition::waiting(Timestamp(0)),
    };
    Object {
        uid: Revision(7),
        generation: Generation(1),
        phase: Phase::Creating,
        rollout: Rollout::EveryMember,
        spec: pool_spec(),
        placements: BTreeMap::from([(me(), placement)]),
        ..Object::blank(Key::new("storage-pool", "data"))
    }
}
