//! How a daemon is started.

use std::path::PathBuf;

use crate::http::Crash;
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
    /// Where a test ends this daemon.
    pub crash: Crash,
}

/// Which machine the daemon works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChoice {
    /// This one. Needs root.
    Linux,
    /// One in memory, which is kept in files of the state directory. Needs nothing.
    Fake,
}
