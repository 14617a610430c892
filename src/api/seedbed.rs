//! Seedbed's own endpoints: manifests as JSON, plans, objects with their placements, forming clusters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cluster::MemberConfigKey;
use super::secret::Secret;
use crate::model::{
    Claim, Config, Desired, Finding, Key, LastSeen, LogTrouble, MemberName, Object, Outdated, Revision, Selection,
    Timestamp,
};

/// `POST /1.0/seedbed/plan`. The answer's metadata is the plan of `plan/`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What the manifests declare.
    pub desired: Desired,
    /// Leaves keys alone that an earlier manifest set and this one does not.
    #[serde(default)]
    pub merge: bool,
    /// The part of `desired` that it is about.
    #[serde(default)]
    pub selection: Selection,
    /// Instead of `desired`: the way back to what the applies until this one had brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<Revision>,
    /// In whose name.
    #[serde(default)]
    pub claim: Claim,
    /// Answers with a plan even when something is in the way: it shows what that is, and commits nothing.
    #[serde(default)]
    pub whole: bool,
}

/// `POST /1.0/seedbed/plans`: a plan that is kept, to be carried out once. The answer is the plan file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavePlanRequest {
    /// What is planned.
    pub request: PlanRequest,
    /// What it is called; a name of its own when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its heading.
    #[serde(default)]
    pub title: String,
    /// How long it is good, in milliseconds; an hour when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// `POST /1.0/seedbed/apply`. With `?wait=1` the answer comes when everything in it has converged or failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplyRequest {
    /// What the manifests declare.
    pub desired: Desired,
    /// The manifest as text, instead of `desired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yaml: Option<String>,
    /// The digest of the plan that the user has seen; another one is refused with 412.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// See [`PlanRequest::merge`].
    pub merge: bool,
    /// See [`PlanRequest::selection`].
    pub selection: Selection,
    /// See [`PlanRequest::back_to`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_to: Option<Revision>,
    /// See [`PlanRequest::claim`].
    pub claim: Claim,
    /// Takes everything back after this time, in milliseconds, unless somebody confirms it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_ms: Option<u64>,
}

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReply {
    /// The revision that holds the change; `None` when there was nothing to change and nothing was written.
    pub revision: Option<Revision>,
    /// What is worth knowing, such as objects that are declared no more and stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Finding>,
    /// Until when it has to be confirmed; without that it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_until: Option<Timestamp>,
}

/// `GET /1.0/seedbed/confirm`: what waits to be confirmed, and what could not be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmState {
    /// The apply that waits.
    pub pending: Option<PendingApply>,
    /// What stays of one that was not confirmed.
    pub left: Option<LeftApply>,
    /// The revision at which the last apply was taken back, when nothing was applied since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<Revision>,
}

/// `POST /1.0/seedbed/undelete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeleteRequest {
    /// The objects that are to stay.
    pub keys: Vec<Key>,
}

/// `GET /1.0/seedbed/clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterTime {
    /// This moment on the leader's clock, by which everything ends that ends at a moment.
    pub now: Timestamp,
}

/// An apply that waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingApply {
    /// Its revision.
    pub revision: Revision,
    /// When it was applied, in RFC 3339.
    pub at: String,
    /// Who applied it.
    pub by: String,
    /// From where, when it came over the network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// When it is taken back, in RFC 3339.
    pub until: String,
    /// The apply that the way back leads to, when one is remembered.
    pub back_to: Option<Revision>,
    /// What it did, in a few words.
    pub summary: String,
    /// The first of its objects.
    pub objects: Vec<Key>,
}

/// What could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftApply {
    /// When the rest was taken back, in RFC 3339.
    pub at: String,
    /// Who had applied it.
    pub by: String,
    /// What stays, and why.
    pub objects: Vec<LeftObject>,
}

/// One object that stays as an apply made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftObject {
    /// The object.
    pub key: Key,
    /// Why.
    pub why: String,
}

/// `POST /1.0/seedbed/manage`: who owns objects, and whether they may be deleted. What is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ManageRequest {
    /// The objects: all of them or none.
    pub keys: Vec<Key>,
    /// The source that they belong to from now on, whoever had them; empty for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether nobody may delete them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<bool>,
}

/// `GET /1.0/seedbed/objects`: everything that is stored.
///
/// With `?after=REVISION&timeout_ms=N` the answer waits until the state is newer than that revision, or until
/// the time is over. `?key=KIND/NAME` may be given several times and restricts the list; a `POST` takes any number of keys
/// as its body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectsReply {
    /// The revision of the state.
    pub revision: Revision,
    /// The last entry of this member's Raft log: the same before and after means that nothing was written.
    #[serde(default)]
    pub last_log_index: u64,
    /// The objects in the order of their keys.
    pub objects: Vec<Object>,
    /// Which members answer, as the leader sees it.
    #[serde(default)]
    pub liveness: BTreeMap<MemberName, LastSeen>,
    /// Why all this may be old, unless it is the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated: Option<Outdated>,
    /// The members that answer and do not follow the log as they should.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_troubles: BTreeMap<MemberName, LogTrouble>,
    /// The keys that are stored but not shown, because their values are secrets: by object, as `KIND/NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hidden: BTreeMap<String, Vec<String>>,
}

/// `POST /1.0/seedbed/init`: one preseed as LXD means it. Bootstraps, joins, or only applies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InitRequest {
    /// Forms the cluster although members of the list do not answer. Never beside one that answers.
    #[serde(default)]
    pub new_cluster: bool,
    /// Everything but the `cluster` section. `core.https_address` and the like stand in the `here` keys of
    /// the server configuration, `core.trust_password` in its spec.
    pub desired: Desired,
    /// The `cluster` section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSection>,
    /// How long to wait until all is converged, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// The `cluster` section of a preseed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterSection {
    /// Whether clustering is asked for.
    pub enabled: bool,
    /// The name that this member gets; from a token or from `members` when empty.
    pub server_name: String,
    /// Where this member is reached; `core.https_address` when empty.
    pub server_address: String,
    /// A member of the cluster to join. Empty, or this member's own address, bootstraps.
    pub cluster_address: String,
    /// The cluster's certificate, as PEM.
    pub cluster_certificate: String,
    /// The trust password.
    pub cluster_password: Secret,
    /// A join token: base64 of [`JoinToken`](super::JoinToken).
    pub cluster_token: Secret,
    /// Member-specific keys of this member.
    pub member_config: Vec<MemberConfigKey>,
    /// All members that one manifest declares, in its order; each daemon takes its own part.
    pub members: Vec<DeclaredMember>,
}

/// A member as a manifest declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeclaredMember {
    /// Its name.
    pub name: MemberName,
    /// `10.55.60.171:8443`; the port is 8443 when it is left out.
    pub address: String,
    /// See [`ClusterMember::failure_domain`](super::ClusterMember::failure_domain).
    pub failure_domain: String,
    /// Free text.
    pub description: String,
    /// The groups that it belongs to.
    pub groups: Vec<String>,
    /// The roles that it has besides those that Raft gives it.
    pub roles: Vec<String>,
    /// `scheduler.instance` and `user.*`.
    pub config: Config,
    /// Server keys of this member alone, such as `core.https_address`.
    pub here: Config,
}

/// How an init ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitReply {
    /// What was done.
    pub outcome: InitOutcome,
    /// The name of this member.
    pub server_name: MemberName,
    /// The revision that holds the change; `None` when nothing was written.
    pub revision: Option<Revision>,
}

/// What an init did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitOutcome {
    /// A cluster was formed with this member.
    Bootstrapped,
    /// This member joined a cluster.
    Joined,
    /// Only objects were changed.
    Applied,
    /// Everything was so already.
    Unchanged,
}
