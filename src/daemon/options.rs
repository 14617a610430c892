//! How a daemon is started.

use std::path::PathBuf;

use crate::service::Failpoints;
use crate::store::Timing;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct DaemonOptions {
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// The machine.
    pub host: HostChoice,
    /// The group that may use the unix socket besides root.
    pub group: Option<String>,
    /// How patient Raft is.
    pub timing: Timing,
    /// What `NOTIFY_SOCKET` says: the socket of a service manager that waits for us.
    pub notify_socket: Option<String>,
    /// Who parses the manifests of sources.
    pub sources: SourceReading,
    /// Where a test ends this daemon.
    pub crash: Failpoints,
}

/// Who parses the manifests of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceReading {
    /// The daemon itself, where it runs in a program that is not ours.
    Here,
    /// A process for each set.
    Apart {
        /// Its user; one without rights when none is named.
        user: Option<String>,
        /// Bytes of address space that it may have.
        memory_bytes: u64,
    },
}

/// Which machine the daemon works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChoice {
    /// This one. Needs root.
    Linux,
    /// One in memory, which is kept in files of the state directory. Needs nothing.
    Fake,
}
