//! Storage pools in memory, with the same states as real ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Faults;
use crate::host::{DriverState, HostError, HostFuture, PoolAsk, PoolMedium, PoolSeen, PoolStep, PoolUsage, Storage};
use crate::model::Revision;

/// The pools of a fake machine.
pub struct FakeStorage {
    faults: Faults,
    file: Option<PathBuf>,
    pools: Mutex<Pools>,
}

type Pools = BTreeMap<String, FakePool>;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct FakePool {
    uid: Revision,
    seen: PoolSeen,
}

const SUBDIRECTORIES: [&str; 2] = ["containers", "custom"];
const SIZE: u64 = 5 << 30;

impl FakeStorage {
    /// No pools, or those that are kept in a file below `kept`.
    pub fn new(faults: Faults, kept: Option<&Path>) -> Self {
        let file = kept.map(|dir| dir.join("fake-storage.json"));
        let text = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let pools = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { faults, file, pools: Mutex::new(pools) }
    }

    /// What stands under a pool's name.
    pub fn seen(&self, name: &str) -> Option<PoolSeen> {
        self.pools().get(name).map(|pool| pool.seen.clone())
    }

    /// Changes what stands under a pool's name, behind the daemon's back.
    pub fn disturb(&self, name: &str, change: impl FnOnce(&mut PoolSeen)) {
        if let Some(pool) = self.pools().get_mut(name) {
            change(&mut pool.seen);
        }
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_now(&self, ask: &PoolAsk) -> Result<Option<PoolSeen>, HostError> {
        self.faults.check("storage.look", &ask.name)?;
        Ok(self.pools().get(&ask.name).map(|pool| {
            let mut seen = pool.seen.clone();
            if pool.uid != ask.uid {
                seen.medium = PoolMedium::Foreign { what: format!("an earlier pool named `{}`", ask.name) };
            }
            seen
        }))
    }

    fn act_now(&self, ask: &PoolAsk, step: &PoolStep) -> Result<(), HostError> {
        self.faults.check(&format!("storage.{}", operation(step)), &ask.name)?;
        let mut pools = self.pools();
        if *step == PoolStep::Remove {
            pools.remove(&ask.name);
        } else {
            let blank = || FakePool { uid: ask.uid, seen: blank(ask) };
            change(&mut pools.entry(ask.name.clone()).or_insert_with(blank).seen, step);
        }
        self.keep(&pools)
    }

    fn keep(&self, pools: &Pools) -> Result<(), HostError> {
        let Some(file) = &self.file else { return Ok(()) };
        let failed = |cause: String| HostError::passing(format!("write `{}`", file.display()), "Unwritable", cause);
        let text = serde_json::to_string_pretty(pools).map_err(|cause| failed(cause.to_string()))?;
        std::fs::write(file, text).map_err(|cause| failed(cause.to_string()))
    }
}

fn blank(ask: &PoolAsk) -> PoolSeen {
    let source = ask.config.value("source").map_or_else(|| format!("storage-pools/{}", ask.name), str::to_owned);
    PoolSeen {
        initial_source: source.clone(),
        source,
        size: (ask.driver != "dir").then_some(SIZE),
        mount_options: ask.config.value("btrfs.mount_options").map(str::to_owned),
        missing: SUBDIRECTORIES.map(str::to_owned).to_vec(),
        ..PoolSeen::default()
    }
}

fn change(seen: &mut PoolSeen, step: &PoolStep) {
    match step {
        PoolStep::Make => seen.medium = PoolMedium::Ours,
        PoolStep::Mount => seen.mounted = true,
        PoolStep::Remount { options } => seen.mount_options = Some(options.clone()),
        PoolStep::Grow { to, .. } => seen.size = Some(*to),
        PoolStep::Furnish => seen.missing.clear(),
        PoolStep::Unmount => seen.mounted = false,
        PoolStep::Remove => {}
    }
}

/// The name of a step in [`FakeHost::fail`](super::FakeHost::fail): `storage.make`.
fn operation(step: &PoolStep) -> &'static str {
    match step {
        PoolStep::Make => "make",
        PoolStep::Mount => "mount",
        PoolStep::Remount { .. } => "remount",
        PoolStep::Grow { .. } => "grow",
        PoolStep::Furnish => "furnish",
        PoolStep::Unmount => "unmount",
        PoolStep::Remove => "remove",
    }
}

impl Storage for FakeStorage {
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>> {
        let known = ["dir", "btrfs", "zfs", "lvm"];
        let state = |name: &str| DriverState { name: name.to_owned(), version: "fake".to_owned(), missing: None };
        Box::pin(std::future::ready(Ok(known.map(state).to_vec())))
    }

    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>> {
        Box::pin(async move { self.look_now(pool) })
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        Box::pin(async move { self.act_now(pool, step) })
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        let total = self.seen(&pool.name).and_then(|seen| seen.size).unwrap_or(SIZE);
        let usage = PoolUsage { used: 0, total, inodes_used: 0, inodes_total: 0 };
        Box::pin(async move { self.faults.check("storage.usage", &pool.name).map(|()| usage) })
    }
}
