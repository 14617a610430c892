//! What restricted projects forbid to the profiles in them: looked at when a profile changes and when its project does.

use std::collections::BTreeMap;

use crate::kinds::Problem;
use crate::kinds::profile::ProfileSpec;
use crate::kinds::project::forbidden;
use crate::model::{ClusterState, Config, Declared, Key, ProjectName, Spec};

/// What is forbidden in the object as it is to be. `wanted` is declared beside it, over what is stored.
pub fn restrict(key: &Key, spec: &Spec, state: &ClusterState, wanted: &BTreeMap<Key, Declared>) -> Vec<Problem> {
    match key.kind.as_str() {
        "profile" => in_project(&project_of(&key.project, state, wanted), spec),
        "project" => {
            let project = spec.config();
            let in_it = |other: &&Key| other.kind.as_str() == "profile" && other.project.as_str() == key.name;
            // Those that are declared are looked at by themselves.
            let stored = state.objects.keys().filter(in_it).filter(|other| !wanted.contains_key(other));
            let of_profile = |profile: &Key| {
                let found = state.get(profile).map(|object| in_project(&project, &object.spec)).unwrap_or_default();
                found.into_iter().map(|problem| said_of(profile, problem)).collect::<Vec<_>>()
            };
            stored.flat_map(of_profile).collect()
        }
        _ => Vec::new(),
    }
}

fn project_of(name: &ProjectName, state: &ClusterState, wanted: &BTreeMap<Key, Declared>) -> Config {
    let key = Key::new("project", name.as_str());
    let stored = state.get(&key).map(|object| object.spec.config()).unwrap_or_default();
    match wanted.get(&key) {
        Some(declared) => stored.overlaid(&declared.spec.config()),
        None => stored,
    }
}

fn in_project(project: &Config, profile: &Spec) -> Vec<Problem> {
    match profile.read::<ProfileSpec>() {
        Ok(ProfileSpec { config, devices, .. }) => forbidden(project, &config, &devices),
        // That it cannot be read is found elsewhere.
        Err(_) => Vec::new(),
    }
}

fn said_of(profile: &Key, problem: Problem) -> Problem {
    let path = problem.path.join(".");
    Problem::at_key("SB073", &["config", "restricted"], format!("{profile} {path}: {}", problem.message))
}
