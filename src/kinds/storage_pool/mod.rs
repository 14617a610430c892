//! Storage pools: where members keep the volumes of containers. Each member has its own source.

mod check;
mod node;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::actuator::AnyActuator;
use super::registry::field::lenient;
use super::registry::kind::{Resource, Variants, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use crate::model::{Config, Key, MemberName, Rollout};

/// The kind.
pub struct StoragePool;

/// What all members share of a storage pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "storage-pool")]
pub struct StoragePoolSpec {
    /// What makes the pool: `dir`, `btrfs`, `zfs`, `lvm`. Cannot be changed.
    #[serde(default, deserialize_with = "lenient")]
    pub driver: String,
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Keys that all members share, such as `btrfs.mount_options`.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

/// The drivers that LXD or Incus know, with the entity of the key table that holds their keys.
const DRIVERS: [(&str, &str); 14] = [
    ("dir", "storage-dir"),
    ("btrfs", "storage-btrfs"),
    ("zfs", "storage-zfs"),
    ("lvm", "storage-lvm"),
    ("lvmcluster", "storage-lvm"),
    ("ceph", "storage-ceph"),
    ("cephfs", "storage-cephfs"),
    ("cephobject", "storage-cephobject"),
    ("linstor", "storage-linstor"),
    ("truenas", "storage-truenas"),
    ("powerflex", "storage-powerflex"),
    ("powerstore", "storage-powerstore"),
    ("pure", "storage-pure"),
    ("alletra", "storage-alletra"),
];

impl Resource for StoragePool {
    type Spec = StoragePoolSpec;

    const WORDS: Words = Words {
        kind: "storage-pool",
        section: "storage_pools",
        collection: "storage-pools",
        noun: "storage",
        spoken: "storage pool",
    };
    const ROLLOUT: Rollout = Rollout::EveryMember;

    fn entities(&self, spec: &StoragePoolSpec) -> Vec<&'static str> {
        DRIVERS.iter().filter(|(driver, _)| *driver == spec.driver).map(|(_, entity)| *entity).collect()
    }

    fn variants(&self) -> Option<Variants> {
        let values = DRIVERS.iter().map(|(driver, _)| *driver).collect();
        Some(Variants { field: "driver", values, default: None })
    }

    fn check(&self, key: &Key, spec: &StoragePoolSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        check::check(key, spec, members)
    }

    fn edit(&self, old: &StoragePoolSpec, new: &StoragePoolSpec) -> Vec<Problem> {
        check::edit(old, new)
    }

    fn edit_local(&self, spec: &StoragePoolSpec, old: &Config, new: &Config) -> Vec<Problem> {
        check::edit_local(spec, old, new)
    }

    fn is_judged(&self, spec: &StoragePoolSpec, own: &BTreeMap<MemberName, Config>, is_new: bool) -> bool {
        is_new && own.values().chain([&spec.config]).any(|config| config.value("source").is_some())
    }

    fn node(&self) -> Option<&'static dyn AnyActuator> {
        Some(&node::PoolNode)
    }
}
