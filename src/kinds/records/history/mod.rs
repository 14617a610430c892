//! What applies have done: records of the cluster, each written in the same entry as the changes that it tells of.
//!
//! An apply leaves two: a small one that lists show, and one with the objects as they were, which is read only for the way
//! back. Both are bounded in number and size: the oldest go when a new one comes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::confirmation;
use super::saved_plan::SavedPlan;
pub use crate::model::Was;
use crate::model::{Key, Revision, Timestamp};

/// No more applies than these are remembered.
pub const RECORDS_MAX: usize = 50;
/// A record names no more objects than these: lists are read at every apply.
pub const NAMED_MAX: usize = 3;
/// The objects of all remembered applies take no more than this together, the newest apply excepted.
pub const BYTES_MAX: usize = 16 << 20;

/// One apply. Its revision is the record's [`uid`](Object::uid).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// Who: `unix:0`, a certificate's fingerprint, `source:NAME`.
    pub by: String,
    /// What for, where it was no manifest: `back to revision 12`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How many objects it did what with: `create`, `update` and so on, as plans say it.
    pub counts: BTreeMap<String, usize>,
    /// The first of these objects.
    pub named: Vec<Key>,
    /// How large its other record is.
    pub bytes: usize,
}

/// The objects of one apply as they were before it. The store itself writes it, see [`Change::Remember`].
///
/// [`Change::Remember`]: crate::model::Change::Remember
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// In the order of the changes.
    pub objects: Vec<Was>,
}

impl Applied {
    /// The kind of these records.
    pub const KIND: &'static str = "history";

    /// The record of this name.
    pub fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }

    /// A name that no other apply has, and by which they sort in time.
    pub fn name(at: Timestamp, request: &str) -> String {
        let id: String = request.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        format!("{:013}-{id}", at.0)
    }

    /// The changes in a few words: `2 created, 1 changed`.
    pub fn summary(&self) -> String {
        const WORDS: [(&[&str], &str); 5] = [
            (&["create"], "created"),
            (&["resume", "retry"], "gone on with"),
            (&["update"], "changed"),
            (&["delete"], "deleted"),
            (&["adopt"], "taken over"),
        ];
        let count = |actions: &[&str]| actions.iter().filter_map(|action| self.counts.get(*action)).sum::<usize>();
        let parts = WORDS.iter().map(|(actions, word)| (count(actions), word)).filter(|(count, _)| *count > 0);
        parts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

impl Before {
    /// The kind of these records.
    pub const KIND: &'static str = "history-before";

    /// The record of this name.
    pub fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }
}

/// Whether a text, as in `history/NAME`, names one of these records.
pub fn is_record(key: &str) -> bool {
    key.split('/').next().is_some_and(|kind| kind == Applied::KIND || kind == Before::KIND)
        || confirmation::is_record(key)
}

/// Whether what is in records of this kind is for the cluster alone: it may hold secrets of objects of all kinds.
pub fn is_sealed(kind: &str) -> bool {
    kind == Before::KIND || kind == SavedPlan::KIND || confirmation::is_sealed(kind)
}

/// The records that have to go before one of `bytes` comes: the oldest of `records`, which are in no order.
pub fn outdated(records: &[(String, Revision, usize)], bytes: usize) -> Vec<String> {
    let mut newest: Vec<_> = records.iter().collect();
    newest.sort_by_key(|(_, revision, _)| std::cmp::Reverse(*revision));
    let mut sum = bytes;
    let mut kept = 1;
    let mut gone = Vec::new();
    for (name, _, bytes) in newest {
        sum = sum.saturating_add(*bytes);
        if gone.is_empty() && kept < RECORDS_MAX && sum <= BYTES_MAX {
            kept += 1;
        } else {
            gone.push(name.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u64, bytes: usize) -> Vec<(String, Revision, usize)> {
        (1..=count).map(|number| (format!("r{number}"), Revision(number), bytes)).collect()
    }

    #[test]
    fn the_oldest_records_go_by_number_and_by_size() {
        assert_eq!(outdated(&records(49, 10), 10), [""; 0]);
        assert_eq!(outdated(&records(51, 10), 10), ["r2", "r1"]);
        assert_eq!(outdated(&records(3, BYTES_MAX / 2), 10), ["r2", "r1"]);
        assert_eq!(outdated(&records(1, 10), BYTES_MAX * 2), ["r1"], "the newest one is kept however large it is");
    }

    #[test]
    fn a_summary_counts_what_was_done() {
        let counts = [("create", 2), ("update", 1), ("retry", 1)].map(|(action, count)| (action.to_owned(), count));
        let applied = Applied { counts: counts.into(), ..Applied::default() };
        assert_eq!(applied.summary(), "2 created, 1 gone on with, 1 changed");
    }

    #[test]
    fn names_sort_in_time() {
        let name = |at| Applied::name(Timestamp(at), "0f8fad5b-d9cb-469f-a165-70867728950e");
        assert!(name(999) < name(1_000_000));
        assert_eq!(name(7), "0000000000007-0f8fad5bd9cb");
    }
}
