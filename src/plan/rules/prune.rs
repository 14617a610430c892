//! What a source owns and declares no more is deleted, where that is asked for and loses nothing.

use std::collections::BTreeMap;

use super::order::order;
use super::ownership;
use super::references;
use crate::kinds::{self, project::default_profile_key};
use crate::model::{
    ApplyMode, Change, Claim, ClusterState, Declared, Desired, Finding, Generation, Key, Management, Object, Phase,
    ProjectName, Rollout, Severity,
};
use crate::plan::compute::Scene;
use crate::plan::diff::fields;
use crate::plan::impact::liveness::offline;
use crate::plan::report::{Action, PlannedChange};

/// The code of what stays although nobody declares it any more.
pub const NOT_PRUNED: &str = "SB071";

/// More names than these are counted.
const NAMED_MAX: usize = 10;

/// Kinds that leave the cluster by ways of their own.
const NEVER: [&str; 4] = [Key::MEMBER, "config", "certificate", "token"];

/// The deletions, in their order.
#[derive(Default)]
pub struct Pruned {
    /// What is deleted.
    pub changes: Vec<(PlannedChange, Change)>,
    /// What stays, and why.
    pub notes: Vec<Finding>,
}

/// What goes because its source declares it no more. `changes` is what else the plan does.
///
/// # Errors
/// When more would go than is allowed at once: then nothing of the set is used.
pub fn prune(
    desired: &Desired,
    scene: &Scene<'_>,
    changes: &[(PlannedChange, Change)],
) -> Result<Pruned, Box<Finding>> {
    let Some(Claim { source: Some(source), prune: Some(deletes_max), .. }) = scene.context.claim else {
        return Ok(Pruned::default());
    };
    let deletes_max = *deletes_max;
    let left = left(source, scene);
    if desired.objects.is_empty() && !left.is_empty() {
        let text = format!("the set declares nothing: {} of {source} stay", named(left.keys()));
        return Ok(Pruned { changes: Vec::new(), notes: vec![kept(text)] });
    }
    let mut notes = Vec::new();
    let mut going: BTreeMap<Key, &Object> = BTreeMap::new();
    for (key, object) in left {
        match obstacle(object, scene) {
            None => drop(going.insert(key, object)),
            Some(why) => notes.push(kept(format!("{key} is declared no more, but stays: {why}"))),
        }
    }
    notes.extend(still_needed(&mut going, &after(scene, changes)));
    if going.len() > deletes_max {
        return Err(Box::new(too_many(source, &going, deletes_max)));
    }
    let keys = reversed(&going);
    let with_profile = |key: &Key| {
        let profile = default_profile(key).and_then(|profile| scene.state.get(&profile));
        profile.into_iter().chain([going[key]]).map(deletion).collect::<Vec<_>>()
    };
    let mut all: Vec<(PlannedChange, Change)> = released(&keys, &going, scene, changes);
    all.extend(keys.iter().flat_map(with_profile));
    Ok(Pruned { changes: all, notes })
}

// What goes may own others, which stay. What this plan changes as well is said to be somebody's already.
fn released(
    keys: &[Key],
    going: &BTreeMap<Key, &Object>,
    scene: &Scene<'_>,
    changes: &[(PlannedChange, Change)],
) -> Vec<(PlannedChange, Change)> {
    let is_left = |object: &Object| {
        !going.contains_key(&object.key) && !changes.iter().any(|(planned, _)| planned.key == object.key)
    };
    let all = keys.iter().flat_map(|key| ownership::released(key, scene.state)).filter(|(object, _)| is_left(object));
    let change = |(object, management): (&Object, Management)| {
        let fields = fields::of_management(Some(&object.management), &management);
        let planned = PlannedChange { fields, ..PlannedChange::of(object, Action::Adopt) };
        (planned, Change::Put(ownership::revised(object, management)))
    };
    all.map(change).collect()
}

// What the source owns and this set does not have. Default profiles come and go with their projects.
fn left<'a>(source: &str, scene: &Scene<'a>) -> BTreeMap<Key, &'a Object> {
    let is_its = |object: &&Object| object.management.source.as_deref() == Some(source);
    let goes_alone =
        |key: &Key| key.name != ProjectName::DEFAULT || !matches!(key.kind.as_str(), "project" | "profile");
    let may_go = |object: &&Object| {
        let key = &object.key;
        !scene.wanted.contains_key(key)
            && kinds::find(key.kind.as_str()).is_some_and(|kind| !NEVER.contains(&kind.words().kind))
            && goes_alone(key)
            && *key != Key::new("source", source)
            && object.management.apply != ApplyMode::Ignore
    };
    let all = scene.state.objects.values().filter(is_its).filter(may_go);
    all.map(|object| (object.key.clone(), object)).collect()
}

// A project has a default profile from its beginning to its end.
fn default_profile(key: &Key) -> Option<Key> {
    let is_project = key.kind.as_str() == "project";
    is_project.then(|| default_profile_key(&key.name))
}

fn obstacle(object: &Object, scene: &Scene<'_>) -> Option<String> {
    if object.phase == Phase::Deleting {
        return Some("its members are still taking it down".to_owned());
    }
    if let Some(hold) = scene.held.get(&object.key) {
        return Some(format!("it is held ({}); to end that: seedbed hold release {}", hold.description, object.key));
    }
    if object.management.protect {
        return Some(format!("it is protected; to lift that: seedbed protect {} --off", object.key));
    }
    let profile = default_profile(&object.key).and_then(|profile| scene.state.get(&profile));
    if let Some(profile) = profile.filter(|profile| profile.management.protect) {
        return Some(format!("{} is protected; to lift that: seedbed protect {0} --off", profile.key));
    }
    // Nobody but its members knows what is in a pool.
    let is_made = object.placements.values().any(|placement| placement.realised > Generation(0));
    if object.key.kind.as_str() == "storage-pool" && is_made {
        return Some(format!("it may hold data; to delete it: seedbed storage delete {}", object.key.name));
    }
    if object.rollout == Rollout::RecordOnly || object.phase == Phase::Pending {
        return None;
    }
    let placed: Vec<_> = object.placements.keys().cloned().collect();
    let silent = offline(&placed, scene.context.here, scene.context.liveness);
    let names: Vec<&str> = silent.iter().map(|silent| silent.member.as_str()).collect();
    (!names.is_empty()).then(|| format!("{} does not answer", names.join(", ")))
}

// The state once the rest of the plan is carried out: what lets go of an object in this plan does not use it any more.
fn after(scene: &Scene<'_>, changes: &[(PlannedChange, Change)]) -> ClusterState {
    let mut state = scene.state.clone();
    for (_, change) in changes {
        let Change::Put(put) = change else { continue };
        if let Some(object) = state.objects.get_mut(&put.key) {
            object.spec = put.spec.clone();
        } else if let Some(template) = scene.state.objects.values().next() {
            let object = Object { key: put.key.clone(), spec: put.spec.clone(), ..template.clone() };
            state.objects.insert(put.key.clone(), object);
        }
    }
    state
}

// What somebody uses who stays, stays too; and so does what that uses in turn.
fn still_needed(going: &mut BTreeMap<Key, &Object>, state: &ClusterState) -> Vec<Finding> {
    let keys: Vec<Key> = going.keys().cloned().collect();
    let users = references::users(&keys, state);
    let mut notes = Vec::new();
    loop {
        let goes_with = |user: &Key, key: &Key, going: &BTreeMap<Key, &Object>| {
            going.contains_key(user) || Some(user) == default_profile(key).as_ref()
        };
        let stays = keys.iter().filter(|key| going.contains_key(*key)).find_map(|key| {
            let user = users.get(key)?.iter().find(|user| !goes_with(user, key, going))?;
            Some((key.clone(), user.clone()))
        });
        let Some((key, user)) = stays else { return notes };
        going.remove(&key);
        notes.push(kept(format!("{key} is declared no more, but stays: {user} uses it")));
    }
}

fn too_many(source: &str, going: &BTreeMap<Key, &Object>, deletes_max: usize) -> Finding {
    let text = format!(
        "{} objects of {source} are declared no more, and at most {deletes_max} may be deleted at once: {}",
        going.len(),
        named(going.keys())
    );
    let help = format!("if that is meant: seedbed source set {source} --max-deletes {}", going.len());
    Finding::error("SB070", text).helping("if that is a mistake: put back what the files have lost").helping(help)
}

fn reversed(going: &BTreeMap<Key, &Object>) -> Vec<Key> {
    let declared = |object: &Object| Declared { spec: object.spec.clone(), ..Declared::default() };
    let mut keys = order(&going.iter().map(|(key, object)| (key.clone(), declared(object))).collect());
    keys.reverse();
    keys
}

fn deletion(object: &Object) -> (PlannedChange, Change) {
    (PlannedChange::of(object, Action::Delete), Change::Delete { key: object.key.clone() })
}

fn kept(text: String) -> Finding {
    Finding { severity: Severity::Note, ..Finding::warning(NOT_PRUNED, text) }
}

fn named<'a>(keys: impl ExactSizeIterator<Item = &'a Key>) -> String {
    let count = keys.len();
    let mut names: Vec<String> = keys.take(NAMED_MAX).map(Key::to_string).collect();
    if count > NAMED_MAX {
        names.push(format!("{} more", count - NAMED_MAX));
    }
    names.join(", ")
}

/// The projects whose inhabitants matter, and the objects whose users do: for `extent`.
pub fn candidates<'a>(source: &'a str, state: &'a ClusterState) -> impl Iterator<Item = &'a Key> {
    let is_its = move |object: &&Object| object.management.source.as_deref() == Some(source);
    state.objects.values().filter(is_its).map(|object| &object.key)
}
