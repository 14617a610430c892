//! What others have done to a source's objects since it applied them, looked at whenever the state has changed.

use std::collections::BTreeSet;

use crate::http::{Server, since_source};
use crate::model::{Key, Revision};
use crate::plan::{Impact, PlannedChange};

/// What was seen the last time.
#[derive(Default)]
pub struct Healing {
    revision: Revision,
    owned: BTreeSet<Key>,
}

/// What a look has shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// Everything is as the source applied it, or nothing has changed since the last look.
    AsApplied,
    /// Something is otherwise, or gone.
    Drifted,
    /// Putting it back would stop something: that is for people to decide. Says what.
    Severe(String),
}

impl Healing {
    /// Looks at the objects of the source `name`.
    pub fn look(&mut self, server: &Server, name: &str) -> Seen {
        let revision = *server.store().applied().borrow();
        if std::mem::replace(&mut self.revision, revision) == revision {
            return Seen::AsApplied;
        }
        match since_source(server, name) {
            Ok((changes, owned)) => self.judge(&changes, owned),
            Err(error) => {
                tracing::warn!(source = name, %error, "cannot look for drift");
                self.revision = Revision::default();
                Seen::AsApplied
            }
        }
    }

    fn judge(&mut self, changes: &[PlannedChange], owned: BTreeSet<Key>) -> Seen {
        let is_one_gone = !self.owned.is_subset(&owned);
        self.owned = owned;
        let severe = changes.iter().filter(|change| change.impact == Impact::Restart);
        let severe: Vec<String> = severe.map(|change| format!("{} ({})", change.key, change.restarts)).collect();
        match (severe.is_empty(), is_one_gone || !changes.is_empty()) {
            (false, _) => Seen::Severe(severe.join(", ")),
            (true, true) => Seen::Drifted,
            (true, false) => Seen::AsApplied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_gone_has_drifted_once() {
        let mut healing = Healing::default();
        let keys = |names: &[&str]| names.iter().map(|name| Key::new("profile", name)).collect();
        assert_eq!(healing.judge(&[], keys(&["a", "b"])), Seen::AsApplied);
        assert_eq!(healing.judge(&[], keys(&["a"])), Seen::Drifted);
        assert_eq!(healing.judge(&[], keys(&["a"])), Seen::AsApplied);
    }
}
