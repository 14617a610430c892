//! On which terms an entry holds: what it touches and what it refers to is as it was read, and what it removes is still
//! referred to by nobody.

use std::collections::BTreeMap;

use super::references;
use crate::model::{Change, ClusterState, Expect, Key};

/// The preconditions of an entry that is decided on a state: one for each object.
pub struct Preconditions<'a> {
    state: &'a ClusterState,
    expect: BTreeMap<Key, Expect>,
}

impl<'a> Preconditions<'a> {
    pub fn on(state: &'a ClusterState) -> Self {
        Self { state, expect: BTreeMap::new() }
    }

    /// The object is as it was read.
    pub fn touch(&mut self, key: &Key) {
        self.term(key);
    }

    /// The object is as it was read, and what the entry changes may refer to it from now on.
    pub fn refer(&mut self, key: &Key) {
        self.term(key).refers = true;
    }

    /// What a change touches. Where it was decided on who refers to the object, nobody has begun to since.
    pub fn change(&mut self, change: &Change) {
        let (key, rests_on_users) = match change {
            Change::Put(put) => (&put.key, references::rests_on_users(put, self.state)),
            Change::Delete { key } | Change::Forget { key } => (key, true),
            Change::Remember { key, .. } => (key, false),
            Change::ForgetMember { .. } | Change::RenameMember { .. } => return,
        };
        let referred = self.state.get(key).filter(|_| rests_on_users).map(|object| object.referred);
        let term = self.term(key);
        term.referred = term.referred.or(referred);
    }

    pub fn expect(self) -> Vec<Expect> {
        self.expect.into_values().collect()
    }

    fn term(&mut self, key: &Key) -> &mut Expect {
        let generation = self.state.get(key).map(|object| object.generation);
        self.expect.entry(key.clone()).or_insert_with(|| Expect::at(key.clone(), generation))
    }
}
