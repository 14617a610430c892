//! A project with profiles of its own always has a default one: it comes and goes with `features.profiles`.

use std::collections::BTreeMap;

use super::Ask;
use crate::kinds::project::{self, ProjectSpec};
use crate::model::{Change, Config, Key, Put, Rollout, Spec, Stage};

/// The default profile of a project that has profiles of its own from now on, unless there is one.
pub fn gained(ask: &Ask<'_>, spec: &Spec) -> Option<Change> {
    if ask.key.kind.as_str() != "project" {
        return None;
    }
    let typed: ProjectSpec = spec.read().ok()?;
    let (key, spec) = project::default_profile(&ask.key.name, &typed)?;
    let is_new = ask.state.get(&key).is_none();
    is_new.then(|| Change::Put(record(key, spec)))
}

/// The removal of the default profile of a project that has no profiles of its own any more.
pub fn lost(ask: &Ask<'_>, old: &Config, new: &Config) -> Option<Change> {
    if ask.key.kind.as_str() != "project" || !project::loses_profiles(&ask.key.name, old, new) {
        return None;
    }
    let key = project::default_profile_key(&ask.key.name);
    ask.state.get(&key).map(|profile| Change::Delete { key: profile.key.clone() })
}

fn record(key: Key, spec: Spec) -> Put {
    let placements = BTreeMap::new();
    Put { key, rollout: Rollout::RecordOnly, stage: Stage::Live, spec, applied: None, management: None, placements }
}
