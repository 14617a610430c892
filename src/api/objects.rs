//! The objects of LXD's API as they are shown and listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Config;

/// A storage pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoragePool {
    /// Its keys; member-specific ones only when asked with `?target=`.
    pub config: Config,
    /// Free text.
    pub description: String,
    /// Its name.
    pub name: String,
    /// `dir`, `btrfs`, `zfs` or `lvm`.
    pub driver: String,
    /// The paths of what uses it.
    pub used_by: Vec<String>,
    /// `Pending`, `Created` or `Errored`.
    pub status: String,
    /// The members that have it.
    pub locations: Vec<String>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its keys; member-specific ones only when asked with `?target=`.
    pub config: Config,
    /// Free text.
    pub description: String,
    /// Its name.
    pub name: String,
    /// `bridge`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The paths of what uses it.
    pub used_by: Vec<String>,
    /// Whether Seedbed made it.
    pub managed: bool,
    /// `Pending`, `Created` or `Errored`.
    pub status: String,
    /// The members that have it.
    pub locations: Vec<String>,
}

/// A profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its keys.
    pub config: Config,
    /// Free text.
    pub description: String,
    /// Its devices by name.
    pub devices: BTreeMap<String, Config>,
    /// Its name.
    pub name: String,
    /// The paths of what uses it.
    pub used_by: Vec<String>,
}

/// A project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Project {
    /// Its keys.
    pub config: Config,
    /// Free text.
    pub description: String,
    /// Its name.
    pub name: String,
    /// The paths of what uses it.
    pub used_by: Vec<String>,
}
