//! Two values of an object compared path by path, for people and programs. Secrets never get this far.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::kinds;
use crate::model::{ApplyMode, Config, Key, Management, Spec};
use crate::plan::report::FieldChange;

/// What differs between two specs. `computed` tells the paths whose value the system chose.
pub fn between(key: &Key, before: Option<&Spec>, after: &Spec, computed: &[String]) -> Vec<FieldChange> {
    let before = before.map(flat).unwrap_or_default();
    changes(key, &before, &flat(after), computed)
}

/// What differs between two member-specific configurations.
pub fn between_configs(key: &Key, before: Option<&Config>, after: &Config) -> Vec<FieldChange> {
    let flat = |config: &Config| config.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    changes(key, &before.map(flat).unwrap_or_default(), &flat(after), &[])
}

/// What differs in how an object is managed. That a new object belongs to who makes it is worth no word.
pub fn of_management(before: Option<&Management>, after: &Management) -> Vec<FieldChange> {
    let word = |is: bool| is.then(|| "true".to_owned());
    let mode = |of: &Management| (of.apply != ApplyMode::default()).then(|| of.apply.to_string());
    let usual = Management { source: after.source.clone(), ..Management::default() };
    let before = before.unwrap_or(&usual);
    let pairs = [
        ("apply", mode(before), mode(after)),
        ("protect", word(before.protect), word(after.protect)),
        ("source", before.source.clone(), after.source.clone()),
    ];
    let differing = pairs.into_iter().filter(|(_, before, after)| before != after);
    let change = |(path, before, after): (&str, _, _)| FieldChange {
        path: path.to_owned(),
        before,
        after,
        secret: false,
        computed: false,
    };
    differing.map(change).collect()
}

fn changes(
    key: &Key,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    computed: &[String],
) -> Vec<FieldChange> {
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let differing = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let change = |path: &String| {
        let secret = kinds::is_secret(key.kind.as_str(), path);
        let shown = |value: Option<&String>| value.cloned().filter(|_| !secret);
        FieldChange {
            path: path.clone(),
            before: shown(before.get(path)),
            after: shown(after.get(path)),
            secret,
            computed: computed.contains(path),
        }
    };
    differing.map(change).collect()
}

/// The steps to a value from its path: keys may hold dots themselves.
pub fn steps(spec: &Spec, path: &str) -> Vec<String> {
    descend(&spec.0, path).unwrap_or_default()
}

fn descend(map: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
    if map.contains_key(path) {
        return Some(vec![path.to_owned()]);
    }
    map.iter().find_map(|(key, value)| {
        let rest = path.strip_prefix(key.as_str())?.strip_prefix('.')?;
        let below = descend(value.as_object()?, rest)?;
        Some([key.clone()].into_iter().chain(below).collect())
    })
}

fn flat(spec: &Spec) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    flatten("", &spec.0, &mut paths);
    paths
}

fn flatten(prefix: &str, map: &Map<String, Value>, into: &mut BTreeMap<String, String>) {
    for (key, value) in map {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten(&path, inner, into),
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => {
                into.insert(path, text.clone());
            }
            Value::Null => {}
            Value::Array(items) => {
                let words: Vec<String> = items.iter().map(word).collect();
                into.insert(path, words.join(", "));
            }
            Value::Bool(_) | Value::Number(_) => {
                into.insert(path, word(value));
            }
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
