//! What an apply leaves behind: who did what, and what the objects were before.

use std::collections::BTreeMap;

use crate::kinds::records::history::{Applied, Before, NAMED_MAX, Was, outdated};
use crate::model::{Change, ClusterState, Key, Object, Put, Rollout, Spec, Stage, Write};
use crate::plan::lxd::Stamp;
use crate::plan::report::{Action, Plan, PlannedChange};

impl Plan {
    /// The one log entry that carries out the whole plan and remembers it: see [`Plan::write`].
    ///
    /// `state` is what the plan was made against, `records` are the records of earlier applies. `why` is empty for a
    /// manifest.
    pub fn write_remembered(&self, stamp: Stamp, why: &str, state: &ClusterState, records: &[Object]) -> Write {
        let remembered = self.remembered(&stamp, why, state, records);
        let Stamp { request, at, by } = stamp;
        let mut changes = self.work.changes.clone();
        changes.extend(remembered);
        Write { request, at, by, origin: Default::default(), expect: self.work.expect.clone(), changes }
    }

    fn remembered(&self, stamp: &Stamp, why: &str, state: &ClusterState, records: &[Object]) -> Vec<Change> {
        let was = |change: &PlannedChange| Was {
            key: change.key.clone(),
            action: change.action.word(),
            object: state.get(&change.key).cloned(),
        };
        let before = Before { objects: self.changes.iter().map(was).collect() };
        let mut counts = BTreeMap::new();
        before.objects.iter().for_each(|was| *counts.entry(was.action.clone()).or_default() += 1);
        let named = before.objects.iter().take(NAMED_MAX).map(|was| was.key.clone()).collect();
        let bytes = serde_json::to_string(&before).map_or(0, |text| text.len());
        let applied = Applied { at: stamp.at, by: stamp.by.clone(), why: why.to_owned(), counts, named, bytes };
        let known: Vec<_> =
            records.iter().map(|record| (record.key.name.clone(), record.uid, bytes_of(record))).collect();
        let gone = outdated(&known, bytes).into_iter();
        let mut changes: Vec<Change> =
            gone.flat_map(|name| [Applied::key(&name), Before::key(&name)]).map(|key| Change::Forget { key }).collect();
        let name = Applied::name(stamp.at, &stamp.request);
        changes.push(record(Applied::key(&name), spec_of(&applied)));
        // What the objects were every member has: only their names are in the entry.
        let objects = before.objects.into_iter().map(|was| (was.key, was.action)).collect();
        changes.push(Change::Remember { key: Before::key(&name), objects });
        changes
    }
}

impl Action {
    /// As it is written in JSON.
    pub fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

fn bytes_of(record: &Object) -> usize {
    record.spec.0.get("bytes").and_then(serde_json::Value::as_u64).and_then(|bytes| bytes.try_into().ok()).unwrap_or(0)
}

pub fn spec_of(typed: &impl serde::Serialize) -> Spec {
    // Records are structures of texts and numbers, which can always be written.
    Spec::of(typed).unwrap_or_default()
}

pub fn record(key: Key, spec: Spec) -> Change {
    let (rollout, stage, placements) = (Rollout::RecordOnly, Stage::Live, Default::default());
    Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements })
}
