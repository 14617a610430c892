//! The state directory, with LXD's names in it. One daemon at a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::error::DaemonError;
use crate::api::Secret;
use crate::http::Pair;
use crate::model::MemberId;

/// The directory of one daemon, locked until the daemon has stopped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

/// Who the database belongs to: kept beside it, so that both are replaced in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongs {
    /// The Raft identity.
    pub id: MemberId,
    /// Where the member is reached; empty while it stands alone.
    pub address: String,
}

impl StateDir {
    /// Makes what is missing and locks it.
    ///
    /// # Errors
    /// When it cannot be used, or somebody else uses it.
    pub fn open(path: &Path) -> Result<Self, DaemonError> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::StateDir { doing, path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(path)
            .map_err(failed("create the state directory", path))?;
        let lock = path.join("seedbed.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = file.map_err(failed("open", &lock))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(DaemonError::Busy(path.to_owned())),
            Err(cause) => return Err(DaemonError::disk("lock", lock, cause.into())),
        }
        for below in ["storage-pools", "networks"] {
            let below = path.join(below);
            fs::DirBuilder::new().recursive(true).mode(0o711).create(&below).map_err(failed("create", &below))?;
        }
        let dir = Self { path: path.to_owned(), lock: Mutex::new(Some(file)) };
        dir.finish_replacement()?;
        Ok(dir)
    }

    /// Lets the next daemon have the directory.
    pub fn unlock(&self) {
        self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("unix.socket")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join("database")
    }

    /// The database of a join that is under way.
    pub fn joining(&self) -> PathBuf {
        self.path.join("database.joining")
    }

    /// The certificate and key under this name, when they exist.
    pub fn pair(&self, name: &str) -> Result<Option<Pair>, DaemonError> {
        let (certificate, key) = (self.path.join(format!("{name}.crt")), self.path.join(format!("{name}.key")));
        match (read(&certificate)?, read(&key)?) {
            (Some(certificate), Some(key)) => Ok(Some(Pair { certificate, key: Secret::new(key) })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(DaemonError::Unreadable { path: key, detail: "it is missing".to_owned() }),
            (None, Some(_)) => Err(DaemonError::Unreadable { path: certificate, detail: "it is missing".to_owned() }),
        }
    }

    /// Keeps a certificate and its key, or removes them.
    pub fn set_pair(&self, name: &str, pair: Option<&Pair>) -> Result<(), DaemonError> {
        let (certificate, key) = (self.path.join(format!("{name}.crt")), self.path.join(format!("{name}.key")));
        match pair {
            Some(pair) => {
                write(&key, pair.key.reveal(), 0o600)?;
                write(&certificate, &pair.certificate, 0o644)
            }
            None => {
                remove(&certificate)?;
                remove(&key)
            }
        }
    }

    /// Who the database below `dir` belongs to; `None` when there is none yet.
    pub fn belongs(&self, dir: &Path) -> Result<Option<Belongs>, DaemonError> {
        let path = dir.join("member.json");
        let Some(text) = read(&path)? else { return Ok(None) };
        let belongs = serde_json::from_str(&text);
        belongs.map(Some).map_err(|cause| DaemonError::Unreadable { path, detail: cause.to_string() })
    }

    /// Says who the database below `dir` belongs to.
    pub fn set_belongs(&self, dir: &Path, belongs: &Belongs) -> Result<(), DaemonError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| DaemonError::disk("create", dir, source))?;
        let path = dir.join("member.json");
        let text = serde_json::to_string(belongs)
            .map_err(|cause| DaemonError::Unreadable { path: path.clone(), detail: cause.to_string() })?;
        write(&path, &text, 0o600)
    }

    /// Puts the joined database in the place of the old one, also when the power fails in between.
    pub fn replace_database(&self) -> Result<(), DaemonError> {
        write(&self.joining().join("committed"), "", 0o600)?;
        self.finish_replacement()
    }

    /// Drops the database: this member starts anew.
    pub fn drop_database(&self) -> Result<(), DaemonError> {
        remove_tree(&self.database())
    }

    /// Keeps the database under another name, for somebody who may want to look at it, and starts anew.
    pub fn set_database_aside(&self) -> Result<(), DaemonError> {
        let (from, to) = (self.database(), self.path.join("database.removed"));
        remove_tree(&to)?;
        fs::rename(&from, &to).map_err(|source| DaemonError::disk("rename", &from, source))
    }

    /// Drops what a failed join left.
    pub fn drop_joining(&self) -> Result<(), DaemonError> {
        remove_tree(&self.joining())
    }

    /// A join that was committed is finished; one that was not is dropped.
    fn finish_replacement(&self) -> Result<(), DaemonError> {
        let (old, new, aside) = (self.database(), self.joining(), self.path.join("database.old"));
        if new.join("committed").exists() {
            if !aside.exists() && old.exists() {
                fs::rename(&old, &aside).map_err(|source| DaemonError::disk("rename", &old, source))?;
            }
            remove_tree(&old)?;
            fs::rename(&new, &old).map_err(|source| DaemonError::disk("rename", &new, source))?;
        }
        remove(&old.join("committed"))?;
        remove_tree(&aside)?;
        self.drop_joining()
    }
}

fn read(path: &Path) -> Result<Option<String>, DaemonError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DaemonError::disk("read", path, source)),
    }
}

/// Writes a file so that it is either the old or the new one, whatever happens.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), DaemonError> {
    let failed = |source| DaemonError::disk("write", path, source);
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&new).map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

fn remove(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(DaemonError::disk("remove", path, source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove_tree(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(DaemonError::disk("remove", path, source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, StateDir) {
        let place = tempfile::tempdir().expect("a directory");
        let dir = StateDir::open(place.path()).expect("a state directory");
        (place, dir)
    }

    #[test]
    fn two_daemons_do_not_share_a_directory() {
        let (place, _dir) = opened();
        let refused = StateDir::open(place.path()).expect_err("locked");
        assert!(matches!(refused, DaemonError::Busy(_)), "{refused}");
    }

    #[test]
    fn a_committed_join_survives_a_crash_at_any_moment() {
        for crashed_after in 0..3 {
            let (place, dir) = opened();
            dir.set_belongs(&dir.database(), &Belongs { id: MemberId(1), address: String::new() }).expect("written");
            dir.set_belongs(&dir.joining(), &Belongs { id: MemberId(7), address: "a:1".into() }).expect("written");
            write(&dir.joining().join("committed"), "", 0o600).expect("written");
            let (database, aside) = (dir.database(), place.path().join("database.old"));
            if crashed_after > 0 {
                fs::rename(&database, &aside).expect("renamed");
            }
            if crashed_after > 1 {
                fs::rename(dir.joining(), &database).expect("renamed");
            }
            drop(dir);
            let dir = StateDir::open(place.path()).expect("a state directory");
            let found = dir.belongs(&dir.database()).expect("readable").expect("a database");
            assert_eq!(found.id, MemberId(7), "crashed after {crashed_after} steps");
            assert!(!aside.exists() && !dir.joining().exists());
        }
    }

    #[test]
    fn a_join_that_was_not_committed_is_dropped() {
        let (place, dir) = opened();
        dir.set_belongs(&dir.database(), &Belongs { id: MemberId(1), address: String::new() }).expect("written");
        dir.set_belongs(&dir.joining(), &Belongs { id: MemberId(7), address: "a:1".into() }).expect("written");
        drop(dir);
        let dir = StateDir::open(place.path()).expect("a state directory");
        assert_eq!(dir.belongs(&dir.database()).expect("readable").expect("a database").id, MemberId(1));
        assert!(!dir.joining().exists());
    }
}
