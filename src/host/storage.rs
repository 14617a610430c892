//! What one machine can do with storage pools. Drivers look and act; the kind `storage-pool` decides.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HostFuture;
use crate::model::{Config, Revision};

/// The storage pools of one machine.
pub trait Storage: Send + Sync {
    /// Every driver this program knows, with its version or with what is missing.
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>>;

    /// What stands under the pool's names; `None` when there is nothing at all.
    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>>;

    /// Does one step. Doing it again after a crash is harmless.
    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()>;

    /// How full the pool is.
    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage>;
}

/// A pool as one member is to have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolAsk {
    /// The pool's name.
    pub name: String,
    /// Tells it from an earlier pool of the same name.
    pub uid: Revision,
    /// `dir`, `btrfs`, `zfs`, `lvm`.
    pub driver: String,
    /// The keys that all members share, and those of this member over them.
    pub config: Config,
}

/// What stands on the host of a pool, whole or in part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSeen {
    /// What is under the pool's source.
    pub medium: PoolMedium,
    /// Where the data is: a directory, a loop file, a device, a ZFS data set, a volume group.
    pub source: String,
    /// The source as it was first given; differs from `source` when a device was replaced by its file system's UUID.
    pub initial_source: String,
    /// The size in bytes, of pools in a loop file.
    pub size: Option<u64>,
    /// Whether it is mounted (or bound) where it belongs.
    pub mounted: bool,
    /// The mount options in effect that the pool was mounted with on purpose.
    pub mount_options: Option<String>,
    /// LXD's subdirectories or data sets that are missing.
    pub missing: Vec<String>,
    /// What users keep in the pool, as `containers/c1`.
    pub volumes: Vec<String>,
}

/// Whose the data under a source is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolMedium {
    /// Not made yet, or only begun.
    #[default]
    Unmade,
    /// Made by this pool.
    Ours,
    /// Somebody else's: never touched.
    Foreign {
        /// Who or what it is, for the message.
        what: String,
    },
    /// Made by this pool, and gone since.
    Lost {
        /// What is missing.
        what: String,
    },
}

/// One thing to do to a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolStep {
    /// Make the directory, file system, data set or volume group, and mark it as this pool's.
    Make,
    /// Mount it where it belongs.
    Mount,
    /// Mount it anew with other options.
    Remount {
        /// The options.
        options: String,
    },
    /// Let it grow.
    Grow {
        /// The size so far, in bytes.
        from: u64,
        /// The size from now on, in bytes.
        to: u64,
    },
    /// Make LXD's subdirectories or data sets.
    Furnish,
    /// Unmount it.
    Unmount,
    /// Remove what [`PoolStep::Make`] made, and nothing else.
    Remove,
}

/// A storage driver on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverState {
    /// Its name.
    pub name: String,
    /// The version of its tools or of the kernel; empty when it cannot be used.
    pub version: String,
    /// What is missing, by tool and Debian package or by kernel module.
    pub missing: Option<String>,
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolUsage {
    /// Bytes in use.
    pub used: u64,
    /// Bytes in all.
    pub total: u64,
    /// Inodes in use; 0 where the file system does not count them.
    pub inodes_used: u64,
    /// Inodes in all; 0 where the file system does not count them.
    pub inodes_total: u64,
}

impl fmt::Display for PoolStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make => f.write_str("make"),
            Self::Mount => f.write_str("mount"),
            Self::Remount { options } => write!(f, "remount with {options}"),
            Self::Grow { from, to } => write!(f, "grow from {from} to {to} bytes"),
            Self::Furnish => f.write_str("make its subdirectories"),
            Self::Unmount => f.write_str("unmount"),
            Self::Remove => f.write_str("remove"),
        }
    }
}
