//! The machine itself: the only code that runs programs, speaks netlink, mounts and writes `/etc`.

mod clock;
mod confine;
mod failure;
pub mod limits;
mod network;
mod run;
mod storage;
mod user;

use std::path::Path;
use std::sync::Arc;

use super::{Dirs, Host};

pub use clock::SystemClock;
pub use confine::{Bounds, confine};
pub use failure::{Doing, disk_full, io_failure};
#[cfg(test)]
pub use run::recorded::Recorded;
pub use run::{Command, Output, RunFuture, Runner, SEARCH_PATH, Tools, debian_package};
pub use user::User;

/// This machine, with everything kept below `state_dir`.
pub fn host(state_dir: &Path) -> Host {
    host_with(state_dir, Arc::new(Tools))
}

/// This machine with another way to run programs: one that writes them down, or lets them fail.
pub fn host_with(state_dir: &Path, runner: Arc<dyn Runner>) -> Host {
    Host {
        storage: Arc::new(storage::LinuxStorage::new(state_dir, Arc::clone(&runner))),
        network: Arc::new(network::LinuxNetwork::new(state_dir, runner)),
        clock: Arc::new(SystemClock),
        dirs: Dirs::below(state_dir),
    }
}
