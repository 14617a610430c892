//! What a change means for what goes on: whether something stops for a moment, and who uses it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds;
use crate::model::Key;
use crate::plan::report::{Action, Plan, PlannedChange};

/// What a change means for what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// Nothing stops.
    #[default]
    Live,
    /// Something stops for a moment: see [`PlannedChange::restarts`].
    Restart,
    /// It could only be made anew, with all that is in it: refused.
    Recreate,
}

impl PlannedChange {
    /// What stops for a moment, in words; empty when nothing does. What is new stops nothing.
    pub fn stops(&self) -> String {
        if self.action != Action::Update {
            return String::new();
        }
        let own = self.members.iter().flat_map(|row| &row.fields);
        let keys: Vec<&str> = self
            .fields
            .iter()
            .chain(own)
            .map(|field| field.path.strip_prefix("config.").unwrap_or(&field.path))
            .collect();
        let kind = kinds::find(self.key.kind.as_str());
        kind.and_then(|kind| kind.restarts(&keys)).unwrap_or_default().to_owned()
    }
}

impl Plan {
    /// The objects that exist and change or go: those that others may use.
    pub fn changing(&self) -> Vec<Key> {
        let exists = |change: &&PlannedChange| change.precondition.is_some() && change.action != Action::Adopt;
        self.changes.iter().filter(exists).map(|change| change.key.clone()).collect()
    }

    /// Says of each change who uses the object, as [`users`](crate::plan::users) has it.
    #[must_use]
    pub fn with_users(mut self, mut users: BTreeMap<Key, Vec<Key>>) -> Self {
        for change in &mut self.changes {
            change.used_by = users.remove(&change.key).unwrap_or_default();
        }
        self
    }
}

/// `used by 3 profiles and 1 project`.
pub fn used_by(keys: &[Key]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    keys.iter().for_each(|key| *kinds.entry(key.kind.as_str()).or_default() += 1);
    let word = |kind: &str| kinds::find(kind).map_or(kind.to_owned(), |kind| kind.words().spoken.to_owned());
    let part = |(kind, count): (&str, usize)| format!("{count} {}{}", word(kind), if count == 1 { "" } else { "s" });
    let parts: Vec<String> = kinds.into_iter().map(part).collect();
    if parts.is_empty() { String::new() } else { format!("used by {}", parts.join(", ")) }
}
