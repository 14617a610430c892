//! What one machine can do with storage pools. Drivers look and act; the kind `storage-pool` decides.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostError, HostFuture};
use crate::model::{ByteSize, Config, Revision};

/// The storage pools of one machine.
pub trait Storage: Send + Sync {
    /// Every driver this program knows, with its version or with what is missing.
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>>;

    /// What stands under the pool's names; `None` when there is nothing at all.
    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>>;

    /// Whether what is given as the source of a pool that is not made yet could become one: it is there to be taken, and
    /// holds nothing of others. Nothing is changed. What is made is looked at instead.
    fn judge<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, ()>;

    /// Does one step. Doing it again after a crash is harmless.
    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()>;

    /// How full the pool is.
    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage>;
}

/// What btrfs pools are mounted with unless `btrfs.mount_options` says otherwise: containers may delete subvolumes.
pub const BTRFS_MOUNT_OPTIONS: &str = "user_subvol_rm_allowed";

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
    /// Whether this member made the pool or began to: there may be something to remove.
    pub recorded: bool,
    /// The member-specific keys as they hold for what stands: `source`, `volatile.initial_source`, `zfs.pool_name` …
    pub keys: Config,
    /// The size in bytes, of pools in a loop file.
    pub size: Option<u64>,
    /// Whether it is where it belongs: mounted, bound, imported or activated.
    pub mounted: bool,
    /// The mount options that it was mounted with; `None` for drivers that have none.
    pub mount_options: Option<String>,
    /// LXD's subdirectories or data sets that are missing.
    pub missing: Vec<String>,
    /// What users keep in the pool, as `containers/c1`. Only known of a pool that is mounted.
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
    /// Made by this member for an earlier pool of this name, which was forgotten without being removed.
    Leftover,
    /// Somebody else's: never touched.
    Foreign {
        /// Who or what it is: `` `/srv/x` is not empty: it holds `a` ``.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Made by this pool, and not to be found now.
    Lost {
        /// What is missing.
        what: String,
        /// What to do.
        hint: String,
    },
}

/// One thing to do to a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolStep {
    /// Make the directory, file system, data set or volume group, mark it as this pool's and mount it.
    Make,
    /// Mount it where it belongs, and make what is missing of its subdirectories.
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
    /// Take over what an earlier pool of this name left. It must hold nothing.
    Adopt,
    /// Unmount it and remove what [`PoolStep::Make`] made, and nothing else. It must hold nothing.
    Remove,
}

impl PoolAsk {
    /// The size that loop files get when none is given: a fifth of the free space, in whole GiB from 5 to 30.
    pub fn default_size(free: u64) -> ByteSize {
        ByteSize::gib(((free / 5) >> 30).clamp(5, 30))
    }

    /// A boolean key; unset counts as `default`.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        match self.config.value(key) {
            Some(text) => ["true", "1", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word)),
            None => default,
        }
    }
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
            Self::Make => f.write_str("make it"),
            Self::Mount => f.write_str("mount it"),
            Self::Remount { options } => write!(f, "remount it with {options}"),
            Self::Grow { from, to } => write!(f, "grow it from {} to {}", ByteSize(*from), ByteSize(*to)),
            Self::Furnish => f.write_str("make its subdirectories"),
            Self::Adopt => f.write_str("take over the empty pool that an earlier one of this name left"),
            Self::Remove => f.write_str("remove it"),
        }
    }
}

impl PoolMedium {
    /// A source that holds somebody's files.
    pub fn not_empty(source: &str, found: &[String]) -> Self {
        let first: Vec<&str> = found.iter().take(3).map(String::as_str).collect();
        let more = if found.len() > 3 { " and more" } else { "" };
        Self::Foreign {
            what: format!("`{source}` is not empty: it holds `{}`{more}", first.join("`, `")),
            hint: "give an empty source, or move what is in it away".to_owned(),
        }
    }

    /// Refuses to touch what is not ours, or what is lost.
    ///
    /// # Errors
    /// Whose it is or what is missing, and what to do.
    pub fn refuse(&self, doing: impl Into<String>) -> Result<(), HostError> {
        match self {
            Self::Foreign { what, hint } => Err(HostError::lasting(doing, "SourceNotEmpty", what).hinting(hint)),
            Self::Lost { what, hint } => Err(HostError::lasting(doing, "SourceLost", what).hinting(hint)),
            Self::Unmade | Self::Ours | Self::Leftover => Ok(()),
        }
    }
}
