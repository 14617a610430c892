//! The API extensions of this server: what clients switch code paths on, and what its configuration keys came with.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::api;
use crate::kinds::tables::extension;

/// They bring paths or work of their own beside their keys, which this server does not have.
const UNSERVED: [&str; 10] = [
    "cluster_links_public",
    "clustering_image_replication",
    "clustering_evacuation",
    "clustering_groups",
    "clustering_groups_vm_cpu_definition",
    "instance_placement_groups",
    "migration_stateful",
    "network_dns",
    "network_integrations",
    "storage_buckets",
];

/// The extensions of one version of this program.
pub struct Extensions {
    /// In the order of their names.
    pub names: Vec<&'static str>,
    /// The same for all that have the same names.
    pub digest: String,
}

/// Those of this version.
pub static EXTENSIONS: LazyLock<Extensions> = LazyLock::new(|| {
    let of_keys = extension::names().filter(|name| !UNSERVED.contains(name));
    let names: BTreeSet<&str> = api::EXTENSIONS.iter().copied().chain(of_keys).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let digest = api::extensions_digest(&names);
    Extensions { names, digest }
});
