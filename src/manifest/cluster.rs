//! The `cluster:` section: what one daemon needs to bootstrap or to join, and the members of the whole cluster.

use std::collections::BTreeMap;

use super::secret::Secret;
use crate::model::{Config, MemberName, Place};

/// The `cluster:` section of a manifest. Empty texts count as absent, as `lxd init` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Whether this daemon is to be clustered; `None` when the file does not say.
    pub enabled: Option<bool>,
    /// The name of the member that reads the file.
    pub server_name: Option<MemberName>,
    /// The address under which other members reach it.
    pub server_address: Option<String>,
    /// The address of a member that is in the cluster already: with it, the section asks for a join.
    pub cluster_address: Option<String>,
    /// The certificate of the cluster in PEM, with doubled newlines and indentation already removed.
    pub cluster_certificate: Option<String>,
    /// A file that holds that certificate.
    pub cluster_certificate_path: Option<String>,
    /// A join token.
    pub cluster_token: Option<Secret>,
    /// The trust password of the cluster (LXD up to 5.21).
    pub cluster_password: Option<Secret>,
    /// Member-specific keys of the member that joins.
    pub member_config: Vec<MemberConfig>,
    /// All members of the cluster, by name.
    pub members: BTreeMap<MemberName, MemberSection>,
    /// Where the section stands.
    pub at: Place,
}

/// One entry of `cluster.member_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// `storage-pool` or `network`.
    pub entity: String,
    /// The name of the pool or network.
    pub name: String,
    /// The key.
    pub key: String,
    /// Its value on the member that joins.
    pub value: String,
    /// What LXD printed to explain the key.
    pub description: String,
}

/// One entry of `cluster.members`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSection {
    /// Where other members and clients reach it, with a port.
    pub address: Option<String>,
    /// Members of one failure domain are expected to fail together.
    pub failure_domain: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The cluster groups that it belongs to.
    pub groups: Vec<String>,
    /// The roles that it has besides those that Raft gives it.
    pub roles: Vec<String>,
    /// The member's own configuration keys, such as `scheduler.instance`.
    pub config: Config,
    /// Server keys that belong to this member alone, such as `core.https_address`.
    pub here: Config,
    /// Where the entry stands.
    pub at: Place,
}
