//! The way back: from what is stored to what objects were before some applies.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::records::history::{Before, Was};
use crate::kinds::{ALL, Rng};
use crate::model::{
    Change, ClusterState, Command, Declared, Desired, Finding, Key, Known, Management, MemberName, Object, Phase,
    ReadSet, Revision, Spec, Timestamp, Write,
};
use crate::plan::compute::{Context, plan, summary};
use crate::plan::export::declare;
use crate::plan::lxd::{self, Ask, Stamp};
use crate::plan::report::{Action, MemberRow, Plan, PlannedChange};
use crate::plan::rules::order::order;

/// What objects were before the first of some applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    objects: BTreeMap<Key, Option<Object>>,
}

impl Past {
    /// Before all of these applies, which are in the order in which they were done.
    pub fn before(applies: impl IntoIterator<Item = Before>) -> Self {
        let mut objects = BTreeMap::new();
        for Was { key, object, .. } in applies.into_iter().flat_map(|before| before.objects) {
            objects.entry(key).or_insert(object);
        }
        Self { objects }
    }

    /// What an object was; `None` when none of the applies changed it.
    pub fn object(&self, key: &Key) -> Option<Option<&Object>> {
        self.objects.get(key).map(Option::as_ref)
    }

    /// The same for these objects alone.
    #[must_use]
    pub fn only(&self, keys: &BTreeSet<Key>) -> Self {
        let some = self.objects.iter().filter(|(key, _)| keys.contains(*key));
        Self { objects: some.map(|(key, object)| (key.clone(), object.clone())).collect() }
    }

    /// The same with an object of before in another form.
    pub fn set(&mut self, object: Object) {
        self.objects.insert(object.key.clone(), Some(object));
    }

    /// The same without an object.
    pub fn drop(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    /// All objects, in the order in which they can be changed back: what is used comes back before its users, and
    /// goes after them.
    pub fn steps(&self, state: &ClusterState) -> Vec<Key> {
        let mut keys = order(&self.desired(state).objects);
        keys.extend(self.gone(state));
        let is_named: BTreeSet<Key> = keys.iter().cloned().collect();
        keys.extend(self.objects.keys().filter(|key| !is_named.contains(*key)).cloned());
        keys
    }

    /// What was there, as it would be declared. A member that has gone since gets nothing.
    pub fn desired(&self, state: &ClusterState) -> Desired {
        let members = state.members();
        let was = self.objects.iter().filter_map(|(key, object)| Some((key.clone(), object.as_ref()?)));
        let declared = was.map(|(key, object)| {
            let mut declared: Declared = declare(object);
            declared.members.retain(|member, _| member.is_every() || members.contains(member));
            (key, declared)
        });
        Desired { objects: declared.collect() }
    }

    /// What did not exist and does now, in the order in which it can go.
    fn gone(&self, state: &ClusterState) -> Vec<Key> {
        let is_there = |key: &&Key| state.get(key).is_some_and(|object| object.phase != Phase::Deleting);
        let new = self.objects.iter().filter(|(_, object)| object.is_none()).map(|(key, _)| key).filter(is_there);
        // A project takes its default profile along, and the records of the cluster itself stay.
        let goes_by_itself = |key: &&Key| match key.kind.as_str() {
            "profile" => key.name == "default",
            kind => kind == "config" || kind == Key::MEMBER,
        };
        let new: BTreeMap<Key, Declared> = new
            .filter(|key| !goes_by_itself(key))
            .filter_map(|key| Some((key.clone(), declare(state.get(key)?))))
            .collect();
        let mut keys = order(&new);
        keys.reverse();
        keys
    }
}

/// What [`back`] looks at: everything, because it is asked for seldom and what is removed may be used by anything.
pub fn of_back(known: &Known) -> ReadSet {
    let kinds = ALL.iter().map(|kind| kind.words().kind.into());
    let mut extent = ReadSet { kinds: kinds.collect(), placed: true, ..ReadSet::default() };
    extent.keys.insert(Key::membership());
    extent.projects.extend(known.state.of_kind("project").map(|project| project.key.name.as_str().into()));
    extent
}

/// The changes that turn `state` into what `past` says. What nobody has applied since stays as it is.
///
/// # Errors
/// What cannot be changed back, and what cannot be removed because something uses it: nothing is changed then.
pub fn back(past: &Past, state: &ClusterState, context: &Context<'_>, rng: &mut dyn Rng) -> Result<Plan, Vec<Finding>> {
    let mut plan = plan(&past.desired(state), state, context, rng)?;
    plan.own_as(past, state);
    // The way back is taken by all at once.
    plan.waves = None;
    let mut after = state.clone();
    plan.imagine(&mut after);
    let mut findings = Vec::new();
    for key in past.gone(state) {
        match removal(&key, &after, context) {
            Ok(write) => {
                plan.add_removal(&key, state, write);
                after.objects.remove(&key);
            }
            Err(refusal) => findings.push(refused(&key, refusal)),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    plan.unchanged = past.objects.len().saturating_sub(plan.changes.len());
    plan.summary = summary(plan.changes.iter());
    plan.digest = plan.digest();
    Ok(plan)
}

fn removal(key: &Key, after: &ClusterState, context: &Context<'_>) -> Result<Write, lxd::Refusal> {
    let stamp = Stamp { request: String::new(), at: Timestamp(0), by: String::new() };
    let ask = Ask { state: after, liveness: context.liveness, here: context.here, key, stamp };
    match lxd::delete(&ask)? {
        Command::Write(write) => Ok(write),
        Command::Report(_) => Err(lxd::Refusal::new(500, "a removal is a write")),
    }
}

fn refused(key: &Key, refusal: lxd::Refusal) -> Finding {
    let finding = Finding::error("SB182", format!("{key} cannot go: {}", refusal.message));
    match refusal.hint {
        Some(hint) => finding.helping(hint),
        None => finding,
    }
}

impl Plan {
    /// Who declared what is as it was, too: otherwise the next manifest would unset what it never declared.
    fn own_as(&mut self, past: &Past, state: &ClusterState) {
        let was = |key: &Key| past.objects.get(key).and_then(Option::as_ref);
        let is_same = |key: &Key| match (was(key), state.get(key)) {
            (Some(was), Some(now)) => applied(was) == applied(now) && was.management == now.management,
            _ => false,
        };
        let needless = |change: &PlannedChange| change.action == Action::Adopt && is_same(&change.key);
        let keep: Vec<bool> = self.changes.iter().map(|change| !needless(change)).collect();
        let mut kept = keep.iter();
        self.changes.retain(|_| *kept.next().unwrap_or(&true));
        let mut kept = keep.iter();
        self.work.changes.retain(|_| *kept.next().unwrap_or(&true));
        for change in &mut self.work.changes {
            if let Change::Put(put) = change
                && let Some(was) = was(&put.key)
            {
                put.applied = Some(applied(was));
                put.management = Some(Management { waves: None, ..was.management.clone() });
            }
        }
    }

    /// The state after the changes so far, as far as references go.
    fn imagine(&self, state: &mut ClusterState) {
        for change in &self.work.changes {
            if let Change::Put(put) = change
                && let Some(object) = state.objects.get_mut(&put.key)
            {
                object.spec = put.spec.clone();
            }
        }
    }

    fn add_removal(&mut self, key: &Key, state: &ClusterState, write: Write) {
        let Some(object) = state.get(key) else { return };
        let is_silent = |member: &MemberName| self.offline.iter().any(|silent| silent.member == *member);
        let row = |member: MemberName| MemberRow { offline: is_silent(&member), member, fields: Vec::new() };
        let waits_for = object.placements.keys().filter(|member| is_silent(member)).cloned().collect();
        self.changes.push(PlannedChange {
            members: object.placements.keys().cloned().map(row).collect(),
            waits_for,
            is_undone: true,
            ..PlannedChange::of(object, Action::Delete)
        });
        for new in write.expect {
            match self.work.expect.iter_mut().find(|known| known.key == new.key) {
                Some(known) => known.join(new),
                None => self.work.expect.push(new),
            }
        }
        self.work.changes.extend(write.changes);
    }
}

fn applied(object: &Object) -> Spec {
    object.applied.clone().unwrap_or_default()
}

/// The records of applies after a revision, in order; `None` when that revision is no longer remembered.
pub fn since(records: &[Object], revision: Revision) -> Option<Vec<&Object>> {
    let is_known = records.iter().any(|record| record.uid == revision);
    let mut later: Vec<&Object> = records.iter().filter(|record| record.uid > revision).collect();
    later.sort_by_key(|record| record.uid);
    is_known.then_some(later)
}
