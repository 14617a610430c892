//! The driver `zfs`: a zpool in a loop file or on a device, or a data set of one that is there.

use std::path::{Path, PathBuf};

use super::block;
use super::record::{Form, Record};
use super::site::{self, Machine, Site};
use super::{Driver, Recorded, recorded, state_of};
use crate::host::linux::Command;
use crate::host::{DriverState, HostError, PoolMedium, PoolSeen, PoolUsage};

/// The driver itself.
pub struct Zfs;

/// The data set property that says whose it is.
const OWNER: &str = "seedbed:pool";

/// LXD's data sets of every pool; those that wait for their clones to go are under `deleted`.
pub const DATASETS: [&str; 9] = [
    "containers",
    "custom",
    "deleted",
    "deleted/containers",
    "deleted/custom",
    "deleted/images",
    "deleted/virtual-machines",
    "images",
    "virtual-machines",
];

impl Driver for Zfs {
    async fn state(&self, machine: Machine<'_>) -> DriverState {
        let (program, kernel) =
            ("the program `zfs` (Debian package zfsutils-linux)", "the kernel module `zfs` (Debian package zfs-dkms)");
        state_of("zfs", tool_version(machine).await, program, || has_module(machine), kernel)
    }

    async fn look(&self, site: Site<'_>) -> Result<Option<PoolSeen>, HostError> {
        match recorded(&site)? {
            Recorded::Seen(seen) => Ok(seen),
            Recorded::Made(record, medium) => made(&site, &record, medium).await.map(Some),
        }
    }

    async fn make(&self, site: Site<'_>, begun: Option<Record>) -> Result<(), HostError> {
        must_be_there(&site).await?;
        let form = form(&site);
        let mut record = begin(&site, form, begun.as_ref());
        match owner(&site, &dataset(&site)).await? {
            Some(owner) if begun.is_some() && owner == record.token => {}
            found if form == Form::Named => take_dataset(&site, &mut record, found).await?,
            Some(_) => return taken(&dataset(&site)).refuse(site.doing("make")),
            None => make_zpool(&site, &mut record, begun.is_some()).await?,
        }
        site.make_mount_point()?;
        record.made = true;
        record.write(site.state, site.name())
    }

    async fn mount(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        must_be_there(&site).await?;
        site.make_mount_point()?;
        let name = pool_name(&record);
        let zpool = name.split('/').next().unwrap_or(&name);
        let folder = site.state.join("disks");
        let mut args = vec!["import", "-f"];
        let folder = folder.to_string_lossy();
        if record.form == Form::Loop {
            args.extend(["-d", &folder]);
        }
        args.push(zpool);
        site.run("zpool", args).await?;
        match owner(&site, &name).await? {
            Some(owner) if owner == record.token => Ok(()),
            Some(_) => taken(&name).refuse(site.doing("mount")),
            None => lost(&record).refuse(site.doing("mount")),
        }
    }

    async fn remount(&self, _site: Site<'_>, _record: Record, _options: &str) -> Result<(), HostError> {
        Ok(())
    }

    async fn grow(&self, site: Site<'_>, mut record: Record, to: u64) -> Result<(), HostError> {
        let name = pool_name(&record);
        block::grow_image(&site, Path::new(&record.source), to).await?;
        site.run("zpool", ["set", "autoexpand=on", &name]).await?;
        site.run("zpool", ["online", "-e", &name, &record.source]).await?;
        site.run("zpool", ["set", "autoexpand=off", &name]).await?;
        record.size = Some(to);
        record.write(site.state, site.name())
    }

    async fn furnish(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        let name = pool_name(&record);
        let have = datasets(&site, &name).await?;
        for dataset in DATASETS.iter().filter(|dataset| !have.iter().any(|name| name == *dataset)) {
            let path = format!("{name}/{dataset}");
            let mut args = vec!["create", "-o", "mountpoint=legacy"];
            if dataset.ends_with("virtual-machines") {
                args.extend(["-o", "volmode=none"]);
            }
            args.push(&path);
            site.run("zfs", args).await?;
        }
        site.furnish(&record)
    }

    async fn must_be_empty(&self, site: Site<'_>, record: &Record, verb: &str) -> Result<(), HostError> {
        let volumes = volumes(&datasets(&site, &pool_name(record)).await?);
        if volumes.is_empty() { site.must_be_empty(verb) } else { Err(site::in_use(&site, verb, &volumes)) }
    }

    async fn remove(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        let name = pool_name(&record);
        let is_ours = owner(&site, &name).await?.is_some_and(|owner| owner == record.token);
        if is_ours && record.form == Form::Named {
            release_dataset(&site, &record, &name).await?;
        } else if is_ours {
            site.run("zpool", ["destroy", &name]).await?;
        }
        match record.form {
            Form::Loop => block::remove_image(Path::new(&record.source))?,
            Form::Device if is_ours => block::wipe(&site, Path::new(&record.source)).await?,
            _ => {}
        }
        site.clear(&site.mount_point())?;
        site.remove_mount_point()
    }

    async fn usage(&self, site: Site<'_>) -> Result<PoolUsage, HostError> {
        let name = site.record()?.map_or_else(|| dataset(&site), |record| pool_name(&record));
        let text = site.run("zfs", ["get", "-H", "-p", "-o", "value", "used,available", &name]).await?;
        let mut numbers = text.lines().map(|line| line.trim().parse::<u64>().unwrap_or_default());
        let (used, available) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        Ok(PoolUsage { used, total: used + available, ..PoolUsage::default() })
    }
}

async fn tool_version(machine: Machine<'_>) -> Result<String, HostError> {
    let output = machine.runner.run(Command::new("zfs", ["version"])).await?;
    let line = output.stdout.lines().next().unwrap_or_default().trim().to_owned();
    Ok(line.trim_start_matches("zfs-").to_owned())
}

fn has_module(machine: Machine<'_>) -> bool {
    let listed = machine.read("proc/filesystems");
    machine.root.join("sys/module/zfs").exists() || listed.lines().any(|line| line.ends_with("\tzfs"))
}

async fn must_be_there(site: &Site<'_>) -> Result<(), HostError> {
    tool_version(site.machine).await?;
    if has_module(site.machine) {
        return Ok(());
    }
    Err(site
        .lasting("use", "MissingKernelModule", "the kernel module `zfs` is not loaded")
        .hinting("load it: modprobe zfs (Debian package zfs-dkms, in contrib)"))
}

fn form(site: &Site<'_>) -> Form {
    match site.given() {
        None => Form::Loop,
        Some(given) if Path::new(given) == site.image() => Form::Loop,
        Some(given) if given.starts_with('/') => Form::Device,
        Some(_) => Form::Named,
    }
}

/// The data set that is the pool's root: the zpool itself, or a data set in one.
fn dataset(site: &Site<'_>) -> String {
    match (form(site), site.given(), site.ask.config.value("zfs.pool_name")) {
        (Form::Named, Some(given), _) => given.to_owned(),
        (_, _, Some(name)) => name.to_owned(),
        _ => site.name().to_owned(),
    }
}

fn pool_name(record: &Record) -> String {
    record.keys.value("zfs.pool_name").unwrap_or(&record.source).to_owned()
}

fn begin(site: &Site<'_>, form: Form, begun: Option<&Record>) -> Record {
    let source = match form {
        Form::Loop => site.image().to_string_lossy().into_owned(),
        _ => site.given().unwrap_or_default().to_owned(),
    };
    let mut record = Record::begin(site.ask, source, form, begun.is_some_and(|record| record.owned));
    record.keys.insert("zfs.pool_name".to_owned(), dataset(site));
    if let Some(begun) = begun {
        record.token.clone_from(&begun.token);
        record.size = begun.size;
    }
    record
}

/// What the data set's mark says; `-` when it has none, `None` when there is no such data set.
async fn owner(site: &Site<'_>, dataset: &str) -> Result<Option<String>, HostError> {
    let command = Command::new("zfs", ["get", "-H", "-o", "value", OWNER, dataset]);
    let doing = format!("{}: run `{command}`", site.doing("look at"));
    let output = site.machine.runner.run(command).await?;
    if !output.is_good() && output.stderr.contains("does not exist") {
        return Ok(None);
    }
    Ok(Some(output.checked(&doing)?.trim().to_owned()))
}

/// All data sets below the pool's root, without its name.
async fn datasets(site: &Site<'_>, root: &str) -> Result<Vec<String>, HostError> {
    let text = site.run("zfs", ["list", "-H", "-r", "-t", "filesystem,volume", "-o", "name", root]).await?;
    let below = format!("{root}/");
    Ok(text.lines().filter_map(|line| line.trim().strip_prefix(&below)).map(str::to_owned).collect())
}

fn volumes(datasets: &[String]) -> Vec<String> {
    datasets.iter().filter(|name| !DATASETS.contains(&name.as_str())).cloned().collect()
}

async fn made(site: &Site<'_>, record: &Record, medium: PoolMedium) -> Result<PoolSeen, HostError> {
    let name = pool_name(record);
    let seen = PoolSeen { recorded: true, keys: record.keys(), size: record.size, ..PoolSeen::default() };
    match owner(site, &name).await? {
        None if record.form == Form::Loop && !Path::new(&record.source).exists() => {
            Ok(PoolSeen { medium: lost(record), ..seen })
        }
        None => Ok(PoolSeen { medium, ..seen }),
        Some(owner) if owner != record.token => Ok(PoolSeen { medium: taken(&name), ..seen }),
        Some(_) => {
            let have = datasets(site, &name).await?;
            let lacking = DATASETS.iter().filter(|dataset| !have.iter().any(|name| name == *dataset));
            let mut missing: Vec<String> = lacking.map(|dataset| format!("{name}/{dataset}")).collect();
            missing.extend(site.missing());
            Ok(PoolSeen { medium, mounted: true, missing, volumes: volumes(&have), ..seen })
        }
    }
}

fn taken(dataset: &str) -> PoolMedium {
    PoolMedium::Foreign {
        what: format!("there is already a ZFS data set `{dataset}`, and it is not this pool's"),
        hint: "choose another zfs.pool_name; or give an empty data set as `source`".to_owned(),
    }
}

fn lost(record: &Record) -> PoolMedium {
    PoolMedium::Lost {
        what: format!("the zpool on `{}`, which holds the pool's data, is not there any more", record.source),
        hint: "bring it back; or delete the pool and create it again, which gives up what was in it".to_owned(),
    }
}

async fn make_zpool(site: &Site<'_>, record: &mut Record, is_begun: bool) -> Result<(), HostError> {
    let path = PathBuf::from(&record.source);
    match record.form {
        Form::Loop => {
            if path.exists() && !is_begun {
                foreign_image(&path).refuse(site.doing("make"))?;
            }
            let size = site.loop_size()?;
            record.size = Some(size.0);
            record.write(site.state, site.name())?;
            block::make_image(&path, size)?;
        }
        _ if block::is_device(&path) => {
            block::must_be_empty(site, &path, None).await?;
            record.write(site.state, site.name())?;
        }
        _ => return Err(block::no_source(site, &record.source, "a block device")),
    }
    let mark = format!("{OWNER}={}", record.token);
    let name = pool_name(record);
    let args = ["create", "-m", "none", "-O", "compression=on", "-O", &mark, &name, &record.source];
    site.run("zpool", args).await.map(|_| ())
}

fn foreign_image(image: &Path) -> PoolMedium {
    PoolMedium::Foreign {
        what: format!("there is already a file `{}`", image.display()),
        hint: "it may hold the data of an earlier pool: move it away".to_owned(),
    }
}

async fn take_dataset(site: &Site<'_>, record: &mut Record, owner: Option<String>) -> Result<(), HostError> {
    let name = pool_name(record);
    let mark = format!("{OWNER}={}", record.token);
    match owner {
        None if name.contains('/') => {
            record.owned = true;
            record.write(site.state, site.name())?;
            site.run("zfs", ["create", "-o", "mountpoint=none", "-o", &mark, &name]).await.map(|_| ())
        }
        None => {
            let cause = format!("there is no zpool `{name}`");
            Err(site.lasting("make", "MissingSource", cause).hinting("import or create it, or give a block device"))
        }
        Some(owner) if owner != "-" => taken(&name).refuse(site.doing("make")),
        Some(_) => {
            let found = datasets(site, &name).await?;
            if !found.is_empty() {
                return PoolMedium::not_empty(&name, &found).refuse(site.doing("make"));
            }
            record.write(site.state, site.name())?;
            site.run("zfs", ["set", "mountpoint=none", &mark, &name]).await.map(|_| ())
        }
    }
}

async fn release_dataset(site: &Site<'_>, record: &Record, name: &str) -> Result<(), HostError> {
    let have = datasets(site, name).await?;
    for dataset in DATASETS.iter().rev().filter(|dataset| have.iter().any(|name| name == *dataset)) {
        site.run("zfs", ["destroy", &format!("{name}/{dataset}")]).await?;
    }
    if record.owned {
        site.run("zfs", ["destroy", name]).await.map(|_| ())
    } else {
        site.run("zfs", ["inherit", OWNER, name]).await.map(|_| ())
    }
}
