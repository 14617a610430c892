//! One pool at hand: what is asked for, where its files are, and how to run tools for it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Marker, Record};
use crate::host::linux::{Command, Doing, Runner};
use crate::host::{HostError, PoolAsk, PoolUsage};
use crate::model::ByteSize;

/// LXD's subdirectories of every pool, in which its volumes are.
pub const SUBDIRECTORIES: [&str; 7] = [
    "containers",
    "containers-snapshots",
    "custom",
    "custom-snapshots",
    "images",
    "virtual-machines",
    "virtual-machines-snapshots",
];

/// The directory in the root of every new ext4 file system: nobody's data.
const LOST_AND_FOUND: &str = "lost+found";

/// Making file systems on large disks takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// One pool at hand.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// What is asked for.
    pub ask: &'a PoolAsk,
    /// The state directory.
    pub state: &'a Path,
    /// The machine that it is on.
    pub machine: Machine<'a>,
}

/// The machine: its tools and its kernel.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    /// Runs tools.
    pub runner: &'a dyn Runner,
    /// The root directory, below which `/proc` and `/sys` tell about the kernel.
    pub root: &'a Path,
}

impl Machine<'_> {
    /// A file that the kernel writes; empty when it is not there.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }
}

impl<'a> Site<'a> {
    /// The pool's name.
    pub fn name(&self) -> &'a str {
        &self.ask.name
    }

    /// The source that was asked for.
    pub fn given(&self) -> Option<&'a str> {
        self.ask.config.value("source")
    }

    /// Where the pool is mounted: `DIR/storage-pools/NAME`.
    pub fn mount_point(&self) -> PathBuf {
        self.state.join("storage-pools").join(self.name())
    }

    /// Its loop file: `DIR/disks/NAME.img`.
    pub fn image(&self) -> PathBuf {
        self.state.join("disks").join(format!("{}.img", self.name()))
    }

    /// What is said of a failure: `` make storage pool `data` ``.
    pub fn doing(&self, verb: &str) -> String {
        format!("{verb} storage pool `{}`", self.name())
    }

    /// A failure that stays until somebody acts.
    pub fn lasting(&self, verb: &str, reason: &'static str, cause: impl std::fmt::Display) -> HostError {
        HostError::lasting(self.doing(verb), reason, cause)
    }

    /// What this member wrote down about the pool.
    pub fn record(&self) -> Result<Option<Record>, HostError> {
        Record::read(self.state, self.name())
    }

    /// Runs a tool that must succeed.
    pub async fn run<S: Into<String>>(
        &self,
        program: &'static str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<String, HostError> {
        let command = Command::new(program, args).within(PATIENCE);
        let doing = format!("{}: run `{command}`", self.doing("work on"));
        self.machine.runner.run(command).await?.checked(&doing)
    }

    /// Makes the mount point. Only root passes through it, as in LXD.
    pub fn make_mount_point(&self) -> Result<(), HostError> {
        make_directory(&self.mount_point())
    }

    /// Whether anything is mounted on the mount point.
    pub fn is_mount_point(&self) -> bool {
        let Ok(at) = self.mount_point().canonicalize() else { return false };
        let at = at.to_string_lossy().replace(' ', "\\040");
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        table.lines().any(|line| line.split(' ').nth(4) == Some(&at))
    }

    /// Removes the mount point when nothing is in it.
    pub fn remove_mount_point(&self) -> Result<(), HostError> {
        remove_empty(&self.mount_point())
    }

    /// LXD's subdirectories that are missing below the mount point, and a marker that a power cut has torn.
    pub fn missing(&self) -> Vec<String> {
        let at = self.mount_point();
        let torn = Marker::is_torn(&at).then_some(Marker::FILE);
        let absent = SUBDIRECTORIES.into_iter().filter(|name| !at.join(name).is_dir());
        absent.chain(torn).map(str::to_owned).collect()
    }

    /// Makes what is [missing](Self::missing) below the mount point.
    pub fn furnish(&self, record: &Record) -> Result<(), HostError> {
        let at = self.mount_point();
        if Marker::is_torn(&at) {
            Marker::of(record, self.name(), self.state).claim(&at, &self.doing("mend the marker of"))?;
        }
        SUBDIRECTORIES.iter().try_for_each(|name| make_directory(&at.join(name)))
    }

    /// Refuses to go on while the pool holds anything.
    pub fn must_be_empty(&self, verb: &str) -> Result<(), HostError> {
        let volumes = contents(&self.mount_point())?;
        if volumes.is_empty() {
            return Ok(());
        }
        Err(in_use(self, verb, &volumes))
    }

    /// Removes the subdirectories and the marker of an empty pool. Fails on whatever is not empty.
    pub fn clear(&self, root: &Path) -> Result<(), HostError> {
        for name in SUBDIRECTORIES {
            remove_empty(&root.join(name))?;
        }
        Marker::remove(root)
    }

    /// The size of a new loop file: the one asked for, or a part of the free space.
    pub fn loop_size(&self) -> Result<ByteSize, HostError> {
        match self.ask.config.value("size") {
            Some(text) => text.parse().map_err(|cause| self.lasting("make", "InvalidSize", cause)),
            None => {
                let disk = usage(self.state)?;
                Ok(PoolAsk::default_size(disk.total.saturating_sub(disk.used)))
            }
        }
    }
}

/// The failure to remove or take over a pool that is in use.
pub fn in_use(site: &Site<'_>, verb: &str, volumes: &[String]) -> HostError {
    let first: Vec<&str> = volumes.iter().take(3).map(String::as_str).collect();
    let more = if volumes.len() > 3 { " and more" } else { "" };
    site.lasting(verb, "PoolInUse", format!("it still holds `{}`{more}", first.join("`, `")))
        .hinting("remove or move what is in it first")
}

/// Makes a directory that only root lists, with those above it.
pub fn make_directory(path: &Path) -> Result<(), HostError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(path).doing("make directory", path)
}

/// Removes a directory when it is there; fails when something is in it.
pub fn remove_empty(path: &Path) -> Result<(), HostError> {
    gone_is_fine(std::fs::remove_dir(path)).doing("remove directory", path)
}

/// Removes a file when it is there.
pub fn remove_file(path: &Path) -> Result<(), HostError> {
    gone_is_fine(std::fs::remove_file(path)).doing("remove", path)
}

/// Makes the names in a directory durable: the sync of a file does not do that.
pub fn sync_names(folder: &Path) -> Result<(), HostError> {
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).doing("sync", folder)
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What is in a pool's root beyond what we put there: volumes, and whatever else somebody left.
pub fn contents(root: &Path) -> Result<Vec<String>, HostError> {
    let mut found = Vec::new();
    for name in names_in(root)? {
        if SUBDIRECTORIES.contains(&name.as_str()) {
            found.extend(names_in(&root.join(&name))?.into_iter().map(|volume| format!("{name}/{volume}")));
        } else if name != Marker::FILE && name != LOST_AND_FOUND {
            found.push(name);
        }
    }
    Ok(found)
}

/// The names in a directory, in order; none when it is not there.
pub fn names_in(path: &Path) -> Result<Vec<String>, HostError> {
    let entries = match std::fs::read_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing("list", path)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.doing("list", path)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Whether both paths lead to the same directory, which is how a bind mount looks.
pub fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// How full the file system at a path is.
pub fn usage(path: &Path) -> Result<PoolUsage, HostError> {
    let stat = rustix::fs::statvfs(path).doing("measure", path)?;
    Ok(PoolUsage {
        used: stat.f_blocks.saturating_sub(stat.f_bfree) * stat.f_frsize,
        total: stat.f_blocks * stat.f_frsize,
        inodes_used: stat.f_files.saturating_sub(stat.f_ffree),
        inodes_total: stat.f_files,
    })
}
