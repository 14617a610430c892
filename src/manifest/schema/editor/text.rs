//! The words of the schema: descriptions, defaults, patterns.

use serde_json::{Value, json};

use super::keys::Known;
use crate::kinds::tables::form::Base;
use crate::kinds::tables::key_table::{self, KeyInfo, KeyScope};
use crate::kinds::tables::{meaning, value};

/// What a key means, what holds without it, and who has it.
pub fn describe(known: &Known) -> String {
    let info = known.info;
    let mut text = match known.key.strip_prefix("volume.").filter(|_| known.key != info.key) {
        Some(_) => format!("Of volumes that do not say otherwise: {}", meaning::of(info).text),
        None => meaning::of(info).text.to_owned(),
    };
    if info.key != known.key && info.default.starts_with("same as volume.") {
        // That is this very key.
    } else if !info.default.is_empty() {
        text.push_str(&format!(" Default: {}.", info.default));
    }
    match info.scope {
        KeyScope::Global => {}
        KeyScope::Member => text.push_str(" Each member has its own."),
        KeyScope::Either => text.push_str(" Members may differ in it."),
    }
    match info.dialect {
        "lxd" => text.push_str(" LXD only."),
        "incus" => text.push_str(" Incus only."),
        _ => {}
    }
    text
}

/// The default as a value, when the table tells one and not only words about it.
pub fn default(info: &KeyInfo) -> Option<Value> {
    let text = info.default;
    if text.is_empty() || text.contains(' ') {
        return None;
    }
    if !info.takes(text) {
        return None;
    }
    Some(match info.form.base {
        Base::Bool => value::read_bool(text).map_or_else(|| json!(text), Value::from),
        Base::Integer => text.parse::<i64>().map_or_else(|_| json!(text), Value::from),
        _ => json!(text),
    })
}

/// The regular expression of a family of keys.
pub fn pattern(key: &str) -> String {
    let steps = key.split('.').map(|step| match step {
        "*" => ".+".to_owned(),
        step if key_table::is_name_step(step) => "[^.]+".to_owned(),
        step => step.to_owned(),
    });
    format!("^{}$", steps.collect::<Vec<_>>().join(r"\."))
}

/// Takes out what the types give and nobody can use: defaults that say nothing, descriptions that are none.
pub fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let says_nothing =
                |value: &Value| value.is_null() || value == "" || value == &json!({}) || value == &json!([]);
            if map.contains_key("type") && map.get("default").is_some_and(says_nothing) {
                map.remove("default");
            }
            if map.get("description").is_some_and(Value::is_null) {
                map.remove("description");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
