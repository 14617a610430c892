//! The part of the state that one decision looks at: a store with many objects is never read whole for a few.

use std::collections::BTreeSet;

use serde_json::Value;

use super::key::Key;
use super::name::{KindName, ProjectName};
use super::object::Object;
use super::state::ClusterState;

/// A part of the state, as a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// These objects, where they exist.
    pub keys: BTreeSet<Key>,
    /// All objects of these kinds.
    pub kinds: BTreeSet<KindName>,
    /// The objects of a kind in whose spec a text contains this one.
    pub naming: BTreeSet<(KindName, String)>,
    /// All objects in these projects.
    pub projects: BTreeSet<ProjectName>,
    /// All objects that belong to these sources.
    pub owned: BTreeSet<String>,
    /// All objects that some member holds something of.
    pub placed: bool,
}

/// What somebody has read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What was asked for.
    pub extent: ReadSet,
    /// What was found.
    pub state: ClusterState,
}

impl ReadSet {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it tells of this object that it exists, or that it does not.
    pub fn tells(&self, key: &Key) -> bool {
        self.keys.contains(key) || self.kinds.contains(&key.kind) || self.projects.contains(&key.project)
    }

    /// Whether an object is in it.
    pub fn holds(&self, object: &Object) -> bool {
        let names = |(kind, name): &(KindName, String)| {
            *kind == object.key.kind && object.spec.0.values().any(|value| contains(value, name))
        };
        let is_owned = object.management.source.as_ref().is_some_and(|source| self.owned.contains(source));
        self.tells(&object.key)
            || is_owned
            || (self.placed && !object.placements.is_empty())
            || self.naming.iter().any(names)
    }

    /// What is in this one and not in `known`.
    fn beyond(self, known: &Self) -> Self {
        let keys = self.keys.into_iter().filter(|key| !known.tells(key)).collect();
        Self {
            keys,
            kinds: &self.kinds - &known.kinds,
            naming: &self.naming - &known.naming,
            projects: &self.projects - &known.projects,
            owned: &self.owned - &known.owned,
            placed: self.placed && !known.placed,
        }
    }

    /// Takes another part in.
    pub fn extend(&mut self, other: Self) {
        let Self { keys, kinds, naming, projects, owned, placed } = other;
        self.keys.extend(keys);
        self.kinds.extend(kinds);
        self.naming.extend(naming);
        self.projects.extend(projects);
        self.owned.extend(owned);
        self.placed |= placed;
    }
}

impl Known {
    /// Reads what `ask` asks for, until it asks for nothing more: what an object names is known once it was read.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn gather<E>(
        ask: &dyn Fn(&Known) -> ReadSet,
        mut read: impl FnMut(&ReadSet) -> Result<Vec<Object>, E>,
    ) -> Result<Self, E> {
        let mut known = Self::default();
        loop {
            let new = ask(&known).beyond(&known.extent);
            if new.is_empty() {
                return Ok(known);
            }
            known.state.objects.extend(read(&new)?.into_iter().map(|object| (object.key.clone(), object)));
            known.extent.extend(new);
        }
    }
}

impl ClusterState {
    /// The part that `ask` asks for, see [`Known::gather`].
    pub fn part(&self, ask: &dyn Fn(&Known) -> ReadSet) -> Self {
        let read = |extent: &ReadSet| -> Result<Vec<Object>, std::convert::Infallible> {
            Ok(self.objects.values().filter(|object| extent.holds(object)).cloned().collect())
        };
        let Ok(known) = Known::gather(ask, read);
        Self { revision: self.revision, ..known.state }
    }
}

fn contains(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.contains(name),
        Value::Array(items) => items.iter().any(|item| contains(item, name)),
        Value::Object(map) => map.values().any(|value| contains(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
