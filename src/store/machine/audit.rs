//! What the audit log says of a command, as a pure function: every member that applies it writes the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::state_view::View;
use crate::model::{
    AuditEntry, Command, Condition, ConditionState, Deed, Did, Key, Object, Phase, PlacementReport, Report, Write,
};

/// What becomes of objects, `None` where one is gone.
pub type Changed = BTreeMap<Key, Option<Object>>;

/// What a command has done to the state of before; `None` when that is nothing that anybody would ask after.
pub fn entry(before: &dyn View, command: &Command, changed: &Changed) -> Option<AuditEntry> {
    let entry = match command {
        Command::Write(write) => written(before, write, changed),
        Command::Report(report) => reported(before, report, changed),
    };
    Some(entry).filter(|entry| !entry.what.is_empty())
}

fn written(before: &dyn View, write: &Write, changed: &Changed) -> AuditEntry {
    let deed = |(key, new): (&Key, &Option<Object>)| {
        let old = before.object(key);
        let (did, names) = match (&old, new) {
            (None, None) => return None,
            (None, Some(_)) => (Did::Create, Vec::new()),
            (Some(_), None) => (Did::Delete, Vec::new()),
            (Some(old), Some(new)) if new.phase == Phase::Deleting && old.phase != Phase::Deleting => {
                (Did::Delete, Vec::new())
            }
            // Somebody has begun to refer to it, which is no change of it.
            (Some(old), Some(new)) if is_only_referred(old, new) => return None,
            (Some(old), Some(new)) => (Did::Change, names(old, new)),
        };
        Some(Deed { did, key: key.to_string(), member: String::new(), names })
    };
    let what = changed.iter().filter_map(deed).collect();
    AuditEntry { at: write.at, by: write.by.clone(), from: write.origin.clone(), what }
}

/// Whether nothing has happened to an object but that another may refer to it now.
fn is_only_referred(old: &Object, new: &Object) -> bool {
    old.referred != new.referred && Object { referred: new.referred, ..old.clone() } == *new
}

/// The paths at which two versions of an object differ. Never a value.
fn names(old: &Object, new: &Object) -> Vec<String> {
    let mut names = Vec::new();
    if old.phase != new.phase {
        names.push("phase".to_owned());
    }
    let fields: BTreeSet<&String> = old.spec.0.keys().chain(new.spec.0.keys()).collect();
    for field in fields {
        match (old.spec.0.get(field), new.spec.0.get(field)) {
            (was, is) if was == is => {}
            (Some(Value::Object(was)), Some(Value::Object(is))) => {
                names.extend(differing(was, is).into_iter().map(|key| format!("{field}.{key}")));
            }
            _ => names.push(field.clone()),
        }
    }
    if old.management != new.management {
        names.push("management".to_owned());
    }
    let nothing = BTreeMap::new();
    let config = |object: &Object, member| object.placements.get(member).map(|it| it.config.0.clone());
    for member in old.placements.keys().chain(new.placements.keys()).collect::<BTreeSet<_>>() {
        match (config(old, member), config(new, member)) {
            (Some(was), Some(is)) => {
                names.extend(differing(&was, &is).into_iter().map(|key| format!("members.{member}.{key}")));
            }
            (was, is) => {
                names.push(format!("members.{member}"));
                let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
                let keys = differing(&was, &nothing).into_iter().chain(differing(&nothing, &is));
                names.extend(keys.map(|key| format!("members.{member}.{key}")));
            }
        }
    }
    names
}

/// What two maps have differently, whatever sort of map they are.
fn differing<'a, M, V>(was: &'a M, is: &'a M) -> BTreeSet<&'a String>
where
    &'a M: IntoIterator<Item = (&'a String, &'a V)>,
    V: PartialEq + 'a,
{
    let old: BTreeMap<&String, &V> = was.into_iter().collect();
    let new: BTreeMap<&String, &V> = is.into_iter().collect();
    old.keys().chain(new.keys()).copied().filter(|key| old.get(*key) != new.get(*key)).collect()
}

fn reported(before: &dyn View, report: &Report, changed: &Changed) -> AuditEntry {
    let deed = |entry: &PlacementReport| {
        let condition = |object: &Object| object.placements.get(&entry.member).map(|it| it.condition.clone());
        let was = before.object(&entry.key).as_ref().and_then(condition)?;
        let is = changed.get(&entry.key)?.as_ref().and_then(condition)?;
        let (key, member) = (entry.key.to_string(), entry.member.0.clone());
        Some(Deed { did: turned(&was, &is)?, key, member, names: Vec::new() })
    };
    let what = report.entries.iter().filter_map(deed).collect();
    AuditEntry { at: report.at, by: "reconciler".to_owned(), from: None, what }
}

/// What a member has noticed, or done about it.
fn turned(was: &Condition, is: &Condition) -> Option<Did> {
    let is_other = was.reason != is.reason || was.since != is.since;
    match (was.state, is.state) {
        (_, ConditionState::Ready) if is.reason == Condition::RESTORED && is_other => Some(Did::Healed),
        (ConditionState::Drifted, ConditionState::Ready) => Some(Did::Cleared),
        (ConditionState::Drifted, ConditionState::Drifted) => None,
        (_, ConditionState::Drifted) => Some(Did::Drifted),
        _ => None,
    }
}
