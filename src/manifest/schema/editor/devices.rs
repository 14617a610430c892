//! Devices: which keys one has depends on its type, and for some on a second field.

use serde_json::{Map, Value, json};

use super::keys::{self, Definitions, Known};
use super::values;
use crate::kinds::profile::{self, Shape};
use crate::kinds::tables::key_table;

/// A reference to the schema of one device.
pub fn schema(definitions: &mut Definitions) -> Value {
    let shapes = profile::shapes();
    let branches: Vec<Value> = shapes
        .iter()
        .filter(|shape| !shape.entities.is_empty())
        .map(|shape| json!({ "if": condition(shape), "then": then(shape, definitions) }))
        .collect();
    let mut types: Vec<&str> = shapes.iter().map(|shape| shape.when[0].1).collect();
    types.dedup();
    definitions.define("device", || {
        json!({
            "type": ["object", "null"],
            "description": "A device of the instances that use it.",
            "properties": {
                "type": { "type": "string", "enum": types, "description": "What the device is." },
            },
            "required": ["type"],
            "allOf": branches,
        })
    })
}

fn condition(shape: &Shape) -> Value {
    let (absent, given): (Vec<_>, Vec<_>) = shape.when.iter().partition(|(_, value)| value.is_empty());
    let properties: Map<String, Value> =
        given.iter().map(|(field, value)| ((*field).to_owned(), json!({ "const": value }))).collect();
    let required: Vec<&str> = given.iter().map(|(field, _)| *field).collect();
    let mut condition = json!({ "properties": properties, "required": required });
    for (field, _) in absent {
        condition["properties"][field] = json!({ "enum": ["", null] });
    }
    condition
}

fn then(shape: &Shape, definitions: &mut Definitions) -> Value {
    let name: Vec<&str> = shape.when.iter().map(|(_, value)| *value).collect();
    let name = format!("device.{}", name.join(".").trim_end_matches('.'));
    definitions.define(&name, || {
        let mut schema = keys::closed(keys::merged(&shape.entities, |_| true));
        for field in profile::COMMON {
            let common = common(field, shape);
            schema["properties"].as_object_mut().map(|fields| fields.entry(field).or_insert(common));
        }
        schema["patternProperties"]["^user\\..+$"] = values::free();
        schema
    })
}

fn common(field: &str, shape: &Shape) -> Value {
    let kind = shape.when[0].1;
    let known = |field: &str| -> Vec<&str> {
        let shapes = profile::shapes();
        let all = shapes.into_iter().flat_map(|shape| shape.when);
        all.filter(|(name, value)| *name == field && !value.is_empty()).map(|(_, value)| value).collect()
    };
    match field {
        "type" => json!({}),
        "nictype" if kind == "nic" => json!({
            "enum": known(field).into_iter().chain([""]).collect::<Vec<_>>(),
            "description": "How the interface is made, where no managed `network` decides.",
        }),
        "gputype" if kind == "gpu" => json!({
            "enum": known(field).into_iter().chain([""]).collect::<Vec<_>>(),
            "description": "How the GPU is shared. Default: physical.", "default": "physical",
        }),
        "optional" => json!({
            "type": ["boolean", "string", "null"],
            "description": "Whether instances start without the device.",
        }),
        _ => not_offered(field),
    }
}

// The rules let any device have these, where they say nothing.
fn not_offered(field: &str) -> Value {
    let info = key_table::lookup("network-bridge", field);
    let mut schema = info.map_or_else(values::free, |info| values::value(&Known { key: field.to_owned(), info }));
    schema["doNotSuggest"] = json!(true);
    schema
}
