//! What a command sees of the state, and the state in memory for tests and the simulator.

use std::collections::BTreeMap;

use super::apply::{Transition, transition};
use crate::model::{ClusterState, Command, Key, MemberName, Object, Reply, Revision};

/// The state that a command is applied to.
pub trait View {
    /// The object with this key.
    fn object(&self, key: &Key) -> Option<Object>;

    /// All objects that have a placement on `member`, in the order of their keys.
    fn objects_placed_on(&self, member: &MemberName) -> Vec<Object>;
}

impl View for ClusterState {
    fn object(&self, key: &Key) -> Option<Object> {
        self.objects.get(key).cloned()
    }

    fn objects_placed_on(&self, member: &MemberName) -> Vec<Object> {
        self.objects.values().filter(|object| object.placements.contains_key(member)).cloned().collect()
    }
}

/// The whole state in memory, with the very rules that the database follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    /// The state after the last command.
    pub state: ClusterState,
    receipts: BTreeMap<String, Reply>,
}

impl MemoryState {
    /// Applies one entry of the log. A request that was seen before gives its first reply and changes nothing.
    pub fn apply(&mut self, revision: Revision, command: &Command) -> Reply {
        self.state.revision = revision;
        if let Some(reply) = request(command).and_then(|id| self.receipts.get(id)) {
            return reply.clone();
        }
        let Transition { objects, reply } = transition(&self.state, revision, command);
        for (key, object) in objects {
            match object {
                Some(object) => self.state.objects.insert(key, object),
                None => self.state.objects.remove(&key),
            };
        }
        if let Some(id) = request(command) {
            self.receipts.insert(id.to_owned(), reply.clone());
        }
        reply
    }
}

/// What tells a retry from a new command. Reports need none: a second one changes nothing.
pub fn request(command: &Command) -> Option<&str> {
    match command {
        Command::Write(write) => Some(&write.request),
        Command::Report(_) => None,
    }
}
