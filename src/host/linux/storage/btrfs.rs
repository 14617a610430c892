//! The driver `btrfs`: a file system in a loop file or on a device, or a directory of one that is there.

use std::path::{Path, PathBuf};

use super::block;
use super::record::{Form, Marker, Record, RecordState};
use super::site::{self, Machine, Site};
use super::{Driver, in_the_way, state_of};
use crate::host::linux::{Command, Doing};
use crate::host::{BTRFS_MOUNT_OPTIONS, DriverState, HostError, PoolMedium, PoolSeen, PoolUsage};
use crate::model::ByteSize;

/// The driver itself.
pub struct Btrfs;

/// Below this size a file system keeps data and metadata together; mkfs refuses it otherwise.
const MIXED_BELOW: ByteSize = ByteSize::mib(256);

/// The kernel resizes no file system to less.
const RESIZED_FROM: ByteSize = ByteSize::mib(256);

impl Driver for Btrfs {
    async fn state(&self, machine: Machine<'_>) -> DriverState {
        let (program, kernel) = ("the program `btrfs` (Debian package btrfs-progs)", "the kernel module `btrfs`");
        state_of("btrfs", tool_version(machine).await, program, || has_kernel_support(machine), kernel)
    }

    async fn look(&self, site: Site<'_>) -> Result<Option<PoolSeen>, HostError> {
        match Record::standing(site.record()?, site.ask) {
            RecordState::InTheWay(record) => Ok(Some(in_the_way(&site, &record))),
            RecordState::Made(record) => made(&site, &record, PoolMedium::Ours).await.map(Some),
            RecordState::Earlier(record) => made(&site, &record, PoolMedium::Leftover).await.map(Some),
            RecordState::Begun(_) => Ok(Some(PoolSeen { recorded: true, ..PoolSeen::default() })),
            RecordState::New => {
                let image = site.image();
                let is_foreign = form(&site)? == Form::Loop && image.exists();
                Ok(is_foreign.then(|| PoolSeen { medium: foreign_image(&image), ..PoolSeen::default() }))
            }
        }
    }

    fn judge(&self, site: Site<'_>, source: &Path) -> Result<(), HostError> {
        if source.exists() { must_be_free(&site, source, None) } else { Ok(()) }
    }

    async fn make(&self, site: Site<'_>, begun: Option<Record>) -> Result<(), HostError> {
        self.must_be_there(&site).await?;
        site.make_mount_point()?;
        if site.is_mount_point() {
            unmount(&site).await?;
        }
        let mut record = match form(&site)? {
            Form::Loop => make_loop(&site, begun.as_ref()).await?,
            Form::Device => make_device(&site, begun.as_ref()).await?,
            Form::Own | Form::Directory | Form::Named => make_subvolume(&site, begun.as_ref()).await?,
        };
        mount(&site, &record).await?;
        Marker::of(&record, site.name(), site.state).claim(&site.mount_point(), &site.doing("make"))?;
        record.made = true;
        record.write(site.state, site.name())
    }

    async fn mount(&self, site: Site<'_>, mut record: Record) -> Result<(), HostError> {
        self.must_be_there(&site).await?;
        site.make_mount_point()?;
        record.mount_options = options(&site, record.form);
        mount(&site, &record).await?;
        if !is_mounted(&site, &record) {
            unmount(&site).await?;
            let cause = format!("`{}` does not hold the pool's data", record.source);
            return Err(site.lasting("mount", "SourceLost", cause));
        }
        record.write(site.state, site.name())
    }

    async fn remount(&self, site: Site<'_>, mut record: Record, options: &str) -> Result<(), HostError> {
        let at = site.mount_point();
        site.run("mount", ["-o", &format!("remount,{options}"), &at.to_string_lossy()]).await?;
        record.mount_options = Some(options.to_owned());
        record.write(site.state, site.name())
    }

    async fn grow(&self, site: Site<'_>, mut record: Record, to: u64) -> Result<(), HostError> {
        if ByteSize(to) < RESIZED_FROM {
            let cause = format!("btrfs cannot be resized to less than {RESIZED_FROM}");
            return Err(site.lasting("grow", "CannotGrow", cause).hinting("give a larger size"));
        }
        block::grow_image(&site, Path::new(&record.source), to).await?;
        let at = site.mount_point();
        site.run("btrfs", ["filesystem", "resize", "max", &at.to_string_lossy()]).await?;
        record.size = Some(to);
        record.write(site.state, site.name())
    }

    async fn furnish(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        site.furnish(&record)
    }

    async fn must_be_empty(&self, site: Site<'_>, _record: &Record, verb: &str) -> Result<(), HostError> {
        site.must_be_empty(verb)
    }

    async fn remove(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        let source = PathBuf::from(&record.source);
        if record.form == Form::Directory && is_mounted(&site, &record) {
            site.clear(&site.mount_point())?;
        }
        if site.is_mount_point() {
            unmount(&site).await?;
        }
        match record.form {
            Form::Loop => block::remove_image(&source)?,
            Form::Device => wipe_ours(&site, &source, &record).await?,
            _ if record.owned && source.exists() => {
                let left = site::contents(&source)?;
                if !left.is_empty() {
                    return Err(site::in_use(&site, "remove", &left));
                }
                site.run("btrfs", ["subvolume", "delete", &record.source]).await?;
            }
            _ => {}
        }
        site.remove_mount_point()
    }

    async fn usage(&self, site: Site<'_>) -> Result<PoolUsage, HostError> {
        site::usage(&site.mount_point())
    }
}

impl Btrfs {
    async fn must_be_there(&self, site: &Site<'_>) -> Result<(), HostError> {
        if !has_kernel_support(site.machine) {
            return Err(site
                .lasting("use", "MissingKernelModule", "the kernel has no btrfs")
                .hinting("load it: modprobe btrfs"));
        }
        tool_version(site.machine).await.map(|_| ())
    }
}

async fn tool_version(machine: Machine<'_>) -> Result<String, HostError> {
    let text = machine.runner.run(Command::new("btrfs", ["--version"])).await?.checked("ask btrfs for its version")?;
    let version = text.lines().next().unwrap_or_default().trim();
    Ok(version.trim_start_matches("btrfs-progs").trim().trim_start_matches('v').to_owned())
}

// A module that is not loaded yet is loaded by the mount.
fn has_kernel_support(machine: Machine<'_>) -> bool {
    let listed = machine.read("proc/filesystems");
    if listed.lines().any(|line| line.trim() == "btrfs") {
        return true;
    }
    let release = machine.read("proc/sys/kernel/osrelease");
    machine.read(&format!("lib/modules/{}/modules.dep", release.trim())).contains("/btrfs.ko")
}

/// What the source is. A path that is not there yet becomes a subvolume.
fn form(site: &Site<'_>) -> Result<Form, HostError> {
    let Some(given) = site.given() else { return Ok(Form::Loop) };
    let path = Path::new(given);
    if path == site.image() {
        return Ok(Form::Loop);
    }
    if block::is_device(path) {
        return Ok(Form::Device);
    }
    if !path.is_absolute() {
        return Err(site.lasting("make", "InvalidSource", format!("the source `{given}` is not an absolute path")));
    }
    Ok(Form::Directory)
}

/// The mount options that are to hold; a directory has those of its file system.
fn options(site: &Site<'_>, form: Form) -> Option<String> {
    let wanted = site.ask.config.value("btrfs.mount_options").unwrap_or(BTRFS_MOUNT_OPTIONS);
    matches!(form, Form::Loop | Form::Device).then(|| wanted.to_owned())
}

async fn made(site: &Site<'_>, record: &Record, medium: PoolMedium) -> Result<PoolSeen, HostError> {
    let mounted = is_mounted(site, record);
    let is_there = match record.form {
        _ if mounted => true,
        Form::Device => find_device(site, record).await?.is_some(),
        _ => Path::new(&record.source).exists(),
    };
    let medium = if is_there { medium } else { lost(&record.source) };
    Ok(PoolSeen {
        medium,
        recorded: true,
        keys: record.keys(),
        size: record.size,
        mounted,
        mount_options: record.mount_options.clone(),
        missing: if mounted { site.missing() } else { Vec::new() },
        volumes: if mounted { site::contents(&site.mount_point())? } else { Vec::new() },
    })
}

fn lost(source: &str) -> PoolMedium {
    PoolMedium::Lost {
        what: format!("`{source}`, which holds the pool's data, does not exist any more"),
        hint: "bring it back; or delete the pool and create it again, which gives up what was in it".to_owned(),
    }
}

fn foreign_image(image: &Path) -> PoolMedium {
    PoolMedium::Foreign {
        what: format!("there is already a file `{}`", image.display()),
        hint: "it may hold the data of an earlier pool: move it away".to_owned(),
    }
}

/// Whether the pool's file system is on its mount point: its marker tells.
fn is_mounted(site: &Site<'_>, record: &Record) -> bool {
    Marker::is_of(&site.mount_point(), record)
}

async fn make_loop(site: &Site<'_>, begun: Option<&Record>) -> Result<Record, HostError> {
    let image = site.image();
    if image.exists() && begun.is_none() {
        foreign_image(&image).refuse(site.doing("make"))?;
    }
    let size = site.loop_size()?;
    let mut record = begin(site, &image, Form::Loop, true);
    record.size = Some(size.0);
    record.write(site.state, site.name())?;
    block::make_image(&image, size)?;
    format(site, &image, &record, size < MIXED_BELOW).await?;
    Ok(record)
}

async fn make_device(site: &Site<'_>, begun: Option<&Record>) -> Result<Record, HostError> {
    let device = PathBuf::from(site.given().unwrap_or_default());
    let token = begun.map(|record| record.token.as_str());
    block::must_be_empty(site, &device, token).await?;
    let record = begin(site, &device, Form::Device, false);
    record.write(site.state, site.name())?;
    format(site, &device, &record, false).await?;
    Ok(record)
}

async fn make_subvolume(site: &Site<'_>, begun: Option<&Record>) -> Result<Record, HostError> {
    let path = PathBuf::from(site.given().unwrap_or_default());
    let exists = path.exists();
    let on = if exists { path.as_path() } else { path.parent().unwrap_or(Path::new("/")) };
    must_be_btrfs(site, on, &path)?;
    let was_made_here = begun.is_some_and(|record| record.owned && Path::new(&record.source) == path);
    let record = begin(site, &path, Form::Directory, !exists || was_made_here);
    if exists {
        must_be_free(site, &path, begun)?;
    }
    record.write(site.state, site.name())?;
    if !exists {
        site.run("btrfs", ["subvolume", "create", &path.to_string_lossy()]).await?;
    }
    Ok(record)
}

fn must_be_btrfs(site: &Site<'_>, on: &Path, path: &Path) -> Result<(), HostError> {
    if !on.is_dir() {
        let wanted = "a block device, or a directory on a btrfs file system";
        return Err(block::no_source(site, &path.to_string_lossy(), wanted));
    }
    const BTRFS_MAGIC: i64 = 0x9123_683e;
    let found = rustix::fs::statfs(on).doing("look at", on)?;
    if found.f_type == BTRFS_MAGIC {
        return Ok(());
    }
    let cause = format!("provided path `{}` does not reside on a btrfs filesystem", path.display());
    let hint = "leave `source` out to have a loop file, or give a block device";
    Err(site.lasting("make", "InvalidSource", cause).hinting(hint))
}

fn must_be_free(site: &Site<'_>, path: &Path, begun: Option<&Record>) -> Result<(), HostError> {
    let marker = Marker::read(path);
    let is_begun = marker.as_ref().zip(begun).is_some_and(|(marker, record)| marker.token == record.token);
    let found = site::contents(path)?;
    let medium = match marker {
        Some(marker) if !is_begun => marker.foreign(path),
        _ if found.is_empty() => return Ok(()),
        _ => PoolMedium::not_empty(&path.display().to_string(), &found),
    };
    medium.refuse(site.doing("make"))
}

fn begin(site: &Site<'_>, source: &Path, form: Form, owned: bool) -> Record {
    // A token of its own for each attempt: mkfs refuses a UUID that a loop device still carries.
    let mut record = Record::begin(site.ask, source.to_string_lossy(), form, owned);
    record.mount_options = options(site, form);
    record
}

async fn format(site: &Site<'_>, path: &Path, record: &Record, mixed: bool) -> Result<(), HostError> {
    let path = path.to_string_lossy();
    let mut args = vec!["-q", "-L", site.name(), "-U", &record.token];
    if mixed {
        args.push("--mixed");
    }
    args.extend(site.ask.config.value("btrfs.create_options").into_iter().flat_map(str::split_whitespace));
    args.push(&path);
    site.run("mkfs.btrfs", args).await.map(|_| ())
}

async fn mount(site: &Site<'_>, record: &Record) -> Result<(), HostError> {
    let at = site.mount_point();
    let at = at.to_string_lossy();
    let options = record.mount_options.as_deref().unwrap_or(BTRFS_MOUNT_OPTIONS);
    match record.form {
        Form::Loop => {
            let options = format!("loop,{options}");
            site.run("mount", ["-t", "btrfs", "-o", &options, &record.source, &at]).await?;
        }
        Form::Device => {
            let Some(device) = find_device(site, record).await? else {
                return lost(&record.source).refuse(site.doing("mount"));
            };
            site.run("mount", ["-t", "btrfs", "-o", options, &device, &at]).await?;
        }
        Form::Own | Form::Directory | Form::Named => {
            site.run("mount", ["--bind", &record.source, &at]).await?;
        }
    }
    Ok(())
}

// Names of disks change; the file system's own name does not.
async fn find_device(site: &Site<'_>, record: &Record) -> Result<Option<String>, HostError> {
    let device = Path::new(&record.source);
    let found = if block::is_device(device) { block::probe(site, device).await? } else { None };
    if found.is_some_and(|found| found.uuid.as_deref() == Some(&record.token)) {
        return Ok(Some(record.source.clone()));
    }
    let output = site.machine.runner.run(Command::new("blkid", ["-U", &record.token])).await?;
    Ok(Some(output.stdout.trim().to_owned()).filter(|name| output.is_good() && !name.is_empty()))
}

async fn unmount(site: &Site<'_>) -> Result<(), HostError> {
    site.run("umount", [&*site.mount_point().to_string_lossy()]).await.map(|_| ())
}

async fn wipe_ours(site: &Site<'_>, device: &Path, record: &Record) -> Result<(), HostError> {
    if !block::is_device(device) {
        return Ok(());
    }
    match block::probe(site, device).await? {
        Some(found) if found.uuid.as_deref() == Some(&record.token) => block::wipe(site, device).await,
        _ => Ok(()),
    }
}
