//! The JSON Schema of manifests, derived from the types of the kinds and of the grammar.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::grammar::{CertificateGrammar, ClusterGrammar, ClusterGroupGrammar, StorageVolumeGrammar};
use super::section::{self, LEGACY_FIELDS, Section};
use crate::model::{ApplyMode, Rollout};

/// The schema, built once.
pub static SCHEMA: LazyLock<Value> = LazyLock::new(grammar);

/// The grammar of one manifest document as a JSON Schema: fields, types, what is required. Which keys `config` maps hold
/// is left to the rules, which know the driver and say more; `editor` adds it for those who have nothing but a schema.
///
/// Scalars may be written with or without quotes: where a text is wanted, numbers and booleans do.
pub fn grammar() -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut sections = Map::new();
    for section in section::applied() {
        let schema = match section.is_map() {
            true => config_map(&section.kind.schema(&mut generator).to_value()),
            false => list_of(entry(&section, &mut generator)),
        };
        sections.insert(section.name.to_owned(), schema);
    }
    for (name, schema) in unapplied(&mut generator) {
        sections.entry(name).or_insert_with(|| list_of(schema));
    }
    sections.insert("cluster".to_owned(), cluster(&mut generator));
    sections.values_mut().for_each(loosen);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Seedbed manifest",
        "description": "The desired state of a cluster of container hosts, in the preseed form of LXD and Incus.",
        "type": "object",
        "additionalProperties": false,
    });
    schema["properties"] = Value::Object(sections);
    schema
}

fn plain<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

// `json!` would copy the item, which is large; every start of the program waits for this.
fn list_of(item: Value) -> Value {
    let mut list = json!({ "type": "array" });
    list["items"] = item;
    list
}

fn unapplied(generator: &mut SchemaGenerator) -> [(String, Value); 3] {
    [
        ("storage_volumes".to_owned(), closed(plain::<StorageVolumeGrammar>(generator))),
        ("certificates".to_owned(), closed(plain::<CertificateGrammar>(generator))),
        ("cluster_groups".to_owned(), closed(plain::<ClusterGroupGrammar>(generator))),
    ]
}

fn closed(mut object: Value) -> Value {
    object["additionalProperties"] = json!(false);
    object
}

// What stands in a list: the spec of the kind, and what the manifest says around it.
fn entry(section: &Section, generator: &mut SchemaGenerator) -> Value {
    let kind = section.kind;
    let mut schema = closed(kind.schema(generator).to_value());
    let properties = &mut schema["properties"];
    let spoken = kind.words().spoken;
    properties["name"] = json!({ "type": "string", "description": format!("The name of the {spoken}.") });
    if section.has_projects() {
        properties["project"] = json!({
            "type": "string", "default": "default", "description": format!("The project that the {spoken} belongs to."),
        });
    }
    if kind.rollout() != Rollout::RecordOnly {
        let described = "The keys in which members differ, under the name of each member; under `*` those of every member whose own say nothing else.";
        properties["members"] = json!({ "type": "object", "description": described, "additionalProperties": texts() });
    }
    manage(properties);
    if let Some(config) = properties.get_mut("config") {
        let described = config["description"].take();
        *config = texts();
        config["description"] = described;
    }
    for (_, field) in LEGACY_FIELDS.iter().filter(|(name, _)| *name == section.name) {
        properties[*field] = json!({ "deprecated": true, "description": "Printed by LXD; it says nothing here." });
    }
    let required = schema["required"].as_array().into_iter().flatten().cloned();
    schema["required"] = std::iter::once(json!("name")).chain(required.filter(|field| field != "name")).collect();
    schema
}

// How the object is managed: a type of the model, said by manifests of every kind.
fn manage(properties: &mut Value) {
    let words: Vec<&str> = ApplyMode::ALL.iter().map(|(word, _)| *word).collect();
    properties["apply"] = json!({
        "type": "string", "enum": words, "default": ApplyMode::default().to_string(),
        "description": "What applying does with the object. override: it becomes as declared, and what is no longer declared is unset. merge: what is declared is added, nothing is unset. if-not-present: it is created once and not changed after that. ignore: it is neither created nor changed nor deleted.",
    });
    properties["protect"] = json!({
        "type": "boolean", "default": false,
        "description": "Whether nobody may delete the object, by whatever way. It is kept with the object and outlives the file: write protect: false to lift it.",
    });
}

fn config_map(spec: &Value) -> Value {
    let mut schema = texts();
    schema["description"] = spec.pointer("/properties/config/description").cloned().unwrap_or_default();
    schema
}

// Texts under any keys: which of them are known is left to the rules.
fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

fn cluster(generator: &mut SchemaGenerator) -> Value {
    let mut schema = plain::<ClusterGrammar>(generator);
    if let Some(entry) = schema.pointer_mut("/properties/member_config/items") {
        entry["properties"]["entity"]["enum"] = json!(["storage-pool", "network"]);
        entry["required"] = json!(["entity", "name", "key"]);
    }
    schema
}

// YAML writes `010`, `yes` and nothing at all where a text is meant, and leaves sections empty.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_closed = map.contains_key("enum") || map.contains_key("const");
            if let Some(kind) = map.get_mut("type").filter(|_| !is_closed) {
                *kind = looser(kind);
            }
            for (keyword, inner) in map.iter_mut() {
                match keyword.as_str() {
                    "properties" => inner.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(loosen),
                    "items" | "additionalProperties" | "anyOf" | "oneOf" | "allOf" => loosen(inner),
                    _ => {}
                }
            }
        }
        Value::Array(branches) => branches.iter_mut().for_each(loosen),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn looser(kind: &Value) -> Value {
    let named = |name: &str| kind == name || kind.as_array().is_some_and(|names| names.iter().any(|one| one == name));
    match () {
        () if named("string") => json!(["string", "number", "boolean", "null"]),
        () if named("object") => json!(["object", "null"]),
        () if named("array") => json!(["array", "null"]),
        () if named("boolean") => json!(["boolean", "null"]),
        () => kind.clone(),
    }
}
