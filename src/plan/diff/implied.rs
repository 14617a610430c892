//! What is declared between the lines: the project that an object really lives in, and the default profile that a
//! project brings along.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::merge::merge_stored;
use crate::kinds::home;
use crate::kinds::project::{self, Project, ProjectSpec, with_default_features};
use crate::model::{ApplyMode, ClusterState, Config, Declared, Desired, Key, Object, Place, ProjectName, Spec};
use crate::plan::compute::Mode;
use crate::plan::rules::ownership;

/// Everything that is to be there, under the keys that it is kept under.
pub fn expand(desired: &Desired, state: &ClusterState, mode: Mode) -> BTreeMap<Key, Declared> {
    let features = |project: &ProjectName| features(project, &desired.objects, state, mode);
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
    for (key, implied) in profiles_of_projects(&wanted, state, mode) {
        match wanted.get_mut(&key) {
            Some(explicit) => add_devices(&mut explicit.spec, &implied.profile),
            None => {
                let spec = implied.carried_on(state.get(&key));
                wanted.extend(spec.map(|spec| (key, Declared { spec, at: implied.at, ..Declared::default() })));
            }
        }
    }
    wanted
}

/// The keys that are declared themselves, under which they are kept.
pub fn explicit(desired: &Desired, state: &ClusterState, mode: Mode) -> BTreeSet<Key> {
    desired.objects.keys().map(|key| home(key, |project| features(project, &desired.objects, state, mode))).collect()
}

/// The configuration of a project as it will be; `None` when it neither exists nor is declared.
pub fn features(
    project: &ProjectName,
    wanted: &BTreeMap<Key, Declared>,
    state: &ClusterState,
    mode: Mode,
) -> Option<Config> {
    let key = Key::new("project", project.as_str());
    let stored = state.get(&key);
    let declared = wanted.get(&key).filter(|declared| !ownership::is_left_alone(declared, stored));
    match (stored, declared) {
        (Some(stored), Some(declared)) => {
            let mode = ownership::mode(declared, mode);
            let merged = merge_stored(&Project, stored, &declared.spec, mode).config();
            Some(if mode == Mode::Declarative { with_default_features(merged) } else { merged })
        }
        (Some(stored), None) => Some(stored.spec.config()),
        (None, Some(declared)) => Some(with_default_features(declared.spec.config())),
        (None, None) => None,
    }
}

/// The configuration of a stored project.
pub fn stored_features(project: &ProjectName, state: &ClusterState) -> Option<Config> {
    state.get(&Key::new("project", project.as_str())).map(|project| project.spec.config())
}

/// The default profiles that declared projects bring along.
pub fn implied(desired: &Desired, state: &ClusterState, mode: Mode) -> BTreeMap<Key, Key> {
    let pair = |(project, _): (&Key, &Declared)| {
        let config = features(&ProjectName(project.name.clone()), &desired.objects, state, mode)?;
        let (profile, _) = project::default_profile(&project.name, &ProjectSpec { config, ..ProjectSpec::default() })?;
        Some((profile, project.clone()))
    };
    desired.objects.iter().filter(|(key, _)| key.kind.as_str() == "project").filter_map(pair).collect()
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

/// The default profile that a declared project brings along.
struct Implied {
    profile: Spec,
    /// The devices that the last declaration of the project was short for.
    before: Map<String, Value>,
    at: Place,
}

fn profiles_of_projects(wanted: &BTreeMap<Key, Declared>, state: &ClusterState, mode: Mode) -> Vec<(Key, Implied)> {
    let is_made_here = |key: &Key, declared: &Declared| {
        key.kind.as_str() == "project" && !ownership::is_left_alone(declared, state.get(key))
    };
    let projects = wanted.iter().filter(|(key, declared)| is_made_here(key, declared));
    let profile = |(key, declared): (&Key, &Declared)| {
        let config = features(&ProjectName(key.name.clone()), wanted, state, mode)?;
        let of = |spec: &Spec| {
            let spec: ProjectSpec = spec.read().ok()?;
            project::default_profile(&key.name, &ProjectSpec { config: config.clone(), ..spec })
        };
        let (profile_key, profile) = of(&declared.spec)?;
        let before =
            state.get(key).and_then(|stored| of(stored.applied.as_ref()?)).map(|(_, profile)| devices(&profile));
        let before = before.filter(|_| ownership::mode(declared, mode) == Mode::Declarative).unwrap_or_default();
        Some((profile_key, Implied { profile, before, at: declared.at.clone() }))
    };
    projects.filter_map(profile).collect()
}

impl Implied {
    /// What to declare of a profile that the files do not name: a new one as a whole; of one that is there what was
    /// declared the last time, with the devices that its project is short for now. `None` when that is none of its
    /// business.
    fn carried_on(&self, stored: Option<&Object>) -> Option<Spec> {
        let Some(stored) = stored else { return Some(self.profile.clone()) };
        let now = devices(&self.profile);
        if now.is_empty() && self.before.is_empty() {
            return None;
        }
        let mut spec = stored.applied.clone().unwrap_or_default();
        let mut kept = devices(&spec);
        kept.retain(|name, device| self.before.get(name) != Some(device));
        for (name, device) in now {
            kept.entry(name).or_insert(device);
        }
        spec.0.insert("devices".to_owned(), Value::Object(kept));
        Some(spec)
    }
}

fn devices(profile: &Spec) -> Map<String, Value> {
    profile.0.get("devices").and_then(Value::as_object).cloned().unwrap_or_default()
}

// What the manifest says of the profile itself wins.
fn add_devices(explicit: &mut Spec, implied: &Spec) {
    let more = devices(implied);
    if more.is_empty() {
        return;
    }
    let devices = explicit.0.entry("devices").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(devices) = devices {
        for (name, device) in more {
            devices.entry(name).or_insert(device);
        }
    }
}
