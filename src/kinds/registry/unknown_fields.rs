//! What a newer version has stored and this one does not know: it is read over, kept in every change, and refused from
//! everybody who asks for it here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kind::Words;
use super::problem::Problem;
use crate::model::Spec;

/// The code of a configuration key that nobody knows.
pub const UNKNOWN_KEY: &str = "SB014";

/// The fields of a stored spec that its type does not have, as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unknown(Map<String, Value>);

/// The names of the fields of a spec, by kind: what its schema has.
static FIELDS: Mutex<BTreeMap<&'static str, &'static [String]>> = Mutex::new(BTreeMap::new());

/// Refuses fields that the type does not have, unless they are stored already just so.
///
/// # Errors
/// The first of them.
pub fn refuse<S: JsonSchema>(words: Words, spec: &Spec, held: Option<&Spec>) -> Result<(), Problem> {
    let known = fields::<S>(words.kind);
    let is_held = |field: &str, value: &Value| held.is_some_and(|held| held.0.get(field) == Some(value));
    let strange = spec.0.iter().find(|(field, value)| !known.contains(*field) && !is_held(field, value));
    let Some((field, _)) = strange else { return Ok(()) };
    let known: Vec<String> = known.iter().map(|field| format!("`{field}`")).collect();
    let text = format!("unknown field `{field}`, expected one of {}", known.join(", "));
    Err(Problem::no_spec(words.spoken, text))
}

fn fields<S: JsonSchema>(kind: &'static str) -> &'static [String] {
    let mut all = FIELDS.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(kind).or_insert_with(|| {
        let schema = S::json_schema(&mut SchemaGenerator::default());
        let properties = schema.get("properties").and_then(Value::as_object);
        // Once a kind, for as long as the program runs.
        Vec::leak(properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default())
    })
}

/// Leaves out what is wrong with configuration keys only because nobody here knows them, where `spec` has them as `held`
/// has: a newer version has put them there.
pub fn unless_held(mut problems: Vec<Problem>, spec: &Spec, held: Option<&Spec>) -> Vec<Problem> {
    let Some(held) = held else { return problems };
    let (now, before) = (spec.config(), held.config());
    let is_held = |problem: &Problem| match problem.path.as_slice() {
        [config, name] => config == "config" && now.contains_key(name) && now.get(name) == before.get(name),
        _ => false,
    };
    problems.retain(|problem| problem.code != UNKNOWN_KEY || !is_held(problem));
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::ALL;

    fn spec(value: &Value) -> Spec {
        Spec(value.as_object().cloned().expect("an object"))
    }

    #[test]
    fn every_kind_keeps_what_a_newer_version_has_stored_and_refuses_it_from_others() {
        for kind in ALL {
            let name = kind.words().kind;
            let mut stored = match name {
                "storage-pool" => json!({"driver": "dir", "config": {}}),
                "source" => json!({"git": "https://git.example/site.git"}),
                "webhook" => json!({"url": "https://ci.example/"}),
                "hold" => json!({"key": "profile/web", "until": 1}),
                "token" => {
                    json!({"operation": "x", "member": "n", "secret_hash": "", "created_at": 0, "expires_at": 1})
                }
                _ => json!({}),
            };
            assert!(kind.normalise(&spec(&stored), None).is_ok(), "{name}");
            stored["novelty"] = json!({"deep": [1, "two"]});
            let stored = spec(&stored);
            let refused = kind.normalise(&stored, None).expect_err(name);
            assert!(refused.message.contains("unknown field `novelty`, expected one of `"), "{}", refused.message);
            let kept = kind.normalise(&stored, Some(&stored)).expect(name);
            assert_eq!(kept.0["novelty"], stored.0["novelty"], "{name}");
            assert!(kind.read(&stored).is_ok(), "{name}: it is read over");
            let mut other = stored.clone();
            other.0.insert("novelty".to_owned(), json!("changed"));
            kind.normalise(&other, Some(&stored)).expect_err("nobody changes here what is unknown here");
        }
    }
}
