//! `GET /1.0`: the server, its configuration and what it can do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::envelope::null_as_default;

/// The version of LXD whose API this is.
pub const VERSION: &str = "5.0.2";

/// LXD's API extensions that this server has beside those of configuration keys. Clients switch code paths on them.
pub const EXTENSIONS: &[&str] = &[
    "etag",
    "patch",
    "storage",
    "network",
    "profile_usedby",
    "network_description",
    "projects",
    "clustering",
    "clustering_join",
    "clustering_join_token",
    "clustering_roles",
    "clustering_edit_roles",
    "clustering_failure_domains",
    "clustering_config",
    "clustering_description",
    "clustering_architecture",
    "clustering_update_cert",
    "event_lifecycle",
    "event_location",
    "event_project",
    "operation_description",
    "operation_wait",
    "operation_location",
    "api_filtering",
    "warnings",
    "resources",
    "network_state",
    "network_leases",
    "instances",
    "server_clustered",
];

/// A digest of a list of extensions, whatever its order.
pub fn extensions_digest<S: AsRef<str>>(names: &[S]) -> String {
    let sorted: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
    let lines = sorted.into_iter().collect::<Vec<_>>().join("\n");
    Sha256::digest(lines.as_bytes()).iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What `GET /1.0` answers. A caller who is not trusted sees only the first part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The configuration keys; hidden ones are `true`. `None` for the untrusted.
    pub config: Option<Map<String, Value>>,
    /// See [`EXTENSIONS`].
    pub api_extensions: Vec<String>,
    /// `stable`.
    pub api_status: String,
    /// `1.0`.
    pub api_version: String,
    /// `trusted` or `untrusted`.
    pub auth: String,
    /// Always false: there is nothing for anonymous callers.
    pub public: bool,
    /// `["tls"]`.
    pub auth_methods: Vec<String>,
    /// The machine. `None` for the untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// The machine that a server runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Where clients reach it.
    pub addresses: Vec<String>,
    /// `["x86_64"]`.
    pub architectures: Vec<String>,
    /// The certificate that it answers with, as PEM.
    pub certificate: String,
    /// SHA-256 of it, in hex.
    pub certificate_fingerprint: String,
    /// The engine of its containers.
    pub driver: String,
    /// Its version.
    pub driver_version: String,
    /// `nftables`.
    pub firewall: String,
    /// `Linux`.
    pub kernel: String,
    /// `x86_64`.
    pub kernel_architecture: String,
    /// `6.1.0`.
    pub kernel_version: String,
    /// `Debian GNU/Linux`.
    pub os_name: String,
    /// `12`.
    pub os_version: String,
    /// The project that the request speaks of.
    pub project: String,
    /// `seedbed`.
    pub server: String,
    /// Whether it is a member of a cluster.
    pub server_clustered: bool,
    /// How events reach other members; empty because each member tells only its own.
    pub server_event_mode: String,
    /// Its name in the cluster, or the machine's name.
    pub server_name: String,
    /// The daemon's process.
    pub server_pid: u32,
    /// The version of Seedbed.
    pub server_version: String,
    /// The storage drivers in use.
    pub storage: String,
    /// Their versions.
    pub storage_version: String,
}

/// What `PUT` and `PATCH /1.0` take.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerPut {
    /// The configuration keys; `true` for a hidden one leaves it as it is, and null is an empty map.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: Map<String, Value>,
}
