//! The value of one key as a schema. Scalars may stand with or without quotes, and an empty one unsets the key.

use serde_json::{Value, json};

use super::keys::Known;
use super::text;
use crate::kinds::meaning;
use crate::kinds::table::{KeyInfo, ValueKind};

/// Any text.
pub fn free() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

/// What the key may be, and what it means.
pub fn value(known: &Known) -> Value {
    let info = known.info;
    let mut schema = match info.kind {
        ValueKind::Bool => json!({
            "type": ["boolean", "string", "integer", "null"],
            "pattern": "^(|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]|[01])$",
            "minimum": 0, "maximum": 1,
            "patternErrorMessage": "write true or false",
        }),
        ValueKind::Integer => json!({
            "type": ["integer", "string", "null"],
            "pattern": "^([+-]?[0-9]+)?$",
            "patternErrorMessage": "write a whole number",
        }),
        ValueKind::Size => json!({
            "type": ["string", "integer", "null"],
            "pattern": r"^(\s*[0-9]+\s*(B|bytes|[kK]B|[MGTPE]B|[KMGTPE]iB)?\s*)?$",
            "minimum": 0,
            "patternErrorMessage": "write a size such as 10GiB",
        }),
        ValueKind::Text => words(info),
    };
    schema["description"] = json!(text::describe(known));
    if let Some(default) = text::default(info) {
        schema["default"] = default;
    }
    let instead = meaning::of(info).instead;
    if !instead.is_empty() {
        deprecate(&mut schema, instead);
    }
    schema
}

/// Marks a field as one that newer releases have dropped.
pub fn deprecate(schema: &mut Value, instead: &str) {
    let message = format!("Newer releases have dropped it; in its place: {instead}");
    schema["deprecated"] = json!(true);
    schema["deprecationMessage"] = json!(message);
    schema["description"] = json!(format!("{} {message}.", schema["description"].as_str().unwrap_or_default()));
}

fn words(info: &KeyInfo) -> Value {
    let mut schema = free();
    let words: Vec<Value> = info.words().map(Value::from).collect();
    match (words.is_empty(), info.has_other_words()) {
        (true, _) => {}
        (false, true) => schema["examples"] = words.into(),
        (false, false) => {
            // YAML reads some words as booleans unless they stand in quotes.
            let typed = info.words().filter_map(|word| word.parse::<bool>().ok()).map(Value::from);
            schema =
                json!({ "enum": words.into_iter().chain(typed).chain([json!(""), Value::Null]).collect::<Vec<_>>() });
        }
    }
    schema
}
