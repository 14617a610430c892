//! Opens files that others may have put there: regular ones only, never more of them than is meant, and none that a
//! link fetches from elsewhere.
//!
//! The size that a device has says nothing, and a link that led below a directory when it was looked at may lead
//! elsewhere when it is opened: what counts is asked of the file that is open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

// Opening a FIFO waits for somebody who writes, and opening a terminal may make it this process's own.
const HARMLESS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens a regular file, wherever its links lead.
///
/// # Errors
/// When it cannot be opened, or is a device, a FIFO, a socket or a directory.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Opening is not harmless for every device.
    is_regular(&fs::metadata(path)?)?;
    let flags = i32::try_from(HARMLESS.bits()).map_err(io::Error::other)?;
    checked(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
}

/// Opens a regular file at `real`, a path without links below `root`, a directory without links in its path. A link
/// that has come into the way since is an error.
///
/// # Errors
/// When it cannot be opened, lies elsewhere, or is no regular file.
pub fn open_regular_below(root: &Path, real: &Path) -> io::Result<File> {
    let below = real.strip_prefix(root).map_err(|_| io::Error::other("it lies outside"))?;
    is_regular(&fs::symlink_metadata(real)?)?;
    let dir = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let no_links = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&dir, below, OFlags::RDONLY | HARMLESS, Mode::empty(), no_links);
    let file = match opened {
        // Before Linux 5.6, and where a filter of system calls does not know it.
        Err(Errno::NOSYS | Errno::PERM) => {
            openat(&dir, below, OFlags::RDONLY | OFlags::NOFOLLOW | HARMLESS, Mode::empty())?
        }
        other => other?,
    };
    checked(File::from(file))
}

/// Reads all of a file, or nothing when it has more than `bytes_max`: never more than one byte beyond that is read.
///
/// # Errors
/// When it cannot be read.
pub fn read_at_most(file: File, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata().map_or(0, |met| met.len().min(bytes_max));
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= bytes_max))
}

/// Why a link to `real` brings in nothing that belongs to `root`; both are free of links. `None` when it does.
///
/// Hidden directories are left out of what is read, so that no link may lead there: `.git` holds tokens. Those with two
/// dots are how Kubernetes mounts volumes.
pub fn stray(root: &Path, real: &Path) -> Option<String> {
    let Ok(below) = real.strip_prefix(root) else {
        return Some(format!("it is a link that leads out of {}", root.display()));
    };
    let is_hidden = |name: &str| name.starts_with('.') && !name.starts_with("..");
    let mut names = below.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    let hidden = names.find(|name| is_hidden(name))?;
    Some(format!("it is a link that leads to `{hidden}`, which is not read"))
}

fn checked(file: File) -> io::Result<File> {
    is_regular(&file.metadata()?)?;
    Ok(file)
}

fn is_regular(met: &fs::Metadata) -> io::Result<()> {
    match met.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn devices_fifos_and_directories_are_never_opened() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        let fifo = top.join("fifo");
        rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        symlink("/dev/zero", top.join("zero")).expect("a link");
        for path in [&fifo, &top.join("zero"), Path::new("/dev/ptmx"), &top] {
            let why = open_regular(path).expect_err("no regular file").to_string();
            assert_eq!(why, "it is no regular file", "{}", path.display());
        }
        assert!(open_regular_below(&top, &fifo).is_err());
    }

    #[test]
    fn a_link_that_came_into_the_way_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        fs::create_dir_all(top.join("site/a")).expect("directories");
        fs::create_dir_all(top.join("other")).expect("directories");
        fs::write(top.join("site/a/x.yaml"), "inside").expect("a file");
        fs::write(top.join("other/x.yaml"), "outside").expect("a file");
        let site = top.join("site");
        let read = || open_regular_below(&site, &site.join("a/x.yaml")).map(|file| read_at_most(file, 100));
        assert_eq!(read().expect("opened").expect("read"), Some(b"inside".to_vec()));
        fs::rename(site.join("a"), site.join("b")).expect("renamed");
        symlink("../other", site.join("a")).expect("a link");
        assert!(read().is_err(), "the directory is a link now");
        assert!(open_regular_below(&site, &top.join("other/x.yaml")).is_err());
    }

    #[test]
    fn files_that_grow_without_end_are_read_to_one_byte_beyond_the_limit() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x");
        fs::write(&path, [b'x'; 101]).expect("a file");
        let read = |max| read_at_most(open_regular(&path).expect("opened"), max).expect("read").map(|it| it.len());
        assert_eq!([read(100), read(101), read(u64::MAX)], [None, Some(101), Some(101)]);
        // Files of /proc have no size.
        let status = open_regular(Path::new("/proc/self/status")).expect("opened");
        assert_eq!(read_at_most(status, 3).expect("read"), None);
    }

    #[test]
    fn links_stay_below_the_root_and_out_of_hidden_directories() {
        let stray = |real: &str| stray(Path::new("/site"), Path::new(real));
        for good in ["/site/a.yaml", "/site/..2026_1/a.yaml", "/site/b/a.yaml"] {
            assert_eq!(stray(good), None, "{good}");
        }
        for bad in ["/etc/shadow", "/site2/a.yaml", "/site/.git/config", "/site/b/.env"] {
            assert!(stray(bad).is_some(), "{bad}");
        }
    }
}
