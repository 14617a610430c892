//! What others have done to a source's objects since it applied them, looked at whenever the state has changed.

use std::collections::BTreeSet;

use crate::model::{Key, Revision};
use crate::plan::Impact;
use crate::service::{Server, SinceSource, since_source};

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
    /// Something differs, or is gone.
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
        match since_source(server, name, &self.owned) {
            Ok(since) => self.judge(since),
            Err(error) => {
                tracing::warn!(source = name, %error, "cannot look for drift");
                self.revision = Revision::default();
                Seen::AsApplied
            }
        }
    }

    fn judge(&mut self, since: SinceSource) -> Seen {
        let SinceSource { changes, owned, is_one_gone } = since;
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
    use crate::plan::{Action, PlannedChange};

    fn since(changes: Vec<PlannedChange>, is_one_gone: bool) -> SinceSource {
        SinceSource { changes, owned: BTreeSet::new(), is_one_gone }
    }

    fn changed(impact: Impact) -> PlannedChange {
        let text = serde_json::json!({
            "key": Key::new("network", "br0"), "action": Action::Update, "precondition": 3, "impact": impact, "restarts": "its DHCP server",
        });
        serde_json::from_value(text).expect("a change")
    }

    #[test]
    fn what_is_edited_or_gone_is_put_back_and_what_would_stop_something_is_left_to_people() {
        let mut healing = Healing::default();
        assert_eq!(healing.judge(since(Vec::new(), false)), Seen::AsApplied);
        assert_eq!(healing.judge(since(Vec::new(), true)), Seen::Drifted);
        assert_eq!(healing.judge(since(vec![changed(Impact::Live)], false)), Seen::Drifted);
        let severe = vec![changed(Impact::Live), changed(Impact::Restart)];
        assert_eq!(healing.judge(since(severe, true)), Seen::Severe("network/br0 (its DHCP server)".to_owned()));
    }
}
