//! The cluster, its members and who is trusted.

use serde::{Deserialize, Serialize};

use super::envelope::null_as_default;
use super::secret::Secret;
use crate::model::Config;

/// `GET /1.0/cluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// The member that answers.
    pub server_name: String,
    /// Whether it is a member of a cluster.
    pub enabled: bool,
    /// The member-specific keys that a joining member may give.
    pub member_config: Vec<MemberConfigKey>,
}

/// `PUT /1.0/cluster`: bootstrap, join or leave, in LXD's form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterPut {
    /// The name that the member gets.
    pub server_name: String,
    /// False leaves the cluster.
    pub enabled: bool,
    /// Member-specific keys of a joining member.
    #[serde(deserialize_with = "null_as_default")]
    pub member_config: Vec<MemberConfigKey>,
    /// A member of the cluster to join.
    pub cluster_address: String,
    /// Its certificate, as PEM.
    pub cluster_certificate: String,
    /// Where the joining member is to be reached.
    pub server_address: String,
    /// The trust password, or a join token.
    pub cluster_password: Secret,
}

/// One member-specific key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberConfigKey {
    /// `storage-pool` or `network`.
    pub entity: String,
    /// The object.
    pub name: String,
    /// The key.
    pub key: String,
    /// Its value on this member.
    pub value: String,
    /// What to ask a person for.
    pub description: String,
}

/// One member, as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterMember {
    /// Its name.
    pub server_name: String,
    /// Where it is reached: `https://10.0.0.1:8443`.
    pub url: String,
    /// Whether it holds the replicated database: voters and standbys do.
    pub database: bool,
    /// `Online`, `Offline`, `Evacuated` or `Blocked`.
    pub status: String,
    /// Why.
    pub message: String,
    /// `database-leader`, `database`, `database-standby` and those that users gave.
    pub roles: Vec<String>,
    /// `x86_64`.
    pub architecture: String,
    /// Members of one domain fail together; voters are spread over them.
    pub failure_domain: String,
    /// Free text.
    pub description: String,
    /// `scheduler.instance` and `user.*`.
    pub config: Config,
    /// The groups that it belongs to.
    pub groups: Vec<String>,
}

/// What `PUT /1.0/cluster/members/X` takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterMemberPut {
    /// See [`ClusterMember::roles`]; the automatic ones stay.
    #[serde(deserialize_with = "null_as_default")]
    pub roles: Vec<String>,
    /// See [`ClusterMember::failure_domain`].
    #[serde(deserialize_with = "null_as_default")]
    pub failure_domain: String,
    /// Free text.
    #[serde(deserialize_with = "null_as_default")]
    pub description: String,
    /// `scheduler.instance` and `user.*`.
    #[serde(deserialize_with = "null_as_default")]
    pub config: Config,
    /// The groups that it belongs to.
    #[serde(deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
}

/// What `PUT /1.0/cluster/certificate` takes. With neither, the cluster makes a new pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterCertificatePut {
    /// The certificate as PEM, with those that vouch for it, if any.
    pub cluster_certificate: String,
    /// Its private key as PEM.
    pub cluster_certificate_key: Secret,
}

/// A join token, which travels as base64 of its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JoinToken {
    /// The name that the new member gets.
    pub server_name: String,
    /// SHA-256 of the cluster certificate, in hex.
    pub fingerprint: String,
    /// Members to try.
    pub addresses: Vec<String>,
    /// Shown once; the cluster keeps only a hash.
    pub secret: Secret,
    /// RFC 3339.
    pub expires_at: String,
}

/// A trusted certificate, as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// SHA-256, in hex.
    pub fingerprint: String,
    /// As PEM.
    pub certificate: String,
    /// `client` or `server`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// Whether it may only use the listed projects.
    pub restricted: bool,
    /// The projects.
    pub projects: Vec<String>,
}

/// `POST /1.0/certificates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificateAdd {
    /// `client`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// Base64 of the DER; empty for the one that the connection uses.
    pub certificate: String,
    /// The trust password, or a token.
    pub password: Secret,
    /// Whether it may only use the listed projects.
    pub restricted: bool,
    /// The projects.
    #[serde(deserialize_with = "null_as_default")]
    pub projects: Vec<String>,
    /// Asks for a token instead.
    pub token: bool,
}
