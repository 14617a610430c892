//! A machine in memory that can be told to fail. Shipped: `daemon --host fake` runs without root.

mod clock;
mod faults;
mod network;
mod storage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Clock, Dirs, Host, HostError};

pub use clock::FakeClock;
pub use faults::Faults;
pub use network::FakeNetwork;
pub use storage::FakeStorage;

/// A machine in memory, with handles to look at it and to make it fail. Cheap to clone; clones are the same machine.
#[derive(Clone)]
pub struct FakeHost {
    /// Its pools.
    pub storage: Arc<FakeStorage>,
    /// Its networks.
    pub network: Arc<FakeNetwork>,
    /// Its time, which stands still until it is moved.
    pub clock: Arc<FakeClock>,
    /// What is to fail.
    pub faults: Faults,
    dirs: Dirs,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::with(None)
    }
}

impl FakeHost {
    /// A machine with nothing on it that forgets everything when it is dropped.
    pub fn new() -> Self {
        Self::default()
    }

    /// A machine that keeps what stands on it in files below `state_dir`, so that a restarted daemon finds it again.
    pub fn kept_in(state_dir: &Path) -> Self {
        Self::with(Some(state_dir.to_owned()))
    }

    fn with(kept: Option<PathBuf>) -> Self {
        let faults = Faults::default();
        Self {
            storage: Arc::new(FakeStorage::new(faults.clone(), kept.as_deref())),
            network: Arc::new(FakeNetwork::new(faults.clone(), kept.as_deref())),
            clock: Arc::new(FakeClock::default()),
            faults,
            dirs: Dirs::below(kept.unwrap_or_else(|| PathBuf::from("/nowhere"))),
        }
    }

    /// The machine as the kinds see it.
    pub fn host(&self) -> Host {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.host_with(clock)
    }

    /// The machine as the kinds see it, with another clock: the daemon's own.
    pub fn host_with(&self, clock: Arc<dyn Clock>) -> Host {
        Host {
            storage: Arc::clone(&self.storage) as _,
            network: Arc::clone(&self.network) as _,
            clock,
            dirs: self.dirs.clone(),
        }
    }

    /// Lets the next `times` calls of `operation` on the object `name` fail: `storage.make` on `data`.
    pub fn fail(&self, operation: &str, name: &str, times: u32, error: HostError) {
        self.faults.add(operation, name, times, error);
    }

    /// Restarts the machine: mounts and bridges are gone, data and files are not.
    pub fn reboot(&self) {
        self.storage.reboot();
        self.network.reboot();
    }

    /// Lets everything work again.
    pub fn mend(&self) {
        self.faults.clear();
    }
}
