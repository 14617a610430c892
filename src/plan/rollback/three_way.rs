//! Three-way merge for the way back: the keys of the apply go, later edits of others stay.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kinds::records::confirmation::Content;
use crate::model::{Config, Object};

/// The object as it is to be: where it is as the apply wrote it, as it was before; where it is not, as it is now. With
/// the paths that both the apply and somebody after it have changed.
pub fn merged(was: &Object, wrote: &Content, now: &Object) -> (Object, Vec<String>) {
    let mut object = was.clone();
    let mut both = Vec::new();
    object.spec.0 = fields(&was.spec.0, &wrote.spec.0, &now.spec.0, "", &mut both);
    if !wrote.is_managed_as(now) {
        object.management = now.management.clone();
        if !wrote.is_managed_as(was) {
            both.push("management".to_owned());
        }
    }
    for (member, placement) in &mut object.placements {
        let (Some(wrote), Some(now)) = (wrote.placements.get(member), now.placements.get(member)) else { continue };
        let path = format!("{member} ");
        let own = fields(&map(&placement.config), &map(wrote), &map(&now.config), &path, &mut both);
        let texts = own.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
        placement.config = texts.collect();
    }
    (object, both)
}

fn map(config: &Config) -> Map<String, Value> {
    config.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect()
}

/// Maps are merged key by key, everything else as a whole.
fn fields(
    was: &Map<String, Value>,
    wrote: &Map<String, Value>,
    now: &Map<String, Value>,
    path: &str,
    both: &mut Vec<String>,
) -> Map<String, Value> {
    let names: BTreeSet<&String> = was.keys().chain(wrote.keys()).chain(now.keys()).collect();
    let nothing = Map::new();
    let mut merged = Map::new();
    for name in names {
        let (old, mid, new) = (was.get(name), wrote.get(name), now.get(name));
        let inner = |value: Option<&Value>| match value {
            None => Some(nothing.clone()),
            Some(Value::Object(inner)) => Some(inner.clone()),
            Some(_) => None,
        };
        // What members have worked out is no doing of anybody's.
        let is_worked_out = name.starts_with("volatile.");
        let value = if mid == new || is_worked_out {
            old.cloned()
        } else if let (Some(old), Some(mid), Some(new)) = (inner(old), inner(mid), inner(new)) {
            let inner = fields(&old, &mid, &new, &format!("{path}{name}."), both);
            (!inner.is_empty()).then_some(Value::Object(inner))
        } else {
            if old != mid && old != new {
                both.push(format!("{path}{name}"));
            }
            new.cloned()
        };
        merged.extend(value.map(|value| (name.clone(), value)));
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn three(was: Value, wrote: Value, now: Value) -> (Value, Vec<String>) {
        let map = |value: Value| value.as_object().cloned().expect("an object");
        let mut both = Vec::new();
        let merged = fields(&map(was), &map(wrote), &map(now), "", &mut both);
        (Value::Object(merged), both)
    }

    #[test]
    fn each_key_goes_back_unless_somebody_has_changed_it_since() {
        let was = json!({"description": "old", "config": {"a": "1", "b": "1", "gone": "1"}});
        let wrote = json!({"description": "new", "config": {"a": "2", "b": "2", "c": "2"}});
        assert_eq!(three(was.clone(), wrote.clone(), wrote.clone()), (was.clone(), vec![]));
        let now = json!({"description": "new", "config": {"a": "2", "b": "3", "c": "2", "theirs": "3"}});
        let merged = json!({"description": "old", "config": {"a": "1", "b": "3", "gone": "1", "theirs": "3"}});
        assert_eq!(three(was.clone(), wrote.clone(), now), (merged, vec!["config.b".to_owned()]));
        // They went back by themselves: nobody need look.
        let now = json!({"description": "new", "config": {"a": "1", "b": "2", "c": "2"}});
        assert_eq!(three(was.clone(), wrote, now), (was, vec![]));
    }

    #[test]
    fn a_key_that_somebody_took_away_since_stays_away() {
        let (was, wrote) = (json!({"config": {"a": "1"}}), json!({"config": {"a": "2"}}));
        assert_eq!(three(was, wrote, json!({})), (json!({}), vec!["config.a".to_owned()]));
    }
}
