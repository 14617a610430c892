//! The JSON Schema for editors and for those who check with nothing but a schema: the grammar, and what each
//! `config` map may hold by driver and type, with meanings, defaults, words and what is no longer used.
//!
//! `seedbed validate` itself reads only the grammar: its rules know all of this from the same tables, and say more.

mod devices;
mod draft;
mod keys;
mod text;
mod values;

use serde_json::{Map, Value, json};

use super::json_schema::grammar;
use super::section::{self, Section};
use crate::kinds::tables::key_table::{KeyInfo, KeyScope};
use crate::model::Spec;
use keys::{Definitions, Side};

pub use draft::schema_draft_07;

/// The JSON Schema (draft 2020-12) of one manifest document, as `schemas/seedbed.schema.json` holds it.
pub fn schema() -> Value {
    let mut schema = grammar();
    let mut definitions = Definitions::default();
    for section in section::applied() {
        let place = &mut schema["properties"][section.name];
        if section.is_map() {
            refer(place, definitions.map(&section.kind.entities(&Spec::default()), Side::Any));
        } else {
            entry(&mut place["items"], &section, &mut definitions);
        }
    }
    members(&mut schema["properties"]["cluster"], &mut definitions);
    let volumes: Vec<&str> = keys::entities("storage-volume-").collect();
    schema["properties"]["storage_volumes"]["items"]["properties"]["config"] = definitions.open_map(&volumes);
    schema["properties"]["cluster_groups"]["items"]["properties"]["config"] = definitions.open_map(&["cluster-group"]);
    schema["$defs"] = Value::Object(definitions.into_map());
    text::tidy(&mut schema);
    schema
}

// An object of a list: which keys it has depends on its driver or type.
fn entry(item: &mut Value, section: &Section, definitions: &mut Definitions) {
    let kind = section.kind;
    let has_config = item["properties"].get("config").is_some();
    let has_members = item["properties"].get("members").is_some();
    if item["properties"].get("devices").is_some() {
        item["properties"]["devices"]["additionalProperties"] = devices::schema(definitions);
    }
    if !has_config {
        return;
    }
    let Some(variants) = kind.variants() else {
        let map = definitions.map(&kind.entities(&Spec::default()), Side::Any);
        return refer(&mut item["properties"]["config"], map);
    };
    bare(&mut item["properties"]["config"]);
    if has_members {
        bare(&mut item["properties"]["members"]);
    }
    let branches = variants.values.iter().filter_map(|value| {
        let entities = kind.entities(&section::spec_of(variants.field, value));
        let then = then(&entities, has_members, definitions)?;
        let is_default = variants.default == Some(*value);
        Some(json!({ "if": condition(variants.field, value, is_default), "then": then }))
    });
    item["allOf"] = branches.collect();
    if variants.default.is_none() {
        let field = &mut item["properties"][variants.field];
        *field = json!({ "description": field["description"], "type": "string", "enum": variants.values });
        let required = item["required"].as_array_mut();
        required.into_iter().for_each(|fields| fields.push(json!(variants.field)));
    }
}

fn then(entities: &[&'static str], has_members: bool, definitions: &mut Definitions) -> Option<Value> {
    if entities.is_empty() {
        return None;
    }
    let mut properties = Map::new();
    properties.insert("config".to_owned(), definitions.map(entities, Side::Any));
    if has_members {
        let own = definitions.map(entities, Side::Member);
        properties.insert("members".to_owned(), json!({ "additionalProperties": own }));
    }
    Some(json!({ "properties": properties }))
}

// An absent field and an empty one mean the default.
fn condition(field: &str, value: &str, is_default: bool) -> Value {
    if is_default {
        return json!({ "properties": { (field): { "enum": [value, "", null] } } });
    }
    json!({ "properties": { (field): { "const": value } }, "required": [field] })
}

// Draft-07 reads nothing that stands beside a reference.
fn refer(place: &mut Value, reference: Value) {
    *place = json!({ "description": place["description"], "allOf": [reference] });
}

// What the branches say more of: keys are left to them.
fn bare(map: &mut Value) {
    *map = json!({ "type": ["object", "null"], "description": map["description"] });
}

// A member's own configuration holds keys of the member and server keys that it does not share.
fn members(cluster: &mut Value, definitions: &mut Definitions) {
    let place = "/properties/members/additionalProperties/properties/config";
    let Some(config) = cluster.pointer_mut(place) else { return };
    let is_own = |info: &KeyInfo| info.entity == "cluster" || info.scope != KeyScope::Global;
    refer(config, definitions.map_of("cluster.members", keys::merged(&["cluster", "server"], is_own)));
    for (path, instead) in [("/properties/cluster_password", "cluster_token")] {
        if let Some(field) = cluster.pointer_mut(path) {
            values::deprecate(field, instead);
        }
    }
}
