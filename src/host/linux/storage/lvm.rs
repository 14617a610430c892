//! The driver `lvm`: a volume group in a loop file or on a device, or one that is there, with a thin pool in it.

use std::path::{Path, PathBuf};

use super::block;
use super::record::{Form, Record};
use super::site::{self, Machine, Site};
use super::{Driver, Recorded, recorded, state_of};
use crate::host::linux::Command;
use crate::host::{DriverState, HostError, PoolMedium, PoolSeen, PoolUsage};

/// The driver itself.
pub struct Lvm;

/// The name of the thin pool when none is given, as in LXD.
const THIN_POOL: &str = "LXDThinPool";

/// The tag of volume groups that are ours begins so; the record's token follows.
const TAG: &str = "seedbed_";

/// How the names of our volumes begin, as in LXD.
const VOLUMES: [&str; 4] = ["containers_", "custom_", "images_", "virtual-machines_"];

impl Driver for Lvm {
    async fn state(&self, machine: Machine<'_>) -> DriverState {
        let (program, kernel) =
            ("the program `lvm` (Debian package lvm2)", "the kernel's device mapper (module `dm_mod`)");
        state_of("lvm", tool_version(machine).await, program, || has_device_mapper(machine), kernel)
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
        let tag = format!("{TAG}{}", record.token);
        match (form, group(&site, &vg_name(&record)).await?) {
            (_, Some(group)) if group.tags.contains(&tag) => {}
            (Form::Named, Some(group)) => take_group(&site, &record, &group).await?,
            (Form::Named, None) => return Err(no_group(&site, &record)),
            (_, Some(_)) => return taken(&vg_name(&record)).refuse(site.doing("make")),
            (_, None) => make_group(&site, &mut record, begun.is_some()).await?,
        }
        make_thin_pool(&site, &mut record).await?;
        site.make_mount_point()?;
        record.made = true;
        record.write(site.state, site.name())
    }

    async fn mount(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        must_be_there(&site).await?;
        site.make_mount_point()?;
        let name = vg_name(&record);
        if record.form == Form::Loop {
            block::attach(&site, Path::new(&record.source)).await?;
        }
        site.run("vgchange", ["-ay", &name]).await?;
        match group(&site, &name).await? {
            Some(group) if group.tags.contains(&format!("{TAG}{}", record.token)) => Ok(()),
            Some(_) => taken(&name).refuse(site.doing("mount")),
            None => lost(&record).refuse(site.doing("mount")),
        }
    }

    async fn remount(&self, _site: Site<'_>, _record: Record, _options: &str) -> Result<(), HostError> {
        Ok(())
    }

    async fn grow(&self, site: Site<'_>, mut record: Record, to: u64) -> Result<(), HostError> {
        let path = PathBuf::from(&record.source);
        let device = match block::grow_image(&site, &path, to).await? {
            Some(device) => device,
            None => block::attach(&site, &path).await?,
        };
        site.run("pvresize", [&device]).await?;
        if let Some(thin) = record.keys.value("lvm.thinpool_name") {
            let thin = format!("{}/{thin}", vg_name(&record));
            site.run("lvextend", ["-l", "+100%FREE", &thin]).await?;
        }
        record.size = Some(to);
        record.write(site.state, site.name())
    }

    async fn furnish(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        site.furnish(&record)
    }

    async fn must_be_empty(&self, site: Site<'_>, record: &Record, verb: &str) -> Result<(), HostError> {
        let found = volumes(record, &logical_volumes(&site, &vg_name(record)).await?);
        if found.is_empty() { site.must_be_empty(verb) } else { Err(site::in_use(&site, verb, &found)) }
    }

    async fn remove(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        let name = vg_name(&record);
        let tag = format!("{TAG}{}", record.token);
        let is_ours = group(&site, &name).await?.is_some_and(|group| group.tags.contains(&tag));
        if is_ours {
            remove_group(&site, &record, &name, &tag).await?;
        }
        if record.form == Form::Loop {
            block::detach(&site, Path::new(&record.source)).await?;
            block::remove_image(Path::new(&record.source))?;
        }
        site.clear(&site.mount_point())?;
        site.remove_mount_point()
    }

    async fn usage(&self, site: Site<'_>) -> Result<PoolUsage, HostError> {
        let record = site.record()?.unwrap_or_else(|| begin(&site, form(&site), None));
        let name = vg_name(&record);
        match record.keys.value("lvm.thinpool_name") {
            Some(thin) => {
                let thin = format!("{name}/{thin}");
                let cells = report(&site, "lvs", "lv_size,data_percent", &thin).await?;
                Ok(thin_usage(&cells))
            }
            None => {
                let cells = report(&site, "vgs", "vg_size,vg_free", &name).await?;
                let (total, free) = (number(cells.first()), number(cells.get(1)));
                Ok(PoolUsage { used: total.saturating_sub(free), total, ..PoolUsage::default() })
            }
        }
    }
}

/// A volume group that is there.
struct Group {
    tags: Vec<String>,
}

async fn tool_version(machine: Machine<'_>) -> Result<String, HostError> {
    let output = machine.runner.run(Command::new("lvm", ["version"])).await?;
    let version = output.stdout.lines().find_map(|line| line.trim().strip_prefix("LVM version:"));
    Ok(version.unwrap_or_default().split_whitespace().next().unwrap_or_default().to_owned())
}

fn has_device_mapper(machine: Machine<'_>) -> bool {
    machine.root.join("sys/class/misc/device-mapper").exists()
        || machine.read("proc/misc").lines().any(|line| line.trim().ends_with("device-mapper"))
}

async fn must_be_there(site: &Site<'_>) -> Result<(), HostError> {
    tool_version(site.machine).await?;
    if site.ask.flag("lvm.use_thinpool", true) {
        site.machine.runner.run(Command::new("thin_check", ["--version"])).await?;
    }
    if has_device_mapper(site.machine) {
        return Ok(());
    }
    Err(site
        .lasting("use", "MissingKernelModule", "the kernel has no device mapper")
        .hinting("load it: modprobe dm_mod dm_thin_pool"))
}

fn form(site: &Site<'_>) -> Form {
    match site.given() {
        None => Form::Loop,
        Some(given) if Path::new(given) == site.image() => Form::Loop,
        Some(given) if given.starts_with('/') => Form::Device,
        Some(_) => Form::Named,
    }
}

fn begin(site: &Site<'_>, form: Form, begun: Option<&Record>) -> Record {
    let source = match form {
        Form::Loop => site.image().to_string_lossy().into_owned(),
        _ => site.given().unwrap_or_default().to_owned(),
    };
    let name = match (form, site.ask.config.value("lvm.vg_name")) {
        (Form::Named, _) => source.clone(),
        (_, Some(name)) => name.to_owned(),
        _ => site.name().to_owned(),
    };
    let mut record = Record::begin(site.ask, source, form, form != Form::Named);
    record.keys.insert("lvm.vg_name".to_owned(), name);
    if site.ask.flag("lvm.use_thinpool", true) {
        let thin = site.ask.config.value("lvm.thinpool_name").unwrap_or(THIN_POOL);
        record.keys.insert("lvm.thinpool_name".to_owned(), thin.to_owned());
    }
    if let Some(begun) = begun {
        record.token.clone_from(&begun.token);
        record.size = begun.size;
        record.parts.clone_from(&begun.parts);
    }
    record
}

fn vg_name(record: &Record) -> String {
    record.keys.value("lvm.vg_name").unwrap_or(&record.source).to_owned()
}

/// The cells of the one line that an LVM report gives.
async fn report(site: &Site<'_>, tool: &'static str, columns: &str, of: &str) -> Result<Vec<String>, HostError> {
    let args = ["--noheadings", "--nosuffix", "--units", "b", "--separator", "|", "-o", columns, of];
    let text = site.run(tool, args).await?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Ok(line.split('|').map(|cell| cell.trim().to_owned()).collect())
}

fn number(cell: Option<&String>) -> u64 {
    cell.and_then(|text| text.parse().ok()).unwrap_or_default()
}

// LVM tells how full a thin pool is in hundredths of a percent.
fn thin_usage(cells: &[String]) -> PoolUsage {
    let total = number(cells.first());
    let hundredths: u64 =
        cells.get(1).map(|text| text.replace('.', "")).and_then(|text| text.parse().ok()).unwrap_or(0);
    let used = u128::from(total) * u128::from(hundredths) / 10_000;
    PoolUsage { used: u64::try_from(used).unwrap_or(total), total, ..PoolUsage::default() }
}

async fn group(site: &Site<'_>, name: &str) -> Result<Option<Group>, HostError> {
    let command = Command::new("vgs", ["--noheadings", "-o", "vg_tags", name]);
    let doing = format!("{}: run `{command}`", site.doing("look at"));
    let output = site.machine.runner.run(command).await?;
    if !output.is_good() && output.stderr.contains("not found") {
        return Ok(None);
    }
    let text = output.checked(&doing)?;
    let tags = text.trim().split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Ok(Some(Group { tags }))
}

async fn logical_volumes(site: &Site<'_>, name: &str) -> Result<Vec<String>, HostError> {
    let text = site.run("lvs", ["--noheadings", "-o", "lv_name", name]).await?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// What users keep in the pool. In a volume group of somebody else, only what is named as ours counts.
fn volumes(record: &Record, all: &[String]) -> Vec<String> {
    let thin = record.keys.value("lvm.thinpool_name");
    let is_volume = |name: &String| match record.owned {
        true => thin != Some(name),
        false => VOLUMES.iter().any(|prefix| name.starts_with(prefix)),
    };
    all.iter().filter(|name| is_volume(name)).cloned().collect()
}

async fn made(site: &Site<'_>, record: &Record, medium: PoolMedium) -> Result<PoolSeen, HostError> {
    let name = vg_name(record);
    let seen = PoolSeen { recorded: true, keys: record.keys(), size: record.size, ..PoolSeen::default() };
    match group(site, &name).await? {
        None if record.form == Form::Loop && !Path::new(&record.source).exists() => {
            Ok(PoolSeen { medium: lost(record), ..seen })
        }
        None => Ok(PoolSeen { medium, ..seen }),
        Some(group) if !group.tags.contains(&format!("{TAG}{}", record.token)) => {
            Ok(PoolSeen { medium: taken(&name), ..seen })
        }
        Some(_) => {
            let volumes = volumes(record, &logical_volumes(site, &name).await?);
            Ok(PoolSeen { medium, mounted: true, missing: site.missing(), volumes, ..seen })
        }
    }
}

fn taken(name: &str) -> PoolMedium {
    PoolMedium::Foreign {
        what: format!("there is already a volume group `{name}`, and it is not this pool's"),
        hint: "choose another lvm.vg_name; or give an empty volume group as `source`".to_owned(),
    }
}

fn lost(record: &Record) -> PoolMedium {
    PoolMedium::Lost {
        what: format!("the volume group on `{}`, which holds the pool's data, is not there any more", record.source),
        hint: "bring it back; or delete the pool and create it again, which gives up what was in it".to_owned(),
    }
}

fn no_group(site: &Site<'_>, record: &Record) -> HostError {
    let cause = format!("there is no volume group `{}`", vg_name(record));
    site.lasting("make", "MissingSource", cause).hinting("create it, or give a block device as `source`")
}

async fn make_group(site: &Site<'_>, record: &mut Record, is_begun: bool) -> Result<(), HostError> {
    let path = PathBuf::from(&record.source);
    let device = match record.form {
        Form::Loop => {
            make_image(site, record, &path, is_begun)?;
            block::attach(site, &path).await?
        }
        _ if block::is_device(&path) => {
            // An attempt that was cut short may have left a physical volume; nothing was ever stored in it.
            let is_remains = is_begun && is_bare_volume(site, &record.source).await?;
            if !is_remains {
                block::must_be_empty(site, &path, None).await?;
            }
            record.write(site.state, site.name())?;
            record.source.clone()
        }
        _ => return Err(block::no_source(site, &record.source, "a block device")),
    };
    site.run("pvcreate", ["--yes", &device]).await?;
    let tag = format!("{TAG}{}", record.token);
    site.run("vgcreate", ["--addtag", &tag, &vg_name(record), &device]).await.map(|_| ())
}

fn make_image(site: &Site<'_>, record: &mut Record, path: &Path, is_begun: bool) -> Result<(), HostError> {
    if path.exists() && !is_begun {
        let medium = PoolMedium::Foreign {
            what: format!("there is already a file `{}`", path.display()),
            hint: "it may hold the data of an earlier pool: move it away".to_owned(),
        };
        medium.refuse(site.doing("make"))?;
    }
    let size = site.loop_size()?;
    record.size = Some(size.0);
    record.write(site.state, site.name())?;
    block::make_image(path, size)
}

/// Whether a device is a physical volume that belongs to no group.
async fn is_bare_volume(site: &Site<'_>, device: &str) -> Result<bool, HostError> {
    let command = Command::new("pvs", ["--noheadings", "-o", "vg_name", device]);
    let output = site.machine.runner.run(command).await?;
    Ok(output.is_good() && output.stdout.trim().is_empty())
}

async fn take_group(site: &Site<'_>, record: &Record, group: &Group) -> Result<(), HostError> {
    let name = vg_name(record);
    if group.tags.iter().any(|tag| tag.starts_with(TAG)) {
        return taken(&name).refuse(site.doing("make"));
    }
    let found = logical_volumes(site, &name).await?;
    if !found.is_empty() && !site.ask.flag("lvm.vg.force_reuse", false) {
        let refusal = PoolMedium::not_empty(&name, &found).refuse(site.doing("make"));
        return refusal.map_err(|error| error.hinting("give an empty volume group, or set lvm.vg.force_reuse=true"));
    }
    record.write(site.state, site.name())?;
    site.run("vgchange", ["--addtag", &format!("{TAG}{}", record.token), &name]).await.map(|_| ())
}

async fn make_thin_pool(site: &Site<'_>, record: &mut Record) -> Result<(), HostError> {
    let Some(thin) = record.keys.value("lvm.thinpool_name").map(str::to_owned) else { return Ok(()) };
    let name = vg_name(record);
    if logical_volumes(site, &name).await?.contains(&thin) {
        return Ok(());
    }
    let path = format!("{name}/{thin}");
    let metadata = site.ask.config.value("lvm.thinpool_metadata_size").filter(|size| *size != "0");
    let metadata = metadata.map(str::parse::<crate::model::ByteSize>).transpose();
    let metadata = metadata.map_err(|cause| site.lasting("make", "InvalidSize", cause))?;
    let metadata = metadata.map(|size| format!("{}b", size.0));
    let mut args = vec!["--yes", "--wipesignatures", "y", "--thin", "--extents", "100%FREE"];
    if let Some(size) = &metadata {
        args.extend(["--poolmetadatasize", size]);
    }
    args.push(&path);
    record.parts = vec![thin];
    record.write(site.state, site.name())?;
    site.run("lvcreate", args).await.map(|_| ())
}

async fn remove_group(site: &Site<'_>, record: &Record, name: &str, tag: &str) -> Result<(), HostError> {
    let have = logical_volumes(site, name).await?;
    for part in record.parts.iter().filter(|part| have.contains(part)) {
        site.run("lvremove", ["-f", &format!("{name}/{part}")]).await?;
    }
    if !record.owned {
        return site.run("vgchange", ["--deltag", tag, name]).await.map(|_| ());
    }
    site.run("vgremove", [name]).await?;
    let device = match record.form {
        Form::Loop => block::loop_device(site, Path::new(&record.source)).await?,
        _ => Some(record.source.clone()),
    };
    match device {
        Some(device) => site.run("pvremove", ["--yes", &device]).await.map(|_| ()),
        None => Ok(()),
    }
}
