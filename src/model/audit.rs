//! What the audit log keeps of an entry of the Raft log: who did what, from where, and never a value.
//!
//! An entry is stored as the JSON text of an [`AuditEntry`], and the chain hashes that very text: members of different
//! versions must write the same bytes for the same command, so its fields never change their names or their order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::number::{Revision, Timestamp};

/// From where a write came, beside who made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The other end of the client's connection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The member that the client asked, when it passed the request on and answers for who asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// The source that declared it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The commit of that source, or the digest of its files.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When the proposer made the command.
    pub at: Timestamp,
    /// Who asked for it, as [`Write::by`](super::Write::by); `reconciler` for what members found and put right.
    pub by: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// What was done, in the order of the objects.
    pub what: Vec<Deed>,
}

/// What was done to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// The sort of it.
    pub did: Did,
    /// The object, as a [`Key`](super::Key) is written.
    pub key: String,
    /// The member on whose host it was found or done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub member: String,
    /// The paths that changed; none for a creation or a removal, which concern all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// The sorts of deeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// The object was stored first.
    Create,
    /// It was changed.
    Change,
    /// It was removed, or its removal was begun.
    Delete,
    /// A member found that its host differs from what it had made.
    Drifted,
    /// A member put right what it had found.
    Healed,
    /// What a member had found is gone without its doing.
    Cleared,
}

/// An entry with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// The index of the entry in the Raft log.
    pub revision: Revision,
    /// What it says.
    pub entry: AuditEntry,
    /// The hash of this entry and of all before it, in hexadecimal.
    pub hash: String,
}

/// What one member's part of the chain shows when it is walked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheck {
    /// How far the member has applied the log.
    pub applied: Revision,
    /// How many entries it keeps.
    pub entries: u64,
    /// The oldest of them; 0 when there is none.
    pub first: Revision,
    /// The newest of them; 0 when there is none.
    pub last: Revision,
    /// The hash at the newest one.
    pub head: String,
    /// The oldest entry that is not as it was written, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
    /// The hash over the entries between the bounds that were asked for alone, to compare members that keep more or less.
    pub digest: String,
    /// How many entries are between those bounds.
    pub compared: u64,
}

/// An entry that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Its place.
    pub revision: Revision,
    /// What is wrong with it.
    pub why: String,
}

impl Did {
    /// The word in data and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Drifted => "drifted",
            Self::Healed => "healed",
            Self::Cleared => "cleared",
        }
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
