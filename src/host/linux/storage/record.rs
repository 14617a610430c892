//! What this member writes down about a pool before and after it makes it: the proof that the data is ours.
//!
//! The record lies in the state directory, the marker in the pool; both carry the same random token. A crash
//! between doing and recording leaves a record that is only begun, and making the pool again is harmless then.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::host::linux::Doing;
use crate::host::{HostError, PoolAsk, PoolMedium};
use crate::model::{Config, Revision};

/// A pool that this member made or began to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The same random text as in the pool: a UUID.
    pub token: String,
    /// The object that it was made for.
    pub uid: Revision,
    /// Its driver.
    pub driver: String,
    /// The source as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// The source in effect: a directory, an image, a device, a data set, a volume group.
    pub source: String,
    /// What the source is.
    pub form: Form,
    /// Whether we made the source itself, so that it goes with the pool.
    pub owned: bool,
    /// Whether it is finished. What is not has never held a volume.
    pub made: bool,
    /// The mount options in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_options: Option<String>,
    /// The size in bytes of its loop file, as far as the file system has grown into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// More keys in effect: `zfs.pool_name`.
    #[serde(default)]
    pub keys: Config,
    /// What we made inside a source that is not ours: a thin pool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

/// What the source of a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The pool's own directory in the state directory.
    Own,
    /// A directory that was given.
    Directory,
    /// A loop file in the state directory.
    Loop,
    /// A block device.
    Device,
    /// Something that the driver's tools know by name: a ZFS data set, a volume group.
    Named,
}

/// How a record and what is asked for go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Nothing was recorded.
    New,
    /// Making a pool of this name was begun.
    Begun(Record),
    /// This very pool was made.
    Made(Record),
    /// An earlier pool of the same name and source was made.
    Earlier(Record),
    /// An earlier pool of the same name is in the way.
    InTheWay(Record),
}

impl Record {
    /// The record of a pool that is about to be made.
    pub fn begin(ask: &PoolAsk, source: impl Into<String>, form: Form, owned: bool) -> Self {
        Self {
            token: uuid::Uuid::new_v4().to_string(),
            uid: ask.uid,
            driver: ask.driver.clone(),
            given: ask.config.value("source").map(str::to_owned),
            source: source.into(),
            form,
            owned,
            made: false,
            mount_options: None,
            size: None,
            keys: Config::default(),
            parts: Vec::new(),
        }
    }

    /// How the record stands to what is asked for.
    pub fn standing(record: Option<Self>, ask: &PoolAsk) -> RecordState {
        match record {
            None => RecordState::New,
            // What was only begun has never held anything, whatever it was begun for.
            Some(record) if !record.made => RecordState::Begun(record),
            Some(record) if record.uid == ask.uid => RecordState::Made(record),
            Some(record) if record.is_like(ask) => RecordState::Earlier(record),
            Some(record) => RecordState::InTheWay(record),
        }
    }

    /// Whether driver and source are those that are asked for.
    pub fn is_like(&self, ask: &PoolAsk) -> bool {
        let source = ask.config.value("source");
        self.driver == ask.driver && (source == self.given.as_deref() || source == Some(&self.source))
    }

    /// The member-specific keys that are in effect.
    pub fn keys(&self) -> Config {
        let mut keys = self.keys.clone();
        keys.insert("source".to_owned(), self.given.clone().unwrap_or_else(|| self.source.clone()));
        if let Some(given) = &self.given {
            keys.insert("volatile.initial_source".to_owned(), given.clone());
        }
        keys
    }

    fn path(state: &Path, name: &str) -> PathBuf {
        state.join("pools").join(format!("{name}.json"))
    }

    /// The record of a pool.
    pub fn read(state: &Path, name: &str) -> Result<Option<Self>, HostError> {
        let path = Self::path(state, name);
        let text = match std::fs::read(&path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.doing("read", &path)?,
        };
        serde_json::from_slice(&text).map(Some).map_err(|cause| {
            HostError::lasting(format!("read `{}`", path.display()), "UnreadableRecord", cause)
                .hinting("it says which data belongs to the pool: bring it back from a backup")
        })
    }

    /// Writes the record so that it survives a loss of power.
    pub fn write(&self, state: &Path, name: &str) -> Result<(), HostError> {
        let path = Self::path(state, name);
        let folder = state.join("pools");
        if !folder.is_dir() {
            super::site::make_directory(&folder)?;
            super::site::sync_names(state)?;
        }
        write_durably(&path, &self.json()?).doing("write", &path)
    }

    fn json(&self) -> Result<Vec<u8>, HostError> {
        serde_json::to_vec_pretty(self).map_err(|cause| HostError::lasting("write a pool's record", "IoFailed", cause))
    }

    /// Forgets the pool: the last act of its removal. It does not come back when the power fails, to be in the way of
    /// another pool of that name.
    pub fn remove(state: &Path, name: &str) -> Result<(), HostError> {
        super::site::remove_file(&Self::path(state, name))?;
        super::site::sync_names(&state.join("pools"))
    }
}

fn write_durably(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text)?;
    file.sync_data()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The file in a pool's root that says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The record's token.
    pub token: String,
    /// The pool's name.
    pub pool: String,
    /// The state directory of the daemon that made it.
    pub state: PathBuf,
}

impl Marker {
    /// Its name in the pool's root.
    pub const FILE: &str = ".seedbed-pool";

    /// The marker of a recorded pool.
    pub fn of(record: &Record, pool: &str, state: &Path) -> Self {
        Self { token: record.token.clone(), pool: pool.to_owned(), state: state.to_owned() }
    }

    /// The marker in a directory; `None` when there is none, or none that can be read.
    pub fn read(root: &Path) -> Option<Self> {
        let text = std::fs::read(root.join(Self::FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether a directory holds the pool that was recorded.
    ///
    /// A marker that does not end is one that a power cut has torn: whoever began to write it had the directory, and
    /// the record that names the directory is the better proof.
    pub fn is_of(root: &Path, record: &Record) -> bool {
        Self::read(root).map_or_else(|| Self::is_torn(root), |marker| marker.token == record.token)
    }

    /// Whether there is a marker that cannot be read.
    pub fn is_torn(root: &Path) -> bool {
        std::fs::read(root.join(Self::FILE)).is_ok_and(|text| serde_json::from_slice::<Self>(&text).is_err())
    }

    /// Writes the marker into a directory that has none, or one of the same pool, so that it survives a loss of power:
    /// the record that relies on it comes after it. Two pools that are made at the same time cannot both have the
    /// directory.
    pub fn claim(&self, root: &Path, doing: &str) -> Result<(), HostError> {
        let path = root.join(Self::FILE);
        let text = serde_json::to_vec(self)
            .map_err(|cause| HostError::lasting(format!("write `{}`", path.display()), "IoFailed", cause))?;
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
                if let Some(other) = Self::read(root).filter(|other| !self.is_of_same_pool(other)) {
                    return other.foreign(root).refuse(doing);
                }
                File::create(&path).doing("write", &path)?
            }
            opened => opened.doing("write", &path)?,
        };
        file.write_all(&text).and_then(|()| file.sync_all()).doing("write", &path)?;
        super::site::sync_names(root)?;
        root.parent().map_or(Ok(()), super::site::sync_names)
    }

    /// Whether another marker speaks of the same pool of the same daemon.
    pub fn is_of_same_pool(&self, other: &Self) -> bool {
        self.token == other.token || (self.pool == other.pool && self.state == other.state)
    }

    /// A directory with this marker, seen by another pool.
    pub fn foreign(&self, root: &Path) -> PoolMedium {
        let (pool, state) = (&self.pool, self.state.display());
        PoolMedium::Foreign {
            what: format!("`{}` belongs to storage pool `{pool}` of the daemon in `{state}`", root.display()),
            hint: "give a source of its own to each pool".to_owned(),
        }
    }

    /// Removes the marker when it is there.
    pub fn remove(root: &Path) -> Result<(), HostError> {
        super::site::remove_file(&root.join(Self::FILE))
    }
}
