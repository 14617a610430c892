//! The value of one key as a schema. Scalars may stand with or without quotes, and an empty one unsets the key.

use serde_json::{Value, json};

use super::keys::Known;
use super::text;
use crate::kinds::tables::form::{Base, Form, Range};
use crate::kinds::tables::key_table::KeyInfo;
use crate::kinds::tables::meaning;

/// Any text.
pub fn free() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

/// What the key may be, and what it means.
pub fn value(known: &Known) -> Value {
    let info = known.info;
    let mut schema = formed(info);
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

// The pattern speaks of texts alone, the bounds of numbers alone.
fn formed(info: &KeyInfo) -> Value {
    if !info.has_other_words() {
        return closed(info);
    }
    let mut schema = free();
    if info.words().next().is_some() {
        schema["examples"] = info.words().map(Value::from).collect();
    }
    let Some(pattern) = info.form.pattern() else { return schema };
    if info.words().next().is_none() && !matches!(info.form.base, Base::Bool | Base::Integer) {
        schema["examples"] = json!([info.form.example()]);
    }
    let choices: Vec<String> = info.words().map(str::to_owned).chain([pattern]).collect();
    schema["pattern"] = json!(format!("^(?:{})?$", choices.join("|")));
    schema["patternErrorMessage"] = json!(format!("write {}", info.wanted()));
    schema["type"] = types(info.form);
    if let Some(Range { least, greatest }) = info.form.range {
        schema["minimum"] = json!(least);
        schema["maximum"] = json!(greatest);
        if greatest == i64::MAX {
            schema.as_object_mut().map(|schema| schema.remove("maximum"));
        }
    } else if info.form.base == Base::Bool && info.form.or.is_none() {
        (schema["minimum"], schema["maximum"]) = (json!(0), json!(1));
    } else if info.form.base == Base::Size {
        schema["minimum"] = json!(0);
    }
    schema
}

fn types(form: Form) -> Value {
    match form.base {
        Base::Bool => json!(["boolean", "string", "integer", "null"]),
        Base::Integer => json!(["integer", "string", "null"]),
        Base::Size => json!(["string", "integer", "null"]),
        _ => json!(["string", "number", "null"]),
    }
}

fn closed(info: &KeyInfo) -> Value {
    let words: Vec<Value> = info.words().map(Value::from).collect();
    // YAML reads some words as booleans unless they stand in quotes.
    let typed = info.words().filter_map(|word| word.parse::<bool>().ok()).map(Value::from);
    json!({ "enum": words.into_iter().chain(typed).chain([json!(""), Value::Null]).collect::<Vec<_>>() })
}
