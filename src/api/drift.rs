//! Drift on the wire: what differs from what was declared or made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Desired, Generation, Key, MemberName, Revision, Timestamp};

/// The version of the report's JSON: the first number grows when a reader must change.
pub const DRIFT_FORMAT: &str = "1.0";

/// `POST /1.0/seedbed/drift`. Nothing is changed by it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DriftRequest {
    /// Only the objects that these manifests declare, and whether they are still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Desired>,
    /// Only the objects that belong to this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReport {
    /// The version of this form.
    pub format_version: String,
    /// The revision that was looked at.
    pub revision: Revision,
    /// What differs.
    pub drift: Vec<DriftItem>,
    /// What members have not done yet: it is no drift.
    pub pending: Vec<PendingItem>,
    /// What nobody can tell.
    pub unknown: Vec<UnknownMember>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftItem {
    /// The object.
    pub key: Key,
    /// Where it differs: a path such as `config.ipv4.address`, `host@MEMBER` for what stands on a member's host, `object`
    /// when it is gone as a whole.
    pub field: String,
    /// What was declared or made; `None` for nothing, and for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// What is there now; `None` for nothing, and for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What would put it right on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// Whether the values must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Since when, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Who did it, where the audit log tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Why it is known and allowed, where an expectation says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

/// Something that a member has not done yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingItem {
    /// The object.
    pub key: Key,
    /// The member; empty for what manifests say that was never applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberName>,
    /// What it waits for.
    pub why: String,
}

/// A member whose host nobody has looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMember {
    /// The member.
    pub member: MemberName,
    /// Why.
    pub why: String,
}

/// What one member found on its host: `GET /internal/drift`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFinding {
    /// The object.
    pub key: Key,
    /// Tells it from another of the same name.
    pub uid: Revision,
    /// The generation that was compared with.
    pub generation: Generation,
    /// What would put it right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// Why that cannot be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl DriftReport {
    /// What nobody has allowed.
    pub fn unexpected(&self) -> impl Iterator<Item = &DriftItem> {
        self.drift.iter().filter(|item| item.expected.is_none())
    }

    /// The objects that differ, those that may left out.
    pub fn objects(&self) -> BTreeSet<&Key> {
        self.unexpected().map(|item| &item.key).collect()
    }
}
