//! The audit log on the wire.

use serde::{Deserialize, Serialize};

use crate::model::{AuditCheck, AuditEntry, Audited, Deed, MemberName, Origin, Revision, Timestamp};

/// One entry of `GET /1.0/seedbed/audit`, which lists the newest first.
///
/// `?object=KIND/NAME` and `?since=MILLISECONDS` restrict the list, `?limit=N` takes the newest N of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The entry of the Raft log, which is also the revision of the state that it made.
    pub revision: Revision,
    /// When it was made, in milliseconds since 1970.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// The other end of the client's connection.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The member that the client asked, when another one did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// The source that declared it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The commit of that source, or the digest of its files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_revision: String,
    /// What it did.
    pub what: Vec<Deed>,
    /// The hash of this entry and of all before it.
    pub hash: String,
}

impl From<Audited> for AuditRecord {
    fn from(audited: Audited) -> Self {
        let Audited { revision, entry, hash } = audited;
        let AuditEntry { at, by, from, what } = entry;
        let Origin { address, via, source, revision: source_revision } = from.unwrap_or_default();
        Self { revision, at, by, address, via, source, source_revision, what, hash }
    }
}

/// The answer of `GET /1.0/seedbed/audit/verify`: every member walks its own chain, and the chains are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// What each member found.
    pub members: Vec<AuditOfMember>,
    /// The entries that all members keep, first and last; both 0 when there is none.
    pub compared: (Revision, Revision),
}

/// What one member found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditOfMember {
    /// The member.
    pub member: MemberName,
    /// What it found; `None` when it could not be asked.
    pub check: Option<AuditCheck>,
    /// Why it could not be asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Whether it tells another story than most of the others.
    pub differs: bool,
    /// Up to which revision it should have applied the log, where it has not: its chain ends before that of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Revision>,
}

impl AuditVerdict {
    /// Whether nothing is wrong with what could be looked at.
    pub fn is_whole(&self) -> bool {
        let whole = |it: &AuditOfMember| !it.differs && it.lacks.is_none();
        self.members.iter().all(|it| whole(it) && it.check.as_ref().is_none_or(|check| check.broken.is_none()))
    }

    /// Whether every member was asked.
    pub fn is_complete(&self) -> bool {
        self.members.iter().all(|it| it.check.is_some())
    }
}
