//! Block devices and loop files, for the drivers that stand on them.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::site::{Site, make_directory, remove_file, sync_names};
use crate::host::linux::{Command, Doing, disk_full};
use crate::host::{HostError, PoolMedium};
use crate::model::ByteSize;

/// What was found on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// In words: `an ext4 file system`, `a gpt partition table`.
    pub what: String,
    /// The UUID of its file system.
    pub uuid: Option<String>,
}

/// Whether a path is a block device.
pub fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_block_device())
}

/// What an empty file system takes at once, at most.
const ROOM: u64 = 16 << 20;

/// Makes a loop file of that size. Takes little room until it is written to.
pub fn make_image(path: &Path, size: ByteSize) -> Result<(), HostError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_directory(folder)?;
    let stat = rustix::fs::statvfs(folder).doing("measure", folder)?;
    // The tools would say that the disk is broken.
    if stat.f_bavail * stat.f_frsize < size.0.min(ROOM) {
        return Err(disk_full(format!("make `{}`", path.display())));
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).doing("make", path)?;
    file.set_len(size.0).and_then(|()| file.sync_all()).doing("make", path)?;
    sync_names(folder)
}

/// Lets a loop file grow, and the loop device on it when there is one.
pub async fn grow_image(site: &Site<'_>, path: &Path, size: u64) -> Result<Option<String>, HostError> {
    let file = OpenOptions::new().write(true).open(path).doing("open", path)?;
    let now = file.metadata().doing("look at", path)?.len();
    if now < size {
        file.set_len(size).doing("grow", path)?;
    }
    let device = loop_device(site, path).await?;
    if let Some(device) = &device {
        site.run("losetup", ["-c", device]).await?;
    }
    Ok(device)
}

/// Removes a loop file when it is there.
pub fn remove_image(path: &Path) -> Result<(), HostError> {
    remove_file(path)
}

/// The loop device on a file. The kernel finds it by inode, whatever mount namespace it was set up in.
pub async fn loop_device(site: &Site<'_>, image: &Path) -> Result<Option<String>, HostError> {
    let image = image.to_string_lossy();
    let text = site.run("losetup", ["-j", &image, "-n", "-O", "NAME"]).await?;
    Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned))
}

/// Sets up a loop device on a file, or finds the one that is there.
pub async fn attach(site: &Site<'_>, image: &Path) -> Result<String, HostError> {
    let image = image.to_string_lossy();
    let text = site.run("losetup", ["--find", "--show", "--nooverlap", &image]).await?;
    Ok(text.trim().to_owned())
}

/// Takes the loop device off a file.
pub async fn detach(site: &Site<'_>, image: &Path) -> Result<(), HostError> {
    match loop_device(site, image).await? {
        Some(device) => site.run("losetup", ["-d", &device]).await.map(|_| ()),
        None => Ok(()),
    }
}

/// What is on a device or in a file, by its signatures.
pub async fn probe(site: &Site<'_>, path: &Path) -> Result<Option<Contents>, HostError> {
    let command = Command::new("blkid", ["-p", "-o", "export", &path.to_string_lossy()]);
    let doing = format!("{}: run `{command}`", site.doing("look at"));
    let output = site.machine.runner.run(command).await?;
    // 2 says that nothing was recognised.
    if output.code == Some(2) && output.stderr.trim().is_empty() {
        return Ok(None);
    }
    // 8 says that several things were, so that it is not empty.
    if output.code == Some(8) {
        return Ok(Some(Contents { what: "several overlapping signatures".to_owned(), uuid: None }));
    }
    Ok(read_probe(&output.checked(&doing)?))
}

fn read_probe(text: &str) -> Option<Contents> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let what = match (value("TYPE"), value("PTTYPE")) {
        (Some(kind), _) if value("USAGE") == Some("filesystem") => {
            let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("{article} {kind} file system")
        }
        (Some(kind), _) => format!("{kind} data"),
        (None, Some(table)) => format!("a {table} partition table"),
        (None, None) => return None,
    };
    Some(Contents { what, uuid: value("UUID").map(str::to_owned) })
}

/// Refuses a device that is mounted, or that another device or pool stands on.
pub fn must_be_unused(site: &Site<'_>, device: &Path) -> Result<(), HostError> {
    let flags = i32::try_from(rustix::fs::OFlags::EXCL.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(flags).open(device) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::ResourceBusy => {
            let cause = format!("the device `{}` is in use", device.display());
            Err(site.lasting("make", "SourceInUse", cause).hinting("unmount it, or choose another device"))
        }
        Err(cause) => Err(cause).doing("open", device),
    }
}

/// Sees to it that a device is empty: refuses what it holds, or wipes it when `source.wipe` says so.
/// `token` is the UUID that an attempt which was cut short may have put there.
pub async fn must_be_empty(site: &Site<'_>, device: &Path, token: Option<&str>) -> Result<(), HostError> {
    match must_be_free(site, device, token).await? {
        Free::Empty => Ok(()),
        Free::GivenUp => wipe(site, device).await,
    }
}

/// A device that may be taken.
pub enum Free {
    /// There is nothing on it.
    Empty,
    /// What is on it may go.
    GivenUp,
}

/// Refuses a device that is in use, or that holds what nobody has given up. Nothing is changed.
pub async fn must_be_free(site: &Site<'_>, device: &Path, token: Option<&str>) -> Result<Free, HostError> {
    must_be_unused(site, device)?;
    let Some(found) = probe(site, device).await? else { return Ok(Free::Empty) };
    let is_own = token.is_some() && found.uuid.as_deref() == token;
    match refused(site, device, &found).filter(|_| !is_own) {
        Some(medium) => medium.refuse(site.doing("make")).map(|()| Free::GivenUp),
        None => Ok(Free::GivenUp),
    }
}

/// Whose the data on a device is, unless `source.wipe` gives it up.
pub fn refused(site: &Site<'_>, device: &Path, found: &Contents) -> Option<PoolMedium> {
    (!site.ask.flag("source.wipe", false)).then(|| PoolMedium::Foreign {
        what: format!("`{}` holds {}", device.display(), found.what),
        hint: "to give up what is on it, set source.wipe=true; or choose another device".to_owned(),
    })
}

/// Removes all signatures from a device.
pub async fn wipe(site: &Site<'_>, device: &Path) -> Result<(), HostError> {
    site.run("wipefs", ["-a", "-q", &device.to_string_lossy()]).await.map(|_| ())
}

/// The failure of a source that is neither a device nor anything else that the driver takes.
pub fn no_source(site: &Site<'_>, source: &str, wanted: &str) -> HostError {
    let exists = Path::new(source).exists();
    if exists {
        site.lasting("make", "InvalidSource", format!("the source `{source}` is not {wanted}"))
    } else {
        site.lasting("make", "MissingSource", format!("source path `{source}` doesn't exist"))
            .hinting("is the disk attached? It is tried again by itself")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blkid_finds_is_said_in_words() {
        let cases = [
            ("DEVNAME=/dev/vdb\nUUID=53669cb2\nTYPE=ext4\nUSAGE=filesystem\n", Some("an ext4 file system")),
            ("DEVNAME=/dev/vdb\nPTUUID=1\nPTTYPE=gpt\n", Some("a gpt partition table")),
            ("DEVNAME=/dev/vdb\nTYPE=LVM2_member\nUSAGE=raid\n", Some("LVM2_member data")),
            ("DEVNAME=/dev/vdb\n", None),
        ];
        for (text, what) in cases {
            assert_eq!(read_probe(text).map(|found| found.what), what.map(str::to_owned));
        }
    }
}
