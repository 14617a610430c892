//! Storage pools of this machine: one file a driver.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Runner;
use crate::host::{DriverState, HostError, HostFuture, PoolAsk, PoolSeen, PoolStep, PoolUsage, Storage};

/// The storage pools of this machine.
pub struct LinuxStorage {
    _state: PathBuf,
    _runner: Arc<dyn Runner>,
}

impl LinuxStorage {
    /// Keeps pools below `state_dir` and runs programs through `runner`.
    pub fn new(state_dir: &Path, runner: Arc<dyn Runner>) -> Self {
        Self { _state: state_dir.to_owned(), _runner: runner }
    }
}

fn unknown<'a, T: Send + 'a>(pool: &'a PoolAsk) -> HostFuture<'a, T> {
    let doing = format!("use storage pool `{}`", pool.name);
    let cause = format!("there is no storage driver `{}` on this system", pool.driver);
    Box::pin(std::future::ready(Err(HostError::lasting(doing, "UnknownDriver", cause))))
}

impl Storage for LinuxStorage {
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>> {
        unknown(pool)
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, _step: &'a PoolStep) -> HostFuture<'a, ()> {
        unknown(pool)
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        unknown(pool)
    }
}
