//! What members tell each other below `/internal/`. Joining is a transaction of two requests.

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::model::{Desired, MemberId, MemberName, Object};

/// The server name that a member asks for in the handshake when it wants another member's own certificate. Everybody
/// else is answered with the one that all members share.
pub const MEMBER_NAME: &str = "member.seedbed.internal";

/// Before it says anything else, a joiner shows that it may join, and learns whether the other end is the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinHello {
    /// The name that it wants.
    pub server_name: MemberName,
    /// Why it may come in. It speaks of the certificate that the connection uses.
    pub proof: JoinProof,
}

/// What the cluster answers to whoever may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinWelcome {
    /// The same kind of proof for the way back: the cluster knows the password, too. Empty for tokens, which name its
    /// certificate.
    pub proof: Secret,
}

/// First half of a join: who wants in, and what its file declares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name it wants.
    pub server_name: MemberName,
    /// Where it is reached.
    pub address: String,
    /// Its certificate, as PEM; the connection must use it.
    pub certificate: String,
    /// Why it may come in.
    pub proof: JoinProof,
    /// What the file of the new member declares: compared with the cluster, never applied.
    pub desired: Desired,
    /// `x86_64`.
    pub architecture: String,
    /// The version of Seedbed.
    pub version: String,
    /// The version of the log's commands that it understands.
    pub schema: u64,
    /// How many API extensions it has.
    pub api_extensions: u64,
    /// A digest of their names; empty from members that tell none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extensions_digest: String,
    /// See [`ClusterMember::failure_domain`](super::ClusterMember::failure_domain).
    pub failure_domain: String,
}

/// Why a member may join. A password never travels: the joiner shows that it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinProof {
    /// The proof of SCRAM (RFC 5802) in hex, with argon2id as the costly step, over both certificates.
    Password(Secret),
    /// The secret of a token. The token names the cluster's certificate, so only the cluster reads this.
    Token(Secret),
}

/// What a joiner needs to know before it can prove a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinChallenge {
    /// Whether there is a cluster to join.
    pub enabled: bool,
    /// Algorithm, parameters and salt of the password's key, as a PHC string without the key itself.
    /// Empty when no trust password is set.
    pub parameters: String,
}

/// What the leader answers: the new member's place, and whom it will meet. The key of the cluster's certificate comes
/// when the join is committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinOffer {
    /// The Raft identity of the new member.
    pub id: MemberId,
    /// The members so far.
    pub members: Vec<PeerInfo>,
}

/// A member as others need to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// Its name.
    pub name: MemberName,
    /// Its Raft identity.
    pub id: MemberId,
    /// Where it is reached.
    pub address: String,
    /// Its own certificate, as PEM.
    pub certificate: String,
}

/// Second half of a join: the new member listens. The answer comes when the cluster has committed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinCommit {
    /// The place that was offered.
    pub id: MemberId,
    /// The request of the first half once more: the leader may have changed in between.
    pub request: JoinRequest,
}

/// The certificate that all members answer clients with, and its key, as one member hands it to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedPair {
    /// The certificate as PEM, with those that vouch for it, if any.
    pub certificate: String,
    /// Its private key as PEM.
    pub key: Secret,
}

/// What a member says of another one that may have been removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStanding {
    /// Whether it knows a leader: without one it may not know the newest.
    pub is_certain: bool,
    /// Whether the one that asks is in the cluster; always false for strangers, whatever number they ask about.
    pub is_member: bool,
}

/// What the leader tells a member that it has removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reset {
    /// The Raft identity that is meant: another member may have the address now.
    pub id: MemberId,
    /// What it is to take down before it stands alone.
    pub held: Vec<Object>,
}

/// The joiner asks how its join ended, and gives up its place unless the cluster has made it a member by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinUndo {
    /// The place that was offered.
    pub id: MemberId,
    /// The name that it was offered to.
    pub server_name: MemberName,
}

/// How a join ended. Neither answer ever changes: identities are used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinEnd {
    /// The cluster has committed it.
    Member,
    /// There is no such place, and there never will be again.
    Undone,
}
