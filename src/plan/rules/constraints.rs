//! Changes that depend on what else is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::project::{default_profile_key, loses_profiles};
use crate::kinds::{Problem, is_own};
use crate::model::{ClusterState, Config, Declared, Key, ProjectName, Spec};

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
    let profile = default_profile_key(&key.name);
    let mut problems = Vec::new();
    if loses_profiles(&key.name, &old, &new) && state.get(&profile).is_some_and(|profile| profile.management.protect) {
        let text = format!("{profile} would go, and is protected");
        let problem = Problem::at_value("SB061", &["config", "features.profiles"], text);
        problems.push(problem.helping(format!("to lift that: seedbed protect {profile} --off")));
    }
    let name = ProjectName(key.name.clone());
    let is_in_it = |other: &Key| other.project == name && *other != profile;
    let Some(inhabitant) = state.objects.keys().chain(wanted.keys()).find(|other| is_in_it(other)) else {
        return problems;
    };
    let problem = |feature: &str| {
        let text = format!("`{feature}` can only be changed on empty projects, and {inhabitant} is in this one");
        let stays = if is_own(&old, feature) { "true" } else { "false" };
        Problem::at_value("SB061", &["config", feature], text)
            .helping(format!("to leave it as it is, say so: {feature}: {stays}"))
    };
    problems.extend(changed_features(&old, &new).into_iter().map(problem));
    problems
}

/// The features in which two configurations of a project differ. One that is left out is switched off.
pub fn changed_features<'a>(old: &'a Config, new: &'a Config) -> BTreeSet<&'a str> {
    let names = old.keys().chain(new.keys()).filter(|name| name.starts_with("features."));
    names.map(String::as_str).filter(|name| is_own(old, name) != is_own(new, name)).collect()
}
