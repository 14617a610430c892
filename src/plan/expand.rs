//! What is declared between the lines: the project that an object really lives in, and the default profile that a
//! project brings along.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::own;
use crate::kinds::home;
use crate::kinds::project::{self, ProjectSpec};
use crate::model::{ApplyMode, ClusterState, Config, Declared, Desired, Key, Object, ProjectName, Spec};

/// Everything that is to be there, under the keys that it is kept under.
pub fn expand(desired: &Desired, state: &ClusterState) -> BTreeMap<Key, Declared> {
    let features = |project: &ProjectName| features(project, &desired.objects, state);
    let mut wanted = BTreeMap::new();
    for (key, declared) in &desired.objects {
        let mut declared = declared.clone();
        // Two projects without profiles of their own may both declare what is one profile: the same twice is no clash,
        // and what differs is found by whoever reads the files.
        let home = home(key, features);
        if let Some(earlier) = wanted.remove(&home) {
            declared = both(earlier, declared);
        }
        wanted.insert(home, declared);
    }
    // What is ignored and not there is as good as not declared: nothing may rely on it.
    wanted.retain(|key, declared: &mut Declared| {
        declared.policy.apply != Some(ApplyMode::Ignore) || state.get(key).is_some()
    });
    for (key, declared) in profiles_of_projects(&wanted, state) {
        match wanted.get_mut(&key) {
            Some(explicit) => add_devices(&mut explicit.spec, &declared.spec),
            None => {
                wanted.insert(key, declared);
            }
        }
    }
    wanted
}

/// The keys that are declared themselves, under which they are kept.
pub fn explicit(desired: &Desired, state: &ClusterState) -> BTreeSet<Key> {
    desired.objects.keys().map(|key| home(key, |project| features(project, &desired.objects, state))).collect()
}

/// The configuration of a project as it will be; `None` when it neither exists nor is declared.
pub fn features(project: &ProjectName, wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> Option<Config> {
    let key = Key::new("project", project.as_str());
    let stored = state.get(&key);
    let declared = wanted.get(&key).filter(|declared| !own::is_left_alone(declared, stored));
    let stored = stored.map(|object| object.spec.config());
    let declared = declared.map(|declared| declared.spec.config());
    match (stored, declared) {
        (Some(stored), Some(declared)) => Some(stored.overlaid(&declared)),
        (Some(stored), None) => Some(stored),
        (None, Some(declared)) => Some(project::with_default_features(declared)),
        (None, None) => None,
    }
}

fn both(earlier: Declared, later: Declared) -> Declared {
    let mut spec = earlier.spec;
    for (field, value) in later.spec.0 {
        match (spec.0.get_mut(&field), value) {
            (Some(Value::Object(map)), Value::Object(more)) => map.extend(more),
            (_, value) => {
                spec.0.insert(field, value);
            }
        }
    }
    Declared { spec, ..earlier }
}

fn profiles_of_projects(wanted: &BTreeMap<Key, Declared>, state: &ClusterState) -> Vec<(Key, Declared)> {
    let is_made_here = |key: &Key, declared: &Declared| {
        key.kind.as_str() == "project" && !own::is_left_alone(declared, state.get(key))
    };
    let projects = wanted.iter().filter(|(key, declared)| is_made_here(key, declared));
    let profile = |(key, declared): (&Key, &Declared)| {
        let spec: ProjectSpec = declared.spec.read().ok()?;
        let config = features(&ProjectName(key.name.clone()), wanted, state)?;
        let is_short_for_devices = !spec.storage.is_empty() || !spec.network.is_empty();
        let (key, mut profile) = project::default_profile(&key.name, &ProjectSpec { config, ..spec })?;
        let stored = state.get(&key);
        let (exists, described) = (stored.is_some(), stored.is_some_and(is_described_by_its_project));
        if exists && !described {
            profile.0.remove("description");
        }
        let implied = Declared { spec: profile, at: declared.at.clone(), ..Declared::default() };
        (!exists || is_short_for_devices).then_some((key, implied))
    };
    projects.filter_map(profile).collect()
}

// Words that somebody else has put there stay.
fn is_described_by_its_project(profile: &Object) -> bool {
    profile.applied.as_ref().is_some_and(|applied| !applied.text("description").is_empty())
}

// What the manifest says of the profile itself wins.
fn add_devices(explicit: &mut Spec, implied: &Spec) {
    let Some(Value::Object(more)) = implied.0.get("devices") else { return };
    if more.is_empty() {
        return;
    }
    let devices = explicit.0.entry("devices").or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Value::Object(devices) = devices {
        for (name, device) in more {
            devices.entry(name.clone()).or_insert_with(|| device.clone());
        }
    }
}
