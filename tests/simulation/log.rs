//! The one ordered log that stands for Raft: proposals in, entries with everything that they changed out.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::model::{ClusterState, Command, Generation, Key, Object, Reply, Revision};
use seedbed::store::{Transition, transition};

use crate::bugs::Bug;

/// One entry, with what it changed.
pub struct Entry {
    pub revision: Revision,
    /// As it was proposed.
    pub proposed: Command,
    pub reply: Reply,
    pub changes: Vec<Changed>,
}

/// One object before and after an entry.
pub struct Changed {
    pub key: Key,
    pub before: Option<Object>,
    pub after: Option<Object>,
}

impl Entry {
    pub fn apply_to(&self, state: &mut ClusterState) {
        state.revision = self.revision;
        for change in &self.changes {
            match &change.after {
                Some(object) => state.objects.insert(change.key.clone(), object.clone()),
                None => state.objects.remove(&change.key),
            };
        }
    }
}

/// The log, the newest state, and all that ever was.
#[derive(Default)]
pub struct Log {
    entries: Vec<Entry>,
    pub head: ClusterState,
    receipts: BTreeMap<String, Reply>,
    /// The generations that each object has had.
    pub generations: BTreeMap<(Key, Revision), BTreeSet<Generation>>,
}

impl Log {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn after(&self, n_entries: usize) -> &[Entry] {
        &self.entries[n_entries..]
    }

    /// Commits a command. A request that was seen before gives its first reply, as in the store.
    pub fn commit(&mut self, proposed: Command, bug: &Bug) -> &Entry {
        let revision = Revision(self.head.revision.0 + 1);
        let command = (bug.command)(&self.head, proposed.clone());
        let known = request(&command).and_then(|id| self.receipts.get(id)).cloned();
        let Transition { objects, reply } = match known {
            Some(reply) => Transition { objects: BTreeMap::new(), reply },
            None => (bug.transition)(&self.head, &command, transition(&self.head, revision, &command)),
        };
        if let Some(id) = request(&command) {
            self.receipts.insert(id.to_owned(), reply.clone());
        }
        let change = |(key, after): (Key, Option<Object>)| Changed { before: self.head.get(&key).cloned(), key, after };
        let changes = objects.into_iter().map(change).collect();
        let entry = Entry { revision, proposed, reply, changes };
        entry.apply_to(&mut self.head);
        for object in entry.changes.iter().filter_map(|change| change.after.as_ref()) {
            self.generations.entry((object.key.clone(), object.uid)).or_default().insert(object.generation);
        }
        self.entries.push(entry);
        self.entries.last().expect("just pushed")
    }
}

fn request(command: &Command) -> Option<&str> {
    match command {
        Command::Write(write) => Some(&write.request),
        Command::Report(_) => None,
    }
}
