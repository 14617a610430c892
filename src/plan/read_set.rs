//! What each decision looks at: the store reads that much of the state and no more.
//!
//! Each function here is asked again with what was read so far, until it asks for nothing new. It may ask for too
//! much, never for too little: the tests of plans and the simulation decide on these parts and on the whole.

use super::compute::Mode;
use super::diff::implied::{expand, features};
use super::diff::merge::{merge, merge_stored};
use super::rules::constraints::changed_features;
use super::rules::ownership;
use super::rules::prune;
use super::rules::references;
use crate::kinds::{self, Kind, Scope, Strength, hold, home};
use crate::model::{
    Claim, Config, Declared, Desired, Key, KindName, Known, Object, ProjectName, ReadSet, Rollout, Spec,
};

/// The users of more objects than these are found by reading all that may use them.
const LOOKED_FOR_MAX: usize = 8;

/// For [`plan`](super::plan).
pub fn of_plan(desired: &Desired, mode: Mode, claim: &Claim, known: &Known) -> ReadSet {
    let mut extent = of_comparison(desired);
    if let Some(source) = &claim.source {
        extent.keys.insert(Key::new("source", source));
        if claim.prune.is_some() {
            of_pruning(&mut extent, source, known);
        }
    }
    extent.kinds.insert(Key::MEMBER.into());
    extent.kinds.insert("hold".into());
    extent.keys.insert(Key::membership());
    for (key, declared) in expand(desired, &known.state, mode) {
        reach(&mut extent, &key);
        let stored = known.state.get(&key);
        let merged = stored.map(|object| merge_as(object, &declared.spec, ownership::mode(&declared, mode)));
        for spec in merged.iter().filter(|merged| **merged != declared.spec).chain([&declared.spec]) {
            reach_named(&mut extent, &key, spec);
        }
        extent.kinds.extend(looked_at(&key));
        // How many members have failed shows in all that comes to them together, whatever else that is.
        extent.placed |= claim.resume || stored.is_some_and(|stored| stored.management.waves.is_some());
        let project = stored.filter(|stored| stored.key.kind.as_str() == "project");
        extent.projects.extend(project.and_then(|stored| {
            let name = ProjectName(stored.key.name.clone());
            emptied(stored, &features(&name, &desired.objects, &known.state, mode)?)
        }));
        extent.projects.extend(restricted(&key, &declared.spec));
        suggest(&mut extent, &key, &declared, (desired, mode), known);
    }
    extent
}

/// What a source owns, and who uses that.
fn of_pruning(extent: &mut ReadSet, source: &str, known: &Known) {
    extent.owned.insert(source.to_owned());
    let owned: Vec<Key> = prune::candidates(source, &known.state).cloned().collect();
    if owned.is_empty() {
        return;
    }
    let users = of_users(&owned, known);
    extent.kinds.extend(users.kinds);
    extent.naming.extend(users.naming);
    extent.keys.extend(users.keys);
    extent.owned.extend(owned.iter().filter_map(ownership::owner).map(str::to_owned));
    extent.projects.extend(users.projects);
}

/// For [`join::compare`](super::join::compare).
pub fn of_comparison(desired: &Desired) -> ReadSet {
    let mut extent = ReadSet::default();
    for key in desired.objects.keys() {
        reach(&mut extent, key);
        if key.kind.as_str() == "project" {
            extent.keys.insert(Key::in_project("profile", &ProjectName(key.name.clone()), "default"));
        }
    }
    extent
}

/// For [`lxd`](super::lxd)'s `define`, `create` and `update`.
pub fn of_request(key: &Key, spec: &Spec, is_targeted: bool, known: &Known) -> ReadSet {
    let mut extent = ReadSet::default();
    let is_record = kinds::find(key.kind.as_str()).is_none_or(|kind| kind.rollout() == Rollout::RecordOnly);
    // A record is the same on all members: it does not matter who they are.
    if is_targeted || !is_record {
        extent.kinds.insert(Key::MEMBER.into());
        extent.keys.insert(Key::membership());
    }
    reach(&mut extent, key);
    reach_named(&mut extent, key, spec);
    if key.kind.as_str() == "project" {
        extent.keys.insert(Key::in_project("profile", &ProjectName(key.name.clone()), "default"));
    }
    if let Some(stored) = known.state.get(key) {
        // A request replaces whole fields, or lays its configuration over the one that was defined.
        let mut asked = stored.spec.clone();
        asked.0.extend(spec.0.clone());
        let mut laid = asked.clone();
        laid.set_config(&stored.spec.config().overlaid(&spec.config()));
        [&stored.spec, &asked, &laid].into_iter().for_each(|spec| reach_named(&mut extent, key, spec));
        if stored.key.kind.as_str() == "project" {
            extent.projects.extend(emptied(stored, &asked.config()));
        }
    }
    extent.projects.extend(restricted(key, spec));
    if let Some(held) = hold::target(key, spec) {
        if known.extent.tells(&held) && known.state.get(&held).is_none() {
            // A name that leads nowhere is answered with the nearest one.
            extent.kinds.insert(held.kind.clone());
        }
        extent.keys.insert(held);
    }
    extent.kinds.extend(looked_at(key));
    extent
}

/// For [`lxd::delete`](super::lxd::delete).
pub fn of_removal(key: &Key, known: &Known) -> ReadSet {
    let mut extent = of_users(std::slice::from_ref(key), known);
    extent.kinds.insert(Key::MEMBER.into());
    extent.keys.extend([key.clone(), Key::membership()]);
    extent.owned.extend(ownership::owner(key).map(str::to_owned));
    extent
}

/// For [`lxd::rename`](super::lxd::rename).
pub fn of_rename(key: &Key, name: &str, known: &Known) -> ReadSet {
    let mut extent = of_removal(key, known);
    let new = Key { name: name.to_owned(), ..key.clone() };
    reach(&mut extent, &new);
    if key.kind.as_str() == "project" {
        extent.projects.insert(ProjectName(name.to_owned()));
    }
    extent
}

/// For [`users`](super::users).
pub fn of_users(keys: &[Key], known: &Known) -> ReadSet {
    let mut extent = ReadSet::default();
    for key in keys {
        let may_name = kinds::ALL.iter().filter(|kind| kind.names().contains(&key.kind.as_str()));
        let may_name = may_name.map(|kind| KindName::from(kind.words().kind));
        if keys.len() > LOOKED_FOR_MAX {
            extent.kinds.extend(may_name);
        } else {
            extent.naming.extend(may_name.map(|kind| (kind, key.name.clone())));
        }
    }
    for project in keys.iter().filter(|key| key.kind.as_str() == "project") {
        if project.name == ProjectName::DEFAULT {
            let inhabitants = kinds::ALL.iter().filter(|kind| matches!(kind.scope(), Scope::Project { .. }));
            extent.kinds.extend(inhabitants.map(|kind| KindName::from(kind.words().kind)));
        } else {
            extent.projects.insert(ProjectName(project.name.clone()));
        }
    }
    // Where the names lead depends on the projects that they were written in.
    let projects = known.state.objects.keys().map(|key| &key.project).filter(|project| !project.is_default());
    extent.keys.extend(projects.map(|project| Key::new("project", project.as_str())));
    extent
}

/// For [`finish`](super::resume_pending()).
pub fn of_finish() -> ReadSet {
    let mut extent = of_admission();
    extent.kinds.insert(Key::MEMBER.into());
    extent.keys.insert(Key::membership());
    extent
}

/// For [`join::admit`](super::join::admit).
pub fn of_admission() -> ReadSet {
    let everywhere = kinds::ALL.iter().filter(|kind| kind.rollout() == Rollout::EveryMember);
    let kinds = everywhere.map(|kind| kind.words().kind.into()).collect();
    // What a newer version has written is placed, too.
    ReadSet { kinds, placed: true, ..ReadSet::default() }
}

/// An object wherever it may live, and the project that decides it.
fn reach(extent: &mut ReadSet, key: &Key) {
    extent.keys.insert(key.clone());
    if !key.project.is_default() {
        extent.keys.insert(Key::new(key.kind.as_str(), &key.name));
        extent.keys.insert(Key::new("project", key.project.as_str()));
    }
}

fn reach_named(extent: &mut ReadSet, key: &Key, spec: &Spec) {
    references::needs(key, spec).iter().for_each(|need| reach(extent, &need.key));
}

fn looked_at(key: &Key) -> impl Iterator<Item = KindName> {
    let kind: Option<&dyn Kind> = kinds::find(key.kind.as_str());
    kind.into_iter().flat_map(|kind| kind.looks_at()).map(|kind| (*kind).into())
}

/// The project, when it restricts what is in it.
fn restricted(key: &Key, asked: &Spec) -> Option<ProjectName> {
    let is_restricted = key.kind.as_str() == "project" && asked.config().value("restricted").is_some();
    is_restricted.then(|| ProjectName(key.name.clone()))
}

/// The project, where its features are to change: they do so only while it is empty.
fn emptied(stored: &Object, to_be: &Config) -> Option<ProjectName> {
    let held = stored.spec.config();
    (!changed_features(&held, to_be).is_empty()).then(|| ProjectName(stored.key.name.clone()))
}

fn merge_as(stored: &Object, declared: &Spec, mode: Mode) -> Spec {
    match kinds::find(stored.key.kind.as_str()) {
        Some(kind) => merge_stored(kind, stored, declared, mode),
        None => merge(&stored.spec, stored.applied.as_ref(), declared, mode),
    }
}

/// A name that leads nowhere is answered with the nearest one.
fn suggest(extent: &mut ReadSet, key: &Key, declared: &Declared, (desired, mode): (&Desired, Mode), known: &Known) {
    let project = (!key.project.is_default()).then(|| Key::new("project", key.project.as_str()));
    let required =
        references::needs(key, &declared.spec).into_iter().filter(|need| need.strength == Strength::Required);
    let homes = required.map(|need| home(&need.key, |project| features(project, &desired.objects, &known.state, mode)));
    let is_missing =
        |key: &Key| known.extent.tells(key) && known.state.get(key).is_none() && !desired.objects.contains_key(key);
    extent.kinds.extend(homes.chain(project).filter(is_missing).map(|key| key.kind));
}
