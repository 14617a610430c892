//! Storage pools in memory, with the same states as real ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Faults;
use crate::host::{
    BTRFS_MOUNT_OPTIONS, DriverState, HostError, HostFuture, PoolAsk, PoolMedium, PoolSeen, PoolStep, PoolUsage,
    Storage,
};
use crate::model::{ByteSize, Config, Revision};

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
const DEFAULT_SIZE: ByteSize = ByteSize::gib(5);

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

    /// Loses what a restart of the machine loses: the mounts that were made for pools.
    pub fn reboot(&self) {
        for pool in self.pools().values_mut().filter(|pool| pool.seen.medium == PoolMedium::Ours) {
            pool.seen.mounted = false;
        }
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_now(&self, ask: &PoolAsk) -> Result<Option<PoolSeen>, HostError> {
        self.faults.check("storage.look", &ask.name)?;
        Ok(self.pools().get(&ask.name).map(|pool| {
            let mut seen = pool.seen.clone();
            if pool.uid != ask.uid && seen.medium == PoolMedium::Ours {
                seen.medium = PoolMedium::Leftover;
            }
            seen
        }))
    }

    fn act_now(&self, ask: &PoolAsk, step: &PoolStep) -> Result<(), HostError> {
        self.faults.check(&format!("storage.{}", operation(step)), &ask.name)?;
        let mut pools = self.pools();
        match step {
            PoolStep::Make => {
                free_source(&pools, ask)?;
                let seen = made(ask)?;
                pools.insert(ask.name.clone(), FakePool { uid: ask.uid, seen });
            }
            PoolStep::Remove | PoolStep::Adopt => {
                let volumes = pools.get(&ask.name).map(|pool| pool.seen.volumes.clone()).unwrap_or_default();
                if let Some(first) = volumes.first() {
                    let doing = format!("remove storage pool `{}`", ask.name);
                    return Err(HostError::lasting(doing, "PoolInUse", format!("it still holds `{first}`")));
                }
                if *step == PoolStep::Remove {
                    pools.remove(&ask.name);
                } else if let Some(pool) = pools.get_mut(&ask.name) {
                    pool.uid = ask.uid;
                }
            }
            step => {
                if let Some(pool) = pools.get_mut(&ask.name) {
                    change(&mut pool.seen, step);
                }
            }
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

fn free_source(pools: &Pools, ask: &PoolAsk) -> Result<(), HostError> {
    let Some(source) = ask.config.value("source") else { return Ok(()) };
    let others = pools.iter().filter(|(name, _)| **name != ask.name);
    let mut users = others.filter(|(_, pool)| pool.seen.keys.value("source") == Some(source));
    match users.next() {
        None => Ok(()),
        Some((other, _)) => {
            let cause = format!("`{source}` is the storage pool `{other}`");
            Err(HostError::lasting(format!("make storage pool `{}`", ask.name), "SourceInUse", cause)
                .hinting("choose another source"))
        }
    }
}

fn made(ask: &PoolAsk) -> Result<PoolSeen, HostError> {
    let failed = |cause| HostError::lasting(format!("make storage pool `{}`", ask.name), "InvalidSize", cause);
    let size = ask.config.value("size").map(str::parse::<ByteSize>).transpose().map_err(failed)?;
    let given = ask.config.value("source");
    let mut keys = Config::default();
    let source = given.map_or_else(|| format!("/fake/storage-pools/{}", ask.name), str::to_owned);
    keys.insert("source".to_owned(), source);
    if let Some(given) = given {
        keys.insert("volatile.initial_source".to_owned(), given.to_owned());
    }
    let named = match ask.driver.as_str() {
        "zfs" => Some("zfs.pool_name"),
        "lvm" => Some("lvm.vg_name"),
        _ => None,
    };
    if let Some(key) = named {
        keys.insert(key.to_owned(), ask.config.value(key).unwrap_or(&ask.name).to_owned());
    }
    let is_loop = ask.driver != "dir" && given.is_none();
    let options = ask.config.value("btrfs.mount_options").unwrap_or(BTRFS_MOUNT_OPTIONS);
    Ok(PoolSeen {
        medium: PoolMedium::Ours,
        recorded: true,
        keys,
        size: is_loop.then_some(size.unwrap_or(DEFAULT_SIZE).0),
        mounted: true,
        mount_options: (ask.driver == "btrfs").then(|| options.to_owned()),
        missing: SUBDIRECTORIES.map(str::to_owned).to_vec(),
        volumes: Vec::new(),
    })
}

fn change(seen: &mut PoolSeen, step: &PoolStep) {
    match step {
        PoolStep::Mount => {
            seen.mounted = true;
            seen.missing.clear();
        }
        PoolStep::Remount { options } => seen.mount_options = Some(options.clone()),
        PoolStep::Grow { to, .. } => seen.size = Some(*to),
        PoolStep::Furnish => seen.missing.clear(),
        PoolStep::Make | PoolStep::Adopt | PoolStep::Remove => {}
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
        PoolStep::Adopt => "adopt",
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

    fn judge<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, ()> {
        Box::pin(async move {
            self.faults.check("storage.judge", &pool.name)?;
            free_source(&self.pools(), pool)
        })
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        Box::pin(async move { self.act_now(pool, step) })
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        let total = self.seen(&pool.name).and_then(|seen| seen.size).unwrap_or(DEFAULT_SIZE.0);
        let usage = PoolUsage { used: 0, total, inodes_used: 0, inodes_total: 0 };
        Box::pin(async move { self.faults.check("storage.usage", &pool.name).map(|()| usage) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> PoolAsk {
        PoolAsk { name: "data".to_owned(), uid: Revision(7), driver: "btrfs".to_owned(), config: Config::default() }
    }

    #[tokio::test]
    async fn pools_are_there_again_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = FakeStorage::new(Faults::default(), Some(dir.path()));
        storage.act(&ask(), &PoolStep::Make).await.expect("made");
        let before = storage.look(&ask()).await.expect("seen");
        let again = FakeStorage::new(Faults::default(), Some(dir.path()));
        assert_eq!(again.look(&ask()).await.expect("seen"), before);
        assert!(before.is_some());
        again.act(&ask(), &PoolStep::Remove).await.expect("removed");
        let last = FakeStorage::new(Faults::default(), Some(dir.path()));
        assert_eq!(last.look(&ask()).await.expect("seen"), None);
    }

    #[tokio::test]
    async fn a_pool_that_holds_something_is_not_removed() {
        let storage = FakeStorage::new(Faults::default(), None);
        storage.act(&ask(), &PoolStep::Make).await.expect("made");
        storage.disturb("data", |seen| seen.volumes.push("custom/v1".to_owned()));
        let error = storage.act(&ask(), &PoolStep::Remove).await.expect_err("refused");
        assert_eq!(error.reason, "PoolInUse");
    }

    #[tokio::test]
    async fn a_fault_happens_as_often_as_it_was_asked_for() {
        let faults = Faults::default();
        let storage = FakeStorage::new(faults.clone(), None);
        faults.add("storage.make", Faults::ANY, 2, HostError::passing("make it", "DiskFull", "no space"));
        for _ in 0..2 {
            assert!(storage.act(&ask(), &PoolStep::Make).await.is_err());
        }
        storage.act(&ask(), &PoolStep::Make).await.expect("made");
    }
}
