//! A ledger with one pool in it, entry by entry.

use std::collections::BTreeMap;

use crate::model::{
    Change, Command, Condition, ConditionState, Expect, Key, Object, PlacementPhase, PlacementReport, Reply, Report,
    Revision, Timestamp, Write,
};
use crate::store::MemoryState;

/// A ledger that numbers its own entries.
#[derive(Default)]
pub(super) struct World {
    pub(super) ledger: MemoryState,
    index: u64,
}

pub(super) fn pool() -> Key {
    Key::new("storage-pool", "data")
}

impl World {
    pub(super) fn apply(&mut self, command: Command) -> Reply {
        self.index += 1;
        self.ledger.apply(Revision(self.index), &command)
    }

    pub(super) fn write(&mut self, changes: Vec<Change>) -> Reply {
        self.write_if(Vec::new(), changes)
    }

    pub(super) fn write_if(&mut self, expect: Vec<Expect>, changes: Vec<Change>) -> Reply {
        let at = Timestamp(self.index.cast_signed());
        let request = format!("request {}", self.index);
        self.apply(Command::Write(Write { request, at, by: "test".to_owned(), origin: None, expect, changes }))
    }

    /// The entry that a member would send for the pool as it is now.
    pub(super) fn entry(&self, name: &str, phase: Option<PlacementPhase>) -> PlacementReport {
        let object = self.pool();
        PlacementReport {
            key: pool(),
            uid: object.uid,
            member: name.into(),
            generation: object.generation,
            phase,
            condition: Condition::plain(ConditionState::Ready, "Said", Timestamp(99)),
            learned: BTreeMap::new(),
        }
    }

    /// Sends what members say.
    pub(super) fn send(&mut self, entries: Vec<PlacementReport>) -> Reply {
        self.apply(Command::Report(Report { at: Timestamp(99), entries }))
    }

    /// A member says how it stands with the pool; with nothing when it holds it no more.
    pub(super) fn report(&mut self, name: &str, phase: impl Into<Option<PlacementPhase>>) {
        let entry = self.entry(name, phase.into());
        self.send(vec![entry]);
    }

    pub(super) fn find(&self) -> Option<&Object> {
        self.ledger.state.get(&pool())
    }

    pub(super) fn pool(&self) -> &Object {
        self.find().expect("the pool")
    }
}
