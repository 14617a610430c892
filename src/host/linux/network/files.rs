//! The files that are kept for one bridge, below `networks/NAME` of the state directory.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::HostError;
use crate::host::linux::Doing;

/// The directory of one bridge. Made when something is first kept in it.
#[derive(Clone)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The directory of a bridge.
    pub fn of(state_dir: &Path, bridge: &str) -> Self {
        Self { dir: state_dir.join("networks").join(bridge) }
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.dir
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
        let path = self.path(name);
        let text = serde_json::to_string(content).map_err(std::io::Error::other).doing("write", &path)?;
        self.write_text(name, &text)
    }

    /// Keeps a text in a file, so that a crash leaves the old or the new content.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), HostError> {
        self.make()?;
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        let write = |mut file: fs::File| file.write_all(text.as_bytes());
        private().open(&new).and_then(write).and_then(|()| fs::rename(&new, &path)).doing("write", &path)
    }

    /// Adds to a list. This comes before what it speaks of is done: what is done and not listed would stay for ever.
    pub fn add_to<T: Serialize + DeserializeOwned + Clone + PartialEq>(
        &self,
        name: &str,
        item: &T,
    ) -> Result<(), HostError> {
        let mut list: Vec<T> = self.read(name).unwrap_or_default();
        if list.contains(item) {
            return Ok(());
        }
        list.push(item.clone());
        self.write(name, &list)
    }

    /// Takes from a list. This comes after what it speaks of is undone.
    pub fn take_from<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        name: &str,
        item: &T,
    ) -> Result<(), HostError> {
        let mut list: Vec<T> = self.read(name).unwrap_or_default();
        list.retain(|listed| listed != item);
        self.write(name, &list)
    }

    /// Makes a directory that the DHCP server reads without being root.
    pub fn make_dir(&self, name: &str) -> Result<(), HostError> {
        self.make()?;
        let path = self.path(name);
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&path).doing("make directory", &path)
    }

    /// Removes a file; that there is none is no error.
    pub fn remove(&self, name: &str) -> Result<(), HostError> {
        let path = self.path(name);
        gone(fs::remove_file(&path)).doing("remove", &path)
    }

    /// Removes all that is kept.
    pub fn forget(&self) -> Result<(), HostError> {
        gone(fs::remove_dir_all(&self.dir)).doing("remove", &self.dir)
    }

    // Others may pass through, and not look.
    fn make(&self) -> Result<(), HostError> {
        fs::DirBuilder::new().recursive(true).mode(0o711).create(&self.dir).doing("make directory", &self.dir)
    }
}

// Settings of the operator and rules of the firewall are nobody else's business; dnsmasq reads its own as root.
fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
