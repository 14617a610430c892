//! References: everything that an object names must exist, or be declared along with it.

use std::collections::BTreeMap;

use super::expand::features;
use crate::kinds::{self, Need, Strength, home, table};
use crate::model::{ApplyMode, ClusterState, Declared, Finding, Key, Phase, Spec};

/// What an object names, under the keys as they are written.
pub fn needs(key: &Key, spec: &Spec) -> Vec<Need> {
    kinds::find(key.kind.as_str()).map(|kind| kind.needs(key, spec)).unwrap_or_default()
}

/// The stored objects that an object names.
pub fn relied_upon(key: &Key, spec: &Spec, state: &ClusterState) -> Vec<Key> {
    let nothing = BTreeMap::new();
    let stored = |key: Key| {
        let home = home(&key, |project| features(project, &nothing, state));
        state.get(&home).map(|object| object.key.clone())
    };
    needs(key, spec).into_iter().filter_map(|need| stored(need.key)).collect()
}

/// Which objects name each of these.
pub fn users(keys: &[Key], state: &ClusterState) -> BTreeMap<Key, Vec<Key>> {
    let nothing = BTreeMap::new();
    let mut users: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
    for object in state.objects.values() {
        for need in needs(&object.key, &object.spec) {
            let target = home(&need.key, |project| features(project, &nothing, state));
            if keys.contains(&target) {
                let users = users.entry(target).or_default();
                if users.last() != Some(&object.key) {
                    users.push(object.key.clone());
                }
            }
        }
    }
    users
}

/// Names that lead nowhere, and kinds that nobody knows.
pub fn check(wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> Vec<Finding> {
    let is_looked_at = |(_, declared): &(&Key, &Declared)| declared.policy.apply != Some(ApplyMode::Ignore);
    wanted.iter().filter(is_looked_at).flat_map(|(key, declared)| check_one(key, declared, wanted, state)).collect()
}

fn check_one(key: &Key, declared: &Declared, wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> Vec<Finding> {
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
        let target = home(&need.key, |project| features(project, wanted, state));
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
    match table::nearest(&key.name, names) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping(format!("declare {key} in the same set of files, or create it first")),
    }
}
