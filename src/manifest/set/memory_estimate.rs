//! How much memory a declared object takes. An estimate, on the high side: it bounds what a plan has to hold.

use serde_json::Value as Json;

use crate::model::{Config, Declared, Key};

/// The object itself, with its key and its place.
const OBJECT_BYTES: usize = 640;
/// A node of a map: it has room for eleven entries, and half of it is empty at worst.
const NODE_BYTES: usize = 640;
const NODE_ENTRIES: usize = 5;
/// A value in a list.
const VALUE_BYTES: usize = 32;

/// Bytes of an object.
pub fn of(key: &Key, declared: &Declared) -> usize {
    let fields = declared.spec.0.iter().map(|(field, value)| field.len() + json(value));
    let spec = map(declared.spec.0.len()) + fields.sum::<usize>();
    let own = declared.members.iter().map(|(member, own)| member.as_str().len() + config(own));
    let members = map(declared.members.len()) + own.sum::<usize>();
    let place = declared.at.file.len() + declared.at.pointer.len();
    OBJECT_BYTES + key.name.len() + place + spec + members + config(&declared.here)
}

fn config(config: &Config) -> usize {
    map(config.len()) + config.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
}

fn json(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(|item| VALUE_BYTES + json(item)).sum(),
        Json::Object(fields) => {
            map(fields.len()) + fields.iter().map(|(field, value)| field.len() + json(value)).sum::<usize>()
        }
    }
}

fn map(entries: usize) -> usize {
    entries.div_ceil(NODE_ENTRIES) * NODE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spec;

    #[test]
    fn every_part_of_an_object_counts() {
        let key = Key::new("storage-pool", "data");
        let mut declared = Declared::default();
        let mut before = of(&key, &declared);
        let mut grows = |declared: &Declared| {
            let now = of(&key, declared);
            assert!(now > before, "{now} {before}");
            before = now;
        };
        declared.spec = Spec([("driver".to_owned(), "dir".into())].into_iter().collect());
        grows(&declared);
        declared.spec.0.insert("devices".to_owned(), serde_json::json!({"root": {"path": "/"}, "list": ["a", "b"]}));
        grows(&declared);
        declared.members.insert("node1".into(), Config::from([("source", "/srv")]));
        grows(&declared);
        declared.here = Config::from([("source", "/srv")]);
        grows(&declared);
    }
}
