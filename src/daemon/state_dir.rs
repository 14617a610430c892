//! The state directory, with LXD's names in it. One daemon at a time.

use std::fs::{self, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::durable::{self, read};
use super::error::DaemonError;
use crate::api::Secret;
use crate::model::{Config, MemberId, MemberName};
use crate::service::Pair;
use crate::store::DirLock;

/// The database of a member that found out by itself that it was removed.
const KEPT: &str = "database.removed";

/// The directory of one daemon, locked until the daemon has stopped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: Mutex<Option<DirLock>>,
    /// One change of a certificate at a time.
    pairs: Mutex<()>,
}

/// Who the database belongs to: kept beside it, so that both are replaced in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongs {
    /// The Raft identity.
    pub id: MemberId,
    /// Where the member is reached; empty while it stands alone.
    pub address: String,
    /// Its name in the cluster, for as long as the database does not say it. None while it stands alone.
    #[serde(default)]
    pub name: Option<MemberName>,
    /// The keys that said where it listened when it came to its cluster. Its configuration says where it listens now, but
    /// a start must not depend on that: whoever listens nowhere never hears how it reads.
    #[serde(default)]
    pub listen: Config,
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
        let lock = DirLock::take(&lock).map_err(|refused| match refused {
            TryLockError::WouldBlock => DaemonError::Busy(path.to_owned()),
            TryLockError::Error(cause) => DaemonError::disk("lock", lock, cause),
        })?;
        for below in ["storage-pools", "networks"] {
            let below = path.join(below);
            fs::DirBuilder::new().recursive(true).mode(0o711).create(&below).map_err(failed("create", &below))?;
        }
        let dir = Self { path: path.to_owned(), lock: Mutex::new(Some(lock)), pairs: Mutex::default() };
        dir.finish()?;
        ["server", "cluster"].iter().try_for_each(|name| dir.finish_pair(name))?;
        Ok(dir)
    }

    /// Lets the next daemon have the directory.
    pub fn unlock(&self) {
        self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// Something in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path("unix.socket")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path("database")
    }

    /// A database that is being removed.
    pub fn dropped(&self) -> PathBuf {
        self.path("database.dropped")
    }

    /// What git sources have fetched.
    pub fn sources(&self) -> PathBuf {
        self.path("sources")
    }

    /// The certificate and key under this name, when they exist.
    pub fn pair(&self, name: &str) -> Result<Option<Pair>, DaemonError> {
        let (certificate, key) = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        match (read(&certificate)?, read(&key)?) {
            (Some(certificate), Some(key)) => Ok(Some(Pair { certificate, key: Secret::new(key) })),
            // The certificate is removed before its key.
            (None, _) => Ok(None),
            (Some(_), None) => Err(DaemonError::Unreadable { path: key, detail: "it is missing".to_owned() }),
        }
    }

    /// Keeps a certificate and its key, or removes them.
    pub fn set_pair(&self, name: &str, pair: Option<&Pair>) -> Result<(), DaemonError> {
        let _one_at_a_time = self.pairs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match pair {
            Some(pair) => {
                durable::write(&self.path(&format!("{name}.next.key")), pair.key.reveal(), 0o600)?;
                durable::write(&self.path(&format!("{name}.next.crt")), &pair.certificate, 0o644)?;
                self.finish_pair(name)
            }
            None => ["next.crt", "next.key", "crt", "key"]
                .iter()
                .try_for_each(|ending| durable::remove(&self.path(&format!("{name}.{ending}")))),
        }
    }

    /// Puts a new pair in the place of the old one. It counts from the moment that its certificate is written: then
    /// its key is there, too, and both names can be changed one after the other.
    fn finish_pair(&self, name: &str) -> Result<(), DaemonError> {
        let path = |ending: &str| self.path(&format!("{name}.{ending}"));
        if path("next.crt").exists() {
            durable::rename_if_there(&path("next.key"), &path("key"))?;
            durable::rename(&path("next.crt"), &path("crt"))
        } else {
            durable::remove(&path("next.key"))
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
        durable::make_dir(dir)?;
        let path = dir.join("member.json");
        let text = serde_json::to_string(belongs)
            .map_err(|cause| DaemonError::Unreadable { path: path.clone(), detail: cause.to_string() })?;
        durable::write(&path, &text, 0o600)
    }

    /// Drops the database: this member starts anew. Half a database would be worse than none.
    pub fn drop_database(&self) -> Result<(), DaemonError> {
        durable::remove_tree(&self.dropped())?;
        durable::rename_if_there(&self.database(), &self.dropped())?;
        durable::remove_tree(&self.dropped())
    }

    /// Keeps the database under another name, for somebody who may want to look at it, and starts anew. Copies that
    /// are kept already stay. Gives the name.
    pub fn set_database_aside(&self) -> Result<String, DaemonError> {
        let number = (2_u64..).map(|number| format!("{KEPT}.{number}"));
        let mut names = std::iter::once(KEPT.to_owned()).chain(number);
        let name = names.find(|name| !self.path(name).exists()).unwrap_or_else(|| KEPT.to_owned());
        durable::rename(&self.database(), &self.path(&name))?;
        Ok(name)
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
    fn a_database_that_is_kept_is_kept_beside_those_before_it() {
        let (_place, dir) = opened();
        for (content, name) in
            ["first", "second", "third"].iter().zip([KEPT, "database.removed.2", "database.removed.3"])
        {
            durable::make_dir(&dir.database()).expect("a database");
            durable::write(&dir.database().join("state.db"), content, 0o600).expect("written");
            assert_eq!(dir.set_database_aside().expect("kept"), name);
        }
        let kept = read(&dir.path(KEPT).join("state.db")).expect("readable");
        assert_eq!(kept.as_deref(), Some("first"));
    }

    #[test]
    fn two_daemons_do_not_share_a_directory() {
        let (place, _dir) = opened();
        let refused = StateDir::open(place.path()).expect_err("locked");
        assert!(matches!(refused, DaemonError::Busy(_)), "{refused}");
    }

    #[test]
    fn a_pair_is_the_old_or_the_new_one_wherever_its_change_stops() {
        let pair = |text: &str| Pair { certificate: format!("certificate {text}"), key: Secret::new(text) };
        for (stopped_after, wanted) in [(0, "old"), (1, "old"), (2, "new"), (3, "new"), (4, "new")] {
            let (place, dir) = opened();
            dir.set_pair("cluster", Some(&pair("old"))).expect("written");
            let at = |ending: &str| dir.path(&format!("cluster.{ending}"));
            let steps: [Box<dyn Fn()>; 4] = [
                Box::new(|| durable::write(&at("next.key"), "new", 0o600).expect("written")),
                Box::new(|| durable::write(&at("next.crt"), "certificate new", 0o644).expect("written")),
                Box::new(|| durable::rename(&at("next.key"), &at("key")).expect("renamed")),
                Box::new(|| durable::rename(&at("next.crt"), &at("crt")).expect("renamed")),
            ];
            steps.iter().take(stopped_after).for_each(|step| step());
            drop(steps);
            dir.unlock();
            let dir = StateDir::open(place.path()).expect("a state directory");
            assert_eq!(dir.pair("cluster").expect("readable"), Some(pair(wanted)), "stopped after {stopped_after}");
            assert!(!dir.path("cluster.next.key").exists() && !dir.path("cluster.next.crt").exists());
        }
    }
}
