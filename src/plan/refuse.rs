//! Changes that depend on what else is there.

use std::collections::BTreeMap;

use crate::kinds::Problem;
use crate::model::{ClusterState, Declared, Key, ProjectName, Spec};

/// Why the object cannot change in this way, given everything else.
pub fn refuse(
    key: &Key,
    old: &Spec,
    new: &Spec,
    state: &ClusterState,
    wanted: &BTreeMap<Key, Declared>,
) -> Vec<Problem> {
    if key.kind.as_str() != "project" {
        return Vec::new();
    }
    let (old, new) = (old.config(), new.config());
    let name = ProjectName(key.name.clone());
    let is_in_it = |other: &Key| other.project == name && !is_default_profile(other);
    let inhabitant = state.objects.keys().chain(wanted.keys()).find(|other| is_in_it(other));
    let Some(inhabitant) = inhabitant else { return Vec::new() };
    let features = old.keys().chain(new.keys()).filter(|key| key.starts_with("features."));
    let changed = features.filter(|feature| old.value(feature) != new.value(feature));
    let mut changed: Vec<&String> = changed.collect();
    changed.sort_unstable();
    changed.dedup();
    let problem = |feature: &String| {
        let text = format!("`{feature}` can only be changed on empty projects, and {inhabitant} is in this one");
        Problem::at_value("SB061", &["config", feature], text)
    };
    changed.into_iter().map(problem).collect()
}

// Every project with profiles of its own has one.
fn is_default_profile(key: &Key) -> bool {
    key.kind.as_str() == "profile" && key.name == "default"
}
