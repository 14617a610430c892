//! Snapshots: whole copies of the state as files, found again after a restart.
//!
//! A snapshot is on disk under its name before anybody hears of it. openraft purges the log up to it, and a power
//! cut may roll the live state back behind that: the snapshot is then the floor to start from.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::Backup;
use sha2::{Digest, Sha256};

use super::{FILE, FORMAT, rows};
use crate::store::disk::{self, disk as failed};
use crate::store::error::StoreError;
use crate::store::raft::types::{LogId, Snapshot, SnapshotMeta};

const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".db";
const INCOMING: &str = "incoming-";
/// A copy from another disk that is not whole yet.
const PART: &str = ".part";
const DRAFT: &str = "snapshot.tmp";

/// Copies the live state. The copy is made beside the writer, which goes on.
pub(super) fn build(dir: &Path) -> Result<Snapshot, StoreError> {
    let (live, draft) = (dir.join(FILE), dir.join(DRAFT));
    remove_if_there(&draft)?;
    let connection = disk::open_reader(&live)?;
    // The connection only reads the database; VACUUM INTO writes another file.
    let copy = connection
        .execute_batch("PRAGMA query_only = OFF;")
        .and_then(|()| connection.execute("VACUUM INTO ?1", [draft.to_string_lossy()]));
    copy.map_err(|error| disk::refused("copy", &live, error))?;
    let meta = read_meta(&draft)?;
    let file = place(dir, &draft, meta.last_log_id).map_err(failed("keep", &draft))?;
    Ok(Snapshot { meta, snapshot: file })
}

/// Gives a finished file its name for good and removes older snapshots. A file that has its name already stays.
pub(super) fn place(dir: &Path, file: &Path, last: Option<LogId>) -> io::Result<PathBuf> {
    let index = last.map_or(0, |id| id.index);
    let named = dir.join(format!("{PREFIX}{index:020}{SUFFIX}"));
    let whole = File::open(file)?;
    whole.set_permissions(fs::Permissions::from_mode(disk::PRIVATE))?;
    whole.sync_all()?;
    if file != named {
        move_file(file, &named)?;
    }
    File::open(dir)?.sync_all()?;
    // A copy that was slow to make must not remove a newer one that has just come in: the names sort by entry.
    for old in files(dir, PREFIX)?.into_iter().filter(|old| *old < named) {
        fs::remove_file(old)?;
    }
    Ok(named)
}

/// The newest snapshot on disk.
pub(super) fn newest(dir: &Path) -> Result<Option<Snapshot>, StoreError> {
    let mut files = files(dir, PREFIX).map_err(failed("list", dir))?;
    files.sort();
    let Some(file) = files.pop() else { return Ok(None) };
    Ok(Some(Snapshot { meta: read_meta(&file)?, snapshot: file }))
}

/// What a snapshot file holds, having checked that it is whole and readable by this program.
pub(in crate::store) fn checked(file: &Path) -> Result<SnapshotMeta, StoreError> {
    let connection = disk::open_reader(file)?;
    disk::check(&connection, file, &FORMAT)?;
    quick_check(&connection, file)?;
    read_meta(file)
}

/// Replaces the live state by a snapshot, in one transaction of the live file.
pub(super) fn restore(live: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let fail = |error| disk::refused("install", file, error);
    let source = disk::open_reader(file)?;
    let backup = Backup::new(&source, live).map_err(fail)?;
    backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None).map_err(fail)?;
    drop(backup);
    live.flush_prepared_statement_cache();
    disk::migrate(live, file, &FORMAT)
}

/// Removes what a crash has left half done.
pub(super) fn sweep(dir: &Path) -> Result<(), StoreError> {
    remove_if_there(&dir.join(DRAFT))?;
    remove_if_there(&dir.join(format!("{DRAFT}-journal")))?;
    let left = [(INCOMING, SUFFIX), (PREFIX, PART)].map(|(prefix, suffix)| named(dir, prefix, suffix));
    for files in left {
        files.map_err(failed("list", dir))?.iter().try_for_each(|file| remove_if_there(file))?;
    }
    Ok(())
}

/// A file for a snapshot that is coming in. It goes with its value, unless the snapshot has taken its place by then.
#[derive(Debug)]
pub struct Incoming(PathBuf);

impl Incoming {
    pub(in crate::store) fn new(dir: &Path, number: u64) -> Self {
        Self(dir.join(format!("{INCOMING}{number}{SUFFIX}")))
    }

    /// Where to write it.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.0) {
            tracing::warn!(%error, "what is left of a snapshot goes at the next start");
        }
    }
}

/// Asks SQLite whether a file is whole.
pub(super) fn quick_check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| disk::refused("check", path, error))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Damaged { path: path.to_owned(), detail: verdict }),
    }
}

/// The SHA-256 of a file in hexadecimal.
pub(in crate::store) fn digest(file: &Path) -> Result<String, StoreError> {
    let mut hash = Sha256::new();
    let hashed = File::open(file).and_then(|mut file| io::copy(&mut file, &mut HashWriter(&mut hash)));
    hashed.map_err(failed("read", file))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Renames, or copies where the file lies on another disk.
fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let draft = to.with_extension(&PART[1..]);
            fs::copy(from, &draft)?;
            File::open(&draft)?.sync_all()?;
            fs::rename(&draft, to)?;
            fs::remove_file(from)
        }
        renamed => renamed,
    }
}

fn read_meta(file: &Path) -> Result<SnapshotMeta, StoreError> {
    let connection = disk::open_reader(file)?;
    let fail = |error| disk::refused("read", file, error);
    let (last_log_id, _) = rows::applied(&connection).map_err(fail)?;
    let last_membership = rows::membership(&connection).map_err(fail)?;
    Ok(SnapshotMeta { last_log_id, last_membership })
}

fn files(dir: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    named(dir, prefix, SUFFIX)
}

fn named(dir: &Path, prefix: &str, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(prefix) && name.ends_with(suffix) {
            found.push(path);
        }
    }
    Ok(found)
}

fn remove_if_there(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Disk { doing: "remove", path: file.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
