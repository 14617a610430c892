//! References: everything that an object names must exist, or be declared along with it.

use std::collections::BTreeMap;

use crate::kinds::tables::key_table;
use crate::kinds::{self, Kind, Need, Scope, Strength, home};
use crate::model::{ApplyMode, ClusterState, Declared, Finding, Key, Phase, Put, Spec};
use crate::plan::compute::Mode;
use crate::plan::diff::implied::{features, stored_features};

/// What an object names, under the keys as they are written.
pub fn needs(key: &Key, spec: &Spec) -> Vec<Need> {
    kinds::find(key.kind.as_str()).map(|kind| kind.needs(key, spec)).unwrap_or_default()
}

/// The stored objects that an object names, and the project that it lives in.
pub fn relied_upon(key: &Key, spec: &Spec, state: &ClusterState) -> Vec<Key> {
    let stored = |key: Key| {
        let home = home(&key, |project| stored_features(project, state));
        state.get(&home).map(|object| object.key.clone())
    };
    // The default project is always there.
    let project = (!key.project.is_default()).then(|| Key::new("project", key.project.as_str()));
    needs(key, spec).into_iter().map(|need| need.key).chain(project).filter_map(stored).collect()
}

/// Whether a change of an object is judged by what refers to it: what a project allows is looked for in all that is in it.
pub fn rests_on_users(put: &Put, state: &ClusterState) -> bool {
    let is_judged = put.key.kind.as_str() == "project";
    is_judged && state.get(&put.key).is_some_and(|stored| stored.spec.config() != put.spec.config())
}

/// Which objects use each of these: they name it, or they live in it.
pub fn users(keys: &[Key], state: &ClusterState) -> BTreeMap<Key, Vec<Key>> {
    let mut users: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
    for object in state.objects.values() {
        let named = needs(&object.key, &object.spec).into_iter().map(|need| need.key);
        let named = named.map(|key| home(&key, |project| stored_features(project, state)));
        for target in named.chain(project_of(&object.key)).filter(|target| keys.contains(target)) {
            let users = users.entry(target).or_default();
            if users.last() != Some(&object.key) {
                users.push(object.key.clone());
            }
        }
    }
    users
}

/// The project that an object lives in; `None` for kinds that belong to none.
fn project_of(key: &Key) -> Option<Key> {
    let scope = kinds::find(key.kind.as_str()).map(Kind::scope);
    let is_inhabitant = !key.project.is_default() || matches!(scope, Some(Scope::Project { .. }));
    is_inhabitant.then(|| Key::new("project", key.project.as_str()))
}

/// Names that lead nowhere, and kinds that nobody knows.
pub fn check(wanted: &BTreeMap<Key, Declared>, state: &ClusterState, mode: Mode) -> Vec<Finding> {
    let is_looked_at = |(_, declared): &(&Key, &Declared)| declared.policy.apply != Some(ApplyMode::Ignore);
    let home = |key: &Key| home(key, |project| features(project, wanted, state, mode));
    let one = |(key, declared): (&Key, &Declared)| check_one(key, declared, (wanted, state), &home);
    wanted.iter().filter(is_looked_at).flat_map(one).collect()
}

fn check_one(
    key: &Key,
    declared: &Declared,
    (wanted, state): (&BTreeMap<Key, Declared>, &ClusterState),
    home: &dyn Fn(&Key) -> Key,
) -> Vec<Finding> {
    if kinds::find(key.kind.as_str()).is_none() {
        return vec![Finding::error("SB060", format!("{key} is of a kind that this version does not know"))];
    }
    let mut findings = Vec::new();
    let project = Key::new("project", key.project.as_str());
    // The default project always exists, even where nobody has written it down.
    if !key.project.is_default() && !exists(&project, wanted, state) {
        let text = format!("{key} is in the project `{}`, which neither exists nor is declared", key.project);
        findings.push(hinted(Finding::error("SB062", text), &project, wanted, state).at(declared.at.clone()));
    }
    for need in needs(key, &declared.spec).into_iter().filter(|need| need.strength == Strength::Required) {
        let target = home(&need.key);
        if exists(&target, wanted, state) || is_default_project(&target) {
            continue;
        }
        let kind = kinds::find(target.kind.as_str()).map_or("object", |kind| kind.words().spoken);
        let text = format!(
            "{key} names the {kind} `{}` in {}, which neither exists nor is declared",
            target.name,
            need.path.join(".")
        );
        findings.push(hinted(Finding::error("SB062", text), &target, wanted, state).at(declared.at.clone()));
    }
    findings
}

fn is_default_project(key: &Key) -> bool {
    key.kind.as_str() == "project" && key.name == crate::model::ProjectName::DEFAULT
}

fn exists(key: &Key, wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> bool {
    wanted.contains_key(key) || state.get(key).is_some_and(|object| object.phase != Phase::Deleting)
}

fn hinted(finding: Finding, key: &Key, wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> Finding {
    let alike = |other: &&Key| other.kind == key.kind && other.project == key.project;
    let names = wanted.keys().chain(state.objects.keys()).filter(alike).map(|other| other.name.as_str());
    match key_table::nearest(&key.name, names) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping(format!("declare {key} in the same set of files, or create it first")),
    }
}
