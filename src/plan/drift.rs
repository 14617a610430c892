//! What others have changed since manifests were applied: the plan of what the manifests said, read back from the state.
//!
//! Law: after an apply a plan is empty. So whatever such a plan holds, somebody has done since.

use super::compute::{Context, plan};
use super::diff::implied::stored_features;
use super::diff::merge::{APPLIED_HERE, APPLIED_MEMBERS};
use super::diff::placement::Owned;
use super::report::PlannedChange;
use crate::kinds::{Rng, home};
use crate::model::{ClusterState, Declared, Desired, Key, Object, Phase, Policy};

/// What is to be done to have these objects again as manifests declared them last; `before` is what was found. Objects that no
/// manifest declared have no drift, nor have those that are being removed.
pub fn drift<'a>(
    objects: impl Iterator<Item = &'a Object> + Clone,
    state: &ClusterState,
    context: &Context<'_>,
    rng: &mut dyn Rng,
) -> Vec<PlannedChange> {
    // What its project has no place for any more is nobody's declaration of what stands in the place of it.
    let is_at_home = |object: &&Object| home(&object.key, |project| stored_features(project, state)) == object.key;
    let objects = objects.filter(is_at_home);
    let declared = objects.filter_map(|object| Some((object.key.clone(), last_declared(object)?)));
    let desired = Desired { objects: declared.collect() };
    if let Ok(plan) = plan(&desired, state, context, rng) {
        return plan.changes;
    }
    // What cannot be declared any more, such as a member's keys after it has left, must not hide the rest.
    let one = |(key, declared): (Key, Declared)| {
        let desired = Desired { objects: [(key, declared)].into() };
        plan(&desired, state, context, rng).map(|plan| plan.changes).unwrap_or_default()
    };
    desired.objects.into_iter().flat_map(one).collect()
}

fn last_declared(object: &Object) -> Option<Declared> {
    let applied = object.applied.as_ref().filter(|_| object.phase != Phase::Deleting)?;
    let Owned { mut members, here } = Owned::read(Some(applied));
    for (member, own) in here {
        let all = members.remove(&member).unwrap_or_default().overlaid(&own);
        members.insert(member, all);
    }
    // Who has left since has nothing that could have drifted.
    members.retain(|member, _| member.is_every() || object.placements.contains_key(member));
    let mut spec = applied.clone();
    spec.0.retain(|field, _| field != APPLIED_MEMBERS && field != APPLIED_HERE);
    // What is only to be there, or nobody's business, cannot drift.
    let policy = Policy { apply: Some(object.management.apply), protect: None };
    Some(Declared { spec, members, policy, ..Declared::default() })
}
