//! `config` maps as schemas: the keys of the key table, families such as `user.*` as patterns.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{text, values};
use crate::kinds::tables::key_table::{self, KeyInfo, KeyScope};

/// The maps that are used in several places, by name.
#[derive(Default)]
pub struct Definitions(Map<String, Value>);

/// Whose keys a map holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that members may differ in.
    Member,
    /// Both: a file that one member reads may hold its own keys beside the others.
    Any,
}

/// One key as it may be written, and what is known of it.
pub struct Known {
    /// The key, or the pattern of a family.
    pub key: String,
    /// Its row.
    pub info: &'static KeyInfo,
}

impl Definitions {
    /// All of them.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// A reference to the map of these entities, which holds nothing but their keys; without entities an empty map.
    pub fn map(&mut self, entities: &[&'static str], side: Side) -> Value {
        if entities.is_empty() {
            return closed(Vec::new());
        }
        let own = |info: &KeyInfo| side != Side::Member || info.scope != KeyScope::Global;
        let name = match side {
            Side::Member => format!("members.{}", entities.join("+")),
            Side::Any => entities.join("+"),
        };
        self.map_of(&name, merged(entities, own))
    }

    /// The same where other keys may stand too.
    pub fn open_map(&mut self, entities: &[&'static str]) -> Value {
        let mut schema = closed(merged(entities, |_| true));
        schema["additionalProperties"] = values::free();
        schema
    }

    /// A reference to the map of these keys.
    pub fn map_of(&mut self, name: &str, keys: Vec<Known>) -> Value {
        self.define(name, || closed(keys))
    }

    /// A reference to the schema of this name.
    pub fn define(&mut self, name: &str, schema: impl FnOnce() -> Value) -> Value {
        self.0.entry(name).or_insert_with(schema);
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// The names of the entities that start so.
pub fn entities(start: &str) -> impl Iterator<Item = &'static str> {
    key_table::entities().filter(move |entity| entity.starts_with(start))
}

/// The keys of several entities, each once: the first that has it explains it.
pub fn merged(entities: &[&'static str], wanted: impl Fn(&KeyInfo) -> bool) -> Vec<Known> {
    let mut keys: BTreeMap<String, &'static KeyInfo> = BTreeMap::new();
    for entity in entities {
        let own = key_table::keys_of(entity).map(|info| (info.key.to_owned(), info));
        for (key, info) in own.chain(volume_defaults(entity)).filter(|(_, info)| wanted(info)) {
            keys.entry(key).or_insert(info);
        }
    }
    // Instances have volatile keys, profiles and devices do not.
    let is_settable = |info: &KeyInfo| !(info.entity == "instance" && info.key.starts_with("volatile."));
    keys.into_iter().filter(|(_, info)| is_settable(info)).map(|(key, info)| Known { key, info }).collect()
}

// `volume.KEY` of a pool is what KEY of its volumes is unless they say otherwise.
fn volume_defaults(entity: &str) -> impl Iterator<Item = (String, &'static KeyInfo)> {
    let driver = entity.strip_prefix("storage-").filter(|driver| !driver.starts_with("volume-"));
    let volumes = driver.map(|driver| format!("storage-volume-{driver}"));
    let rows = volumes.and_then(|name| key_table::entities().find(|entity| *entity == name)).map(key_table::keys_of);
    let rows = rows
        .into_iter()
        .flatten()
        .filter(|info| !info.key.starts_with("volatile.") && !key_table::is_pattern(info.key));
    rows.map(|info| (format!("volume.{}", info.key), info))
}

/// A map that holds nothing but these keys.
pub fn closed(keys: Vec<Known>) -> Value {
    let (families, exact): (Vec<Known>, Vec<Known>) =
        keys.into_iter().partition(|known| key_table::is_pattern(known.info.key));
    let properties: Map<String, Value> = exact.iter().map(|known| (known.key.clone(), values::value(known))).collect();
    let patterns: Map<String, Value> =
        families.iter().map(|known| (text::pattern(&known.key), values::value(known))).collect();
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": false,
    })
}
