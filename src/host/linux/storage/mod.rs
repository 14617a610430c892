//! Storage pools of this machine: one file a driver.

mod block;
mod btrfs;
mod dir;
mod lvm;
mod record;
mod site;
mod zfs;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Runner;
use crate::host::{DriverState, HostError, HostFuture, PoolAsk, PoolMedium, PoolSeen, PoolStep, PoolUsage, Storage};
use record::{Record, RecordState};
use site::{Machine, Site};

macro_rules! with_driver {
    ($ask:expr, |$driver:ident| $body:expr) => {
        Box::pin(async move {
            match $ask.driver.as_str() {
                "dir" => {
                    let $driver = dir::Dir;
                    $body.await
                }
                "btrfs" => {
                    let $driver = btrfs::Btrfs;
                    $body.await
                }
                "zfs" => {
                    let $driver = zfs::Zfs;
                    $body.await
                }
                "lvm" => {
                    let $driver = lvm::Lvm;
                    $body.await
                }
                _ => Err(unknown($ask)),
            }
        })
    };
}

const DRIVERS: [&str; 4] = ["dir", "btrfs", "zfs", "lvm"];

/// The storage pools of this machine.
pub struct LinuxStorage {
    state: PathBuf,
    runner: Arc<dyn Runner>,
    root: PathBuf,
}

impl LinuxStorage {
    /// Keeps pools below `state_dir` and runs programs through `runner`.
    pub fn new(state_dir: &Path, runner: Arc<dyn Runner>) -> Self {
        Self { state: state_dir.to_owned(), runner, root: PathBuf::from("/") }
    }

    fn site<'a>(&'a self, ask: &'a PoolAsk) -> Site<'a> {
        Site { ask, state: &self.state, machine: self.machine() }
    }

    fn act_now<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        with_driver!(pool, |driver| act(driver, self.site(pool), step))
    }

    /// Removes what was begun with another source, before the pool is made with the one that is asked for.
    async fn discard(&self, pool: &PoolAsk) -> Result<(), HostError> {
        let site = self.site(pool);
        must_be_safe(&site)?;
        match site.record()? {
            Some(record) if !record.made && !record.is_like(pool) => {
                self.discard_now(pool, &record).await?;
                Record::remove(site.state, site.name())
            }
            _ => Ok(()),
        }
    }

    fn discard_now<'a>(&'a self, pool: &'a PoolAsk, record: &'a Record) -> HostFuture<'a, ()> {
        let earlier = PoolAsk { driver: record.driver.clone(), ..pool.clone() };
        with_driver!(&earlier, |driver| driver.remove(self.site(pool), record.clone()))
    }

    fn machine(&self) -> Machine<'_> {
        Machine { runner: self.runner.as_ref(), root: &self.root }
    }
}

/// What a driver can do with the pool at hand. Whatever it is called for, the pool's record is looked at first.
trait Driver {
    /// Its version, or what is missing.
    fn state(&self, machine: Machine<'_>) -> impl Future<Output = DriverState> + Send;
    /// What stands; `None` when there is nothing at all.
    fn look(&self, site: Site<'_>) -> impl Future<Output = Result<Option<PoolSeen>, HostError>> + Send;
    /// Refuses a source, given and no device, that cannot become the pool. Nothing is changed; what only the driver's
    /// tools could tell is told when it is made.
    fn judge(&self, site: Site<'_>, source: &Path) -> Result<(), HostError> {
        let _ = (site, source);
        Ok(())
    }
    /// See [`PoolStep::Make`]. `begun` is the record of an attempt that was cut short.
    fn make(&self, site: Site<'_>, begun: Option<Record>) -> impl Future<Output = Result<(), HostError>> + Send;
    /// See [`PoolStep::Mount`].
    fn mount(&self, site: Site<'_>, record: Record) -> impl Future<Output = Result<(), HostError>> + Send;
    /// See [`PoolStep::Remount`].
    fn remount(
        &self,
        site: Site<'_>,
        record: Record,
        options: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;
    /// See [`PoolStep::Grow`].
    fn grow(&self, site: Site<'_>, record: Record, to: u64) -> impl Future<Output = Result<(), HostError>> + Send;
    /// See [`PoolStep::Furnish`].
    fn furnish(&self, site: Site<'_>, record: Record) -> impl Future<Output = Result<(), HostError>> + Send;
    /// Refuses when the pool holds anything.
    fn must_be_empty(
        &self,
        site: Site<'_>,
        record: &Record,
        verb: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;
    /// Unmounts and removes what [`Driver::make`] made. The pool holds nothing; its record is removed afterwards.
    fn remove(&self, site: Site<'_>, record: Record) -> impl Future<Output = Result<(), HostError>> + Send;
    /// How full it is.
    fn usage(&self, site: Site<'_>) -> impl Future<Output = Result<PoolUsage, HostError>> + Send;
}

// The kind checks all of this; a member does not take another's word for what becomes a path or an argument.
fn must_be_safe(site: &Site<'_>) -> Result<(), HostError> {
    let name = site.name();
    let is_path = name.contains('/') || name == "." || name == "..";
    let keys = ["source", "zfs.pool_name", "lvm.vg_name", "lvm.thinpool_name"];
    let mut texts = keys.iter().filter_map(|key| site.ask.config.value(key)).chain([name]);
    match texts.find(|text| text.starts_with('-') || text.contains('\0') || text.contains('\n')) {
        Some(text) => Err(site.lasting("work on", "InvalidSource", format!("`{text}` cannot be given to tools"))),
        None if is_path => Err(site.lasting("work on", "InvalidName", "its name leads out of the state directory")),
        None => Ok(()),
    }
}

async fn act<D: Driver>(driver: D, site: Site<'_>, step: &PoolStep) -> Result<(), HostError> {
    must_be_safe(&site)?;
    let standing = Record::standing(site.record()?, site.ask);
    match (step, standing) {
        (PoolStep::Make, RecordState::New) => {
            let made = driver.make(site, None).await;
            if made.is_err() && site.record()?.is_none() && !site.is_mount_point() {
                // Nothing was written down that would have it removed later.
                site.remove_mount_point()?;
            }
            made
        }
        (PoolStep::Make, RecordState::Begun(record)) => driver.make(site, Some(record)).await,
        (PoolStep::Make, RecordState::Made(record)) if record.form == record::Form::Own => {
            driver.make(site, Some(record)).await
        }
        (PoolStep::Adopt, RecordState::Earlier(record)) => {
            driver.must_be_empty(site, &record, "take over").await?;
            Record { uid: site.ask.uid, ..record }.write(site.state, site.name())
        }
        (PoolStep::Mount, RecordState::Made(record) | RecordState::Earlier(record)) => {
            driver.mount(site, record.clone()).await?;
            // Only now can be seen what is missing inside.
            driver.furnish(site, record).await
        }
        (PoolStep::Remount { options }, RecordState::Made(record)) => driver.remount(site, record, options).await,
        (PoolStep::Grow { to, .. }, RecordState::Made(record)) => driver.grow(site, record, *to).await,
        (PoolStep::Furnish, RecordState::Made(record)) => driver.furnish(site, record).await,
        (PoolStep::Remove, RecordState::Made(record) | RecordState::Begun(record)) => {
            if record.made {
                driver.must_be_empty(site, &record, "remove").await?;
            }
            driver.remove(site, record).await?;
            Record::remove(site.state, site.name())
        }
        (PoolStep::Remove, RecordState::New) => Ok(()),
        (step, _) => Err(HostError::passing(
            site.doing("work on"),
            "OutOfOrder",
            format!("it has changed since it was looked at: cannot {step}"),
        )),
    }
}

async fn judge<D: Driver>(driver: D, site: Site<'_>) -> Result<(), HostError> {
    must_be_safe(&site)?;
    if !matches!(Record::standing(site.record()?, site.ask), RecordState::New) {
        return Ok(());
    }
    let Some(source) = site.given().map(PathBuf::from) else { return Ok(()) };
    match block::is_device(&source) {
        true => block::must_be_free(&site, &source, None).await.map(|_| ()),
        false => driver.judge(site, &source),
    }
}

/// A driver's version, or the first thing that it misses.
fn state_of<E>(
    name: &str,
    version: Result<String, E>,
    program: &str,
    has_kernel: impl FnOnce() -> bool,
    kernel: &str,
) -> DriverState {
    let (version, missing) = match version {
        Err(_) => (String::new(), Some(program.to_owned())),
        Ok(_) if !has_kernel() => (String::new(), Some(kernel.to_owned())),
        Ok(version) => (version, None),
    };
    DriverState { name: name.to_owned(), version, missing }
}

/// What the record of a pool says by itself.
enum Recorded {
    /// Everything that there is to see.
    Seen(Option<PoolSeen>),
    /// Something was made: the driver looks how it stands.
    Made(Record, PoolMedium),
}

fn recorded(site: &Site<'_>) -> Result<Recorded, HostError> {
    Ok(match Record::standing(site.record()?, site.ask) {
        RecordState::New => Recorded::Seen(None),
        RecordState::Begun(_) => Recorded::Seen(Some(PoolSeen { recorded: true, ..PoolSeen::default() })),
        RecordState::InTheWay(record) => Recorded::Seen(Some(in_the_way(site, &record))),
        RecordState::Made(record) => Recorded::Made(record, PoolMedium::Ours),
        RecordState::Earlier(record) => Recorded::Made(record, PoolMedium::Leftover),
    })
}

fn in_the_way(site: &Site<'_>, record: &Record) -> PoolSeen {
    let what = format!("an earlier storage pool `{}` left its data in `{}`", site.name(), record.source);
    let record = site.state.join("pools").join(format!("{}.json", site.name()));
    let hint = format!("once nobody needs that data, remove it and `{}`", record.display());
    PoolSeen { medium: PoolMedium::Foreign { what, hint }, ..PoolSeen::default() }
}

fn unknown(ask: &PoolAsk) -> HostError {
    const OTHERS: [&str; 11] = [
        "alletra",
        "ceph",
        "cephfs",
        "cephobject",
        "linstor",
        "lvmcluster",
        "powerflex",
        "powerstore",
        "pure",
        "truenas",
        "mock",
    ];
    let doing = format!("work on storage pool `{}`", ask.name);
    let cause = if OTHERS.contains(&ask.driver.as_str()) {
        format!("members of this cluster cannot make pools with the storage driver `{}`", ask.driver)
    } else {
        format!("there is no storage driver `{}`", ask.driver)
    };
    HostError::lasting(doing, "UnsupportedDriver", cause).hinting("use one of dir, btrfs, zfs and lvm")
}

impl Storage for LinuxStorage {
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>> {
        let machine = self.machine();
        Box::pin(async move {
            let (btrfs, zfs, lvm) =
                tokio::join!(btrfs::Btrfs.state(machine), zfs::Zfs.state(machine), lvm::Lvm.state(machine));
            Ok(vec![dir::Dir.state(machine).await, btrfs, zfs, lvm])
        })
    }

    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>> {
        if !DRIVERS.contains(&pool.driver.as_str()) {
            // Nothing can have been made, so that there is nothing to remove either.
            return Box::pin(std::future::ready(Ok(None)));
        }
        with_driver!(pool, |driver| driver.look(self.site(pool)))
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        Box::pin(async move {
            if *step == PoolStep::Make {
                self.discard(pool).await?;
            }
            self.act_now(pool, step).await
        })
    }

    fn judge<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, ()> {
        with_driver!(pool, |driver| judge(driver, self.site(pool)))
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        with_driver!(pool, |driver| driver.usage(self.site(pool)))
    }
}

#[cfg(test)]
mod tests;
