//! The order of changes: by kind, and within a kind what is needed first.

use std::collections::{BTreeMap, BTreeSet};

use super::references;
use crate::kinds;
use crate::model::{Declared, Key};

/// The keys in the order in which they are created.
pub fn order(wanted: &BTreeMap<Key, Declared>) -> Vec<Key> {
    let mut keys: Vec<&Key> = wanted.keys().collect();
    keys.sort_by_key(|key| kinds::rank(key.kind.as_str()));
    let mut ordered = Ordered { wanted, seen: BTreeSet::new(), keys: Vec::with_capacity(keys.len()) };
    for key in keys {
        ordered.visit(key);
    }
    ordered.keys
}

struct Ordered<'a> {
    wanted: &'a BTreeMap<Key, Declared>,
    seen: BTreeSet<Key>,
    keys: Vec<Key>,
}

impl Ordered<'_> {
    // Marked before its needs are visited: a circle of needs ends here instead of going round for ever.
    fn visit(&mut self, key: &Key) {
        if !self.seen.insert(key.clone()) {
            return;
        }
        let needs = self.wanted.get(key).map(|declared| references::needs(key, &declared.spec)).unwrap_or_default();
        for need in needs {
            // Only within a kind: across kinds the order of the registry already holds.
            if need.key.kind == key.kind && self.wanted.contains_key(&need.key) {
                self.visit(&need.key);
            }
        }
        self.keys.push(key.clone());
    }
}
