//! The files that are kept for one bridge, below `networks/NAME` of the state directory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::HostError;

/// The directory of one bridge. Made when something is first kept in it.
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The directory of a bridge.
    pub fn of(state_dir: &Path, bridge: &str) -> Self {
        Self { dir: state_dir.join("networks").join(bridge) }
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether anything is kept.
    pub fn exist(&self) -> bool {
        self.dir.is_dir()
    }

    /// What a file holds; `None` when there is none, or one that a crash left unreadable.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(&fs::read_to_string(self.path(name)).ok()?).ok()
    }

    /// Keeps something in a file, so that a crash leaves the old or the new content.
    pub fn write<T: Serialize>(&self, name: &str, content: &T) -> Result<(), HostError> {
        let text = serde_json::to_string(content).map_err(|cause| self.failed(name, &std::io::Error::other(cause)))?;
        self.write_text(name, &text)
    }

    /// Keeps a text in a file, so that a crash leaves the old or the new content.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), HostError> {
        self.make()?;
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, self.path(name)))
            .map_err(|cause| self.failed(name, &cause))
    }

    /// Makes a directory for the DHCP server, which reads it without being root.
    pub fn make_dir(&self, name: &str) -> Result<(), HostError> {
        self.make()?;
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(self.path(name));
        made.map_err(|cause| self.failed(name, &cause))
    }

    /// Removes a file; that there is none is no error.
    pub fn remove(&self, name: &str) -> Result<(), HostError> {
        gone(fs::remove_file(self.path(name))).map_err(|cause| self.failed(name, &cause))
    }

    /// Removes all that is kept.
    pub fn forget(&self) -> Result<(), HostError> {
        gone(fs::remove_dir_all(&self.dir)).map_err(|cause| self.failed("", &cause))
    }

    // Others may pass through, and not look.
    fn make(&self) -> Result<(), HostError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&self.dir);
        made.map_err(|cause| self.failed("", &cause))
    }

    fn failed(&self, name: &str, cause: &std::io::Error) -> HostError {
        let doing = format!("keep `{}`", self.path(name).display());
        match cause.kind() {
            ErrorKind::StorageFull => HostError::lasting(doing, "DiskFull", cause).hinting("make room on the disk"),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                HostError::lasting(doing, "Unwritable", cause)
                    .hinting("let the daemon's user write its state directory")
            }
            _ => HostError::passing(doing, "Unwritable", cause),
        }
    }
}

fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
