//! Applies that have to be confirmed: what goes into their entry, and the way back when nobody confirms.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{record, spec_of};
use super::revert::{Past, back};
use super::three_way::merged;
use crate::kinds::Rng;
use crate::kinds::records::confirmation::{CLUSTER, Content, Left, Pending, Rest, Written, Wrote};
use crate::kinds::records::history::{Applied, Before, NAMED_MAX};
use crate::model::{Change, ClusterState, Expect, Finding, Key, Object, Phase, Put, Timestamp, Write};
use crate::plan::compute::Context;
use crate::plan::lxd::Stamp;
use crate::plan::report::{Action, Plan};

/// How an apply is to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Until when.
    pub until: Timestamp,
    /// From where it came.
    pub from: String,
}

/// While an apply waits to be confirmed no other goes into the log.
pub fn free(write: &mut Write) {
    write.expect.push(Expect::absent(Pending::key()));
}

impl Plan {
    /// Adds to the plan's entry what it takes to go back: see [`Plan::write_remembered`], which made it from the same
    /// `state` and `records`.
    pub fn add_confirmation(&self, write: &mut Write, confirm: &Confirm, state: &ClusterState, records: &[Object]) {
        let written = Written { objects: self.changes.iter().map(|change| self.wrote(&change.key, state)).collect() };
        let mut counts = BTreeMap::new();
        self.changes.iter().for_each(|change| *counts.entry(change.action.word()).or_default() += 1);
        let summary = Applied { counts, ..Applied::default() }.summary();
        let pending = Pending {
            at: write.at,
            by: write.by.clone(),
            from: confirm.from.clone(),
            until: confirm.until,
            back_to: records.iter().map(|record| record.uid).max(),
            apply: Applied::name(write.at, &write.request),
            summary,
            named: self.changes.iter().take(NAMED_MAX).map(|change| change.key.clone()).collect(),
            given_up_by: String::new(),
        };
        write.changes.push(record(Pending::key(), spec_of(&pending)));
        write.changes.push(record(Written::key(), spec_of(&written)));
    }

    fn wrote(&self, key: &Key, state: &ClusterState) -> Wrote {
        let put = self.work.changes.iter().find_map(|change| match change {
            Change::Put(put) if put.key == *key => Some(put),
            _ => None,
        });
        let content = put.map(|Put { spec, management, placements, .. }| {
            let before = state.get(key);
            let kept = || before.map(|object| object.management.clone()).unwrap_or_default();
            Content {
                spec: spec.clone(),
                management: management.clone().unwrap_or_else(kept),
                placements: if before.is_some() { placements.clone() } else { BTreeMap::new() },
            }
        });
        Wrote { key: key.clone(), content }
    }
}

/// The way back from an apply that nobody confirmed.
#[derive(Clone, Debug)]
pub struct TakenBack {
    /// What is changed back.
    pub plan: Plan,
    /// What stays as the apply made it.
    pub left: Vec<Rest>,
}

/// As much of the way back as there is: keys that somebody has changed since stay, and so does what cannot go.
///
/// # Errors
/// When not even nothing can be planned, which says more about the state than about the apply.
pub fn take_back(
    before: Before,
    written: &Written,
    state: &ClusterState,
    context: &Context<'_>,
    rng: &mut dyn Rng,
) -> Result<TakenBack, Vec<Finding>> {
    let mut past = Past::before([before]);
    let mut left = meanwhile(&mut past, written, state);
    let mut steps = past.steps(state);
    let plan = back(&Past::default(), state, context, rng)?;
    let mut way = Way { past: &past, state, context, rng, keys: BTreeSet::new(), plan };
    loop {
        let mut barred = Vec::new();
        let found = way.keys.len();
        way.take(&steps, &mut barred);
        // What was barred by its user may go when the user has gone.
        if barred.is_empty() || way.keys.len() == found {
            left.extend(barred);
            return Ok(TakenBack { plan: way.plan, left });
        }
        steps = barred.into_iter().map(|rest| rest.key).collect();
    }
}

/// Takes what others have done since out of the past, and tells what of the apply stays for it.
fn meanwhile(past: &mut Past, written: &Written, state: &ClusterState) -> Vec<Rest> {
    let mut left = Vec::new();
    for wrote in &written.objects {
        let now = state.get(&wrote.key);
        let Some(why) = wrote.touched(now) else { continue };
        let was = past.object(&wrote.key).flatten();
        // It was not there, and is not there.
        if was.is_none() && now.is_none_or(|now| now.phase == Phase::Deleting) {
            continue;
        }
        let merged = match (was, &wrote.content, now) {
            (Some(was), Some(content), Some(now)) if now.phase != Phase::Deleting => Some(merged(was, content, now)),
            _ => None,
        };
        let why = match merged {
            Some((object, both)) => {
                past.set(object);
                (!both.is_empty()).then(|| format!("{why}: {} stays", both.join(", ")))
            }
            None => {
                past.drop(&wrote.key);
                Some(why.to_owned())
            }
        };
        left.extend(why.map(|why| Rest { key: wrote.key.clone(), why }));
    }
    left
}

/// How far the way back goes.
struct Way<'a> {
    past: &'a Past,
    state: &'a ClusterState,
    context: &'a Context<'a>,
    rng: &'a mut dyn Rng,
    keys: BTreeSet<Key>,
    plan: Plan,
}

impl Way<'_> {
    /// Takes all of these steps at once, or the halves one by one.
    fn take(&mut self, steps: &[Key], barred: &mut Vec<Rest>) {
        let mut keys = self.keys.clone();
        keys.extend(steps.iter().cloned());
        match (back(&self.past.only(&keys), self.state, self.context, self.rng), steps) {
            (Ok(plan), _) => (self.keys, self.plan) = (keys, plan),
            (Err(_), []) => {}
            (Err(findings), [only]) => barred.push(Rest { key: only.clone(), why: said(only, &findings) }),
            (Err(_), steps) => {
                let (first, second) = steps.split_at(steps.len() / 2);
                self.take(first, barred);
                self.take(second, barred);
            }
        }
    }
}

fn said(key: &Key, findings: &[Finding]) -> String {
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.is_error()).collect();
    let name = key.to_string();
    let own: Vec<&str> =
        errors.iter().map(|finding| finding.message.as_str()).filter(|text| text.contains(&name)).collect();
    match own.as_slice() {
        [] => errors.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; "),
        own => own.join("; "),
    }
}

impl TakenBack {
    /// The one entry that takes back what `pending` says, as far as there is a way. `records` are those of earlier
    /// applies.
    pub fn write(&self, pending: (&Object, &Pending), stamp: Stamp, state: &ClusterState, records: &[Object]) -> Write {
        let (object, pending) = pending;
        let at = stamp.at;
        let why = pending.why();
        let mut write = if self.plan.is_empty() {
            let Stamp { request, at, by } = stamp;
            Write { request, at, by, origin: None, expect: Vec::new(), changes: Vec::new() }
        } else {
            self.plan.write_remembered(stamp, &why, state, records)
        };
        // The audit log has no room for a reason beside who did it.
        write.by = format!("{CLUSTER}: {why}");
        write.expect.push(Expect::unchanged(object));
        write.changes.extend([Pending::key(), Written::key()].map(|key| Change::Forget { key }));
        let removed = self.plan.changes.iter().filter(|change| change.action == Action::Delete);
        let going = removed.map(|change| change.key.clone()).filter(|key| is_placed(key, state)).collect();
        let left = Left { at, by: pending.by.clone(), applied_at: pending.at, left: self.left.clone(), going };
        if !left.left.is_empty() || !left.going.is_empty() {
            write.changes.push(record(Left::key(), spec_of(&left)));
        }
        write
    }
}

/// Whether a removal is up to members, who may find that they cannot.
fn is_placed(key: &Key, state: &ClusterState) -> bool {
    state.get(key).is_some_and(|object| !object.placements.is_empty())
}
