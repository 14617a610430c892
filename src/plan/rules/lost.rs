//! What goes with a change: the default profile of a project that has no profiles of its own any more.

use crate::kinds::project::{default_profile_key, loses_profiles};
use crate::model::Change;
use crate::plan::compute::Scene;
use crate::plan::report::{Action, PlannedChange};

/// The default profiles that go with what the plan changes.
pub fn profiles(scene: &Scene<'_>, changes: &[(PlannedChange, Change)]) -> Vec<(PlannedChange, Change)> {
    let lost = |(planned, change): &(PlannedChange, Change)| {
        let Change::Put(put) = change else { return None };
        let key = &planned.key;
        let stored = scene.state.get(key).filter(|_| key.kind.as_str() == "project")?;
        if !loses_profiles(&key.name, &stored.spec.config(), &put.spec.config()) {
            return None;
        }
        let profile = scene.state.get(&default_profile_key(&key.name))?;
        let planned = PlannedChange { at: planned.at.clone(), ..PlannedChange::of(profile, Action::Delete) };
        Some((planned, Change::Delete { key: profile.key.clone() }))
    };
    changes.iter().filter_map(lost).collect()
}
