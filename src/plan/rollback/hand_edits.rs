//! What others have changed by hand since it was applied: no way back to an apply knows of it, and says so.

use std::collections::BTreeSet;

use super::revert::Past;
use crate::kinds::Rng;
use crate::kinds::records::history::Before;
use crate::model::{ClusterState, Finding, Key, Phase, Severity};
use crate::plan::compute::Context;
use crate::plan::drift::drift;
use crate::plan::report::Plan;

/// More names than these are counted.
const NAMED_MAX: usize = 5;

impl Plan {
    /// Names what others have changed or deleted since it was applied and this plan leaves as it is. `applies` are all
    /// that are remembered, in order; `past` is what the plan goes back to.
    #[must_use]
    pub fn with_changes_by_hand(
        mut self,
        (past, applies): (&Past, &[Before]),
        state: &ClusterState,
        context: &Context<'_>,
        rng: &mut dyn Rng,
    ) -> Self {
        let is_planned = |key: &Key| self.changes.iter().any(|change| change.key == *key);
        let declared = state.objects.values().filter(|object| object.applied.is_some());
        let changed = drift(declared, state, context, rng).into_iter().map(|change| change.key);
        let changed: BTreeSet<Key> = changed.filter(|key| !is_planned(key) && state.get(key).is_some()).collect();
        let deleted = deleted(applies, past, state).into_iter().filter(|key| !is_planned(key)).collect();
        let notes: Vec<Finding> =
            [(changed, "changed"), (deleted, "deleted")].iter().filter_map(|(keys, done)| note(keys, done)).collect();
        self.notes.extend(notes);
        self
    }
}

/// What the last apply that had to do with it has left, and nobody has taken away by an apply.
fn deleted(applies: &[Before], past: &Past, state: &ClusterState) -> BTreeSet<Key> {
    let mut left = BTreeSet::new();
    for was in applies.iter().flat_map(|before| &before.objects) {
        match was.action.as_str() {
            "delete" => left.remove(&was.key),
            _ => left.insert(was.key.clone()),
        };
    }
    let is_gone = |key: &Key| state.get(key).is_none_or(|object| object.phase == Phase::Deleting);
    // What did not exist then is not missed.
    left.retain(|key| is_gone(key) && past.object(key) != Some(None));
    left
}

fn note(keys: &BTreeSet<Key>, done: &str) -> Option<Finding> {
    let named: Vec<String> = keys.iter().take(NAMED_MAX).map(Key::to_string).collect();
    let more = match keys.len() {
        0 => return None,
        all if all > NAMED_MAX => format!(" and {} more", all - NAMED_MAX),
        _ => String::new(),
    };
    let text = format!(
        "{}{more}: {done} by others since it was applied, and left so; to have it back apply its manifest",
        named.join(", ")
    );
    Some(Finding { severity: Severity::Note, ..Finding::warning("SB185", text) })
}
