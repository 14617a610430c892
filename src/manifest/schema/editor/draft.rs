//! The draft-07 twin: the same schema for editors and validators that read nothing newer.

use serde_json::Value;

/// The same as [`schema`](super::schema) in draft-07, as `schemas/seedbed.draft-07.schema.json` holds it.
pub fn schema_draft_07() -> Value {
    let mut schema = super::schema();
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    rename(&mut schema);
    schema
}

// Nothing else that the schema uses has another name there.
fn rename(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(definitions) = map.remove("$defs") {
                map.insert("definitions".to_owned(), definitions);
            }
            if let Some(Value::String(target)) = map.get_mut("$ref") {
                *target = target.replacen("#/$defs/", "#/definitions/", 1);
            }
            map.values_mut().for_each(rename);
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
