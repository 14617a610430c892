//! The stored state as a value: what plans are computed against and what the simulator keeps.

use std::collections::BTreeMap;

use super::key::Key;
use super::name::MemberName;
use super::number::Revision;
use super::object::{Object, Phase};

/// All objects at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// The index of the last entry in it.
    pub revision: Revision,
    /// Every object, members included.
    pub objects: BTreeMap<Key, Object>,
}

impl ClusterState {
    /// The object with this key.
    pub fn get(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// All objects of a kind, in the order of their keys.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.values().filter(move |object| object.key.kind.as_str() == kind)
    }

    /// The names of all members that have joined, in order. Those still joining are Pending and left out.
    pub fn members(&self) -> Vec<MemberName> {
        self.of_kind(Key::MEMBER)
            .filter(|object| object.phase == Phase::Created)
            .map(|object| MemberName(object.key.name.clone()))
            .collect()
    }
}
