//! Three-way merge of what all members share: stored, declared the last time, declared now.

use serde_json::{Map, Value};

use crate::kinds::Kind;
use crate::kinds::tables::key_table::is_secret_key;
use crate::model::{Object, Spec};
use crate::plan::compute::Mode;

/// Fields of [`Object::applied`](crate::model::Object::applied) that are not part of the spec.
pub const APPLIED_MEMBERS: &str = "members";
/// The same, for keys that named no member when they were declared.
pub const APPLIED_HERE: &str = "here";

/// The spec after the manifest is applied to it.
///
/// Empty texts, lists and maps count as undeclared, and an empty text in a map asks to unset the key, once: the system
/// may choose a value for it, which stays. A device is
/// taken as a whole in [`Mode::Declarative`]: merged key by key, `nictype` would meet `network`, which nobody wants.
/// A secret is never unset by leaving it out, only by an empty value: manifests are kept where secrets should not be,
/// and an export has none.
pub fn merge(stored: &Spec, applied: Option<&Spec>, declared: &Spec, mode: Mode) -> Spec {
    let nothing = Map::new();
    let before = applied.filter(|_| mode == Mode::Declarative).map_or(&nothing, |spec| &spec.0);
    let mut merged = stored.0.clone();
    for field in before.keys().filter(|field| *field != APPLIED_MEMBERS && *field != APPLIED_HERE) {
        if !declared.0.contains_key(field) {
            withdraw(&mut merged, field, &before[field]);
        }
    }
    for (field, value) in &declared.0 {
        match (value, before.get(field)) {
            (Value::Object(map), was) => {
                let was = was.and_then(Value::as_object).unwrap_or(&nothing);
                let base = merged.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
                let entries = merge_map(base, was, map, mode);
                if entries.is_empty() && !merged.contains_key(field) {
                    continue;
                }
                merged.insert(field.clone(), Value::Object(entries));
            }
            (value, Some(was)) if is_unset(value) => withdraw(&mut merged, field, was),
            (value, None) if is_unset(value) => {}
            (value, _) => {
                merged.insert(field.clone(), value.clone());
            }
        }
    }
    Spec(merged)
}

/// The spec of a stored object after a manifest that declares it as `declared`, before the system chooses anything: what
/// it once chose for an earlier declaration goes with that.
pub fn merge_stored(kind: &dyn Kind, stored: &Object, declared: &Spec, mode: Mode) -> Spec {
    let applied = stored.applied.as_ref().map(|applied| with_filled_in(kind, stored, applied));
    merge(&stored.spec, applied.as_ref(), declared, mode)
}

fn with_filled_in(kind: &dyn Kind, stored: &Object, applied: &Spec) -> Spec {
    let mut declared = applied.clone();
    declared.0.retain(|field, _| field != APPLIED_MEMBERS && field != APPLIED_HERE);
    let filled_in = kind.filled_in(&stored.key, &declared, &stored.spec);
    if filled_in.is_empty() {
        return applied.clone();
    }
    let held = stored.spec.config();
    let mut config = applied.config();
    config.extend(filled_in.into_iter().filter_map(|key| Some((key.clone(), held.get(&key)?.clone()))));
    let mut applied = applied.clone();
    applied.set_config(&config);
    applied
}

/// Whether a value says nothing.
pub fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn merge_map(
    mut base: Map<String, Value>,
    was: &Map<String, Value>,
    declared: &Map<String, Value>,
    mode: Mode,
) -> Map<String, Value> {
    for key in was.keys().filter(|key| !declared.contains_key(*key) && !is_secret_key(key)) {
        base.remove(key);
    }
    for (key, value) in declared {
        match (value, base.get_mut(key)) {
            (Value::Object(inner), Some(Value::Object(kept))) if mode == Mode::Merge => {
                kept.extend(inner.clone());
            }
            // What was empty the last time has been unset then: a value that is there now was chosen for it since.
            (Value::String(text), _) if text.is_empty() => {
                if was.get(key) != Some(value) {
                    base.remove(key);
                }
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
    base
}

// What the manifest declared and no longer does goes; what others put beside it stays.
fn withdraw(merged: &mut Map<String, Value>, field: &str, was: &Value) {
    match (merged.get_mut(field), was) {
        (Some(Value::Object(map)), Value::Object(was)) => {
            for key in was.keys().filter(|key| !is_secret_key(key)) {
                map.remove(key);
            }
        }
        (Some(_), Value::Object(_)) | (None, _) => {}
        (Some(_), _) => {
            merged.remove(field);
        }
    }
}
