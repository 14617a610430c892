//! The sections that are no objects of a kind, as types: schemars describes them, serde reads them.
//!
//! Everything else in the grammar comes from the kinds themselves.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::kinds::tables::value;
use crate::manifest::secret::Secret;
use crate::model::{Config, MemberName};

/// The `cluster:` section.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterGrammar {
    /// Whether this server is to be a member of a cluster.
    pub enabled: Option<Flag>,
    /// The name of the member that reads the file. A join token names it too.
    pub server_name: Option<String>,
    /// The address under which the other members reach this one; `core.https_address` when it is absent.
    pub server_address: Option<String>,
    /// The address of a member that is in the cluster already: with it, this server joins.
    pub cluster_address: Option<String>,
    /// The certificate of the cluster, in PEM.
    pub cluster_certificate: Option<String>,
    /// A file that holds the certificate of the cluster.
    pub cluster_certificate_path: Option<String>,
    /// A token from `seedbed cluster add NAME`: it brings name, addresses and fingerprint along.
    pub cluster_token: Option<Secret>,
    /// The trust password of the cluster. Tokens have replaced it.
    pub cluster_password: Option<Secret>,
    /// The member-specific keys of the member that joins, one by one.
    pub member_config: Option<Vec<MemberConfigGrammar>>,
    /// All members of the cluster, by name.
    pub members: Option<BTreeMap<MemberName, Option<MemberGrammar>>>,
}

/// One entry of `cluster.member_config`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberConfigGrammar {
    /// What the key belongs to: a storage pool or a network.
    #[serde(default)]
    pub entity: String,
    /// The name of the storage pool or network.
    #[serde(default)]
    pub name: String,
    /// The member-specific key.
    #[serde(default)]
    pub key: String,
    /// Its value on the member that joins.
    #[serde(default)]
    pub value: Option<String>,
    /// What LXD prints to explain the key.
    #[serde(default)]
    pub description: Option<String>,
}

/// One entry of `cluster.members`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemberGrammar {
    /// Where members and clients reach it: `10.55.60.171:8443`.
    pub address: Option<String>,
    /// Members of one domain fail together: voters are spread over domains.
    pub failure_domain: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The cluster groups that it belongs to.
    pub groups: Option<Vec<String>>,
    /// Roles beside those that the database gives: `event-hub`, `ovn-chassis`.
    pub roles: Option<Vec<String>>,
    /// Keys of this member: `scheduler.instance`, `user.*`, and server keys of its own such as `core.https_address`.
    pub config: Option<Config>,
}

/// One entry of `storage_volumes`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is used: this version does not apply the section")]
pub struct StorageVolumeGrammar {
    /// The name of the volume.
    name: String,
    /// The storage pool that it is on.
    pool: String,
    /// The type of the volume.
    r#type: Option<String>,
    /// What it holds: `filesystem`, `block` or `iso`.
    content_type: Option<String>,
    /// Free text.
    description: Option<String>,
    /// The project that it belongs to.
    project: Option<String>,
    /// What it is copied from.
    source: Option<BTreeMap<String, String>>,
    /// Its configuration keys.
    config: Option<Config>,
}

/// One entry of `certificates`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is used: this version does not apply the section")]
pub struct CertificateGrammar {
    /// A name for people.
    name: String,
    /// What its holder may do: `client`, `server` or `metrics`.
    r#type: Option<String>,
    /// Whether it may only use the listed projects.
    restricted: Option<bool>,
    /// The projects that a restricted certificate may use.
    projects: Option<Vec<String>>,
    /// The certificate, in PEM or as base64 without its frame.
    certificate: Option<String>,
    /// Free text.
    description: Option<String>,
    /// Whether a token is to be made instead.
    token: Option<bool>,
    /// A token that proves trust.
    trust_token: Option<String>,
}

/// One entry of `cluster_groups`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is used: this version does not apply the section")]
pub struct ClusterGroupGrammar {
    /// The name of the group.
    name: String,
    /// Free text.
    description: Option<String>,
    /// The members that belong to it.
    members: Option<Vec<String>>,
    /// Its configuration keys.
    config: Option<Config>,
}

/// A boolean in one of the words that LXD reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        value::read_bool(&text).map(Self).ok_or_else(|| serde::de::Error::custom("not a boolean"))
    }
}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}
