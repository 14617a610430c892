//! What [`load`](super::load) takes and returns besides the sources.

use super::lint::dialect::Dialect;
use super::lint::suppress::Allowed;
use super::set::cluster::Cluster;
use crate::model::{Desired, Finding, Timestamp};

/// The outcome of loading a set of sources.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The objects that the sources declare. Only to be used when [`is_usable`](Self::is_usable).
    pub desired: Desired,
    /// The `cluster:` section, of which a set may have one.
    pub cluster: Option<Cluster>,
    /// Everything that is wrong or worth knowing, in the order of the sources and lines.
    pub findings: Vec<Finding>,
    /// What comments in the sources allow; not among `findings`.
    pub allowed: Vec<Allowed>,
    /// How much was read.
    pub counts: Counts,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sources.
    pub files: usize,
    /// Documents in them that hold anything.
    pub documents: usize,
    /// Objects that they declare, those with errors included.
    pub objects: usize,
    /// Objects without an error.
    pub valid: usize,
}

/// How to load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For whom the set is written.
    pub dialect: Dialect,
    /// What to refuse before it costs memory.
    pub limits: Limits,
    /// Whether only the findings are wanted: then the desired state is left empty, and costs no memory.
    pub only_findings: bool,
    /// When the set is read: a join token may have expired. `None` when nobody asks.
    pub now: Option<Timestamp>,
}

/// Bounds against inputs that are made to exhaust memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one source.
    pub source_bytes_max: usize,
    /// Values of one source, those that aliases repeat included.
    pub source_nodes_max: usize,
    /// Bytes of all sources of a set.
    pub set_bytes_max: usize,
    /// Objects, subnets and volumes of a set.
    pub set_objects_max: usize,
    /// Bytes of memory that the desired state of a set may take, where it is wanted.
    pub desired_bytes_max: usize,
    /// Bytes of sources that are read at once: more of them are read one after the other, and a second time.
    pub batch_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes_max: 16 << 20,
            source_nodes_max: 500_000,
            set_bytes_max: 64 << 20,
            set_objects_max: 200_000,
            desired_bytes_max: 48 << 20,
            batch_bytes_max: 1 << 20,
        }
    }
}

impl Loaded {
    /// Whether there is no error among the findings.
    pub fn is_usable(&self) -> bool {
        !self.findings.iter().any(Finding::is_error)
    }
}
