//! The durable log: one SQLite file that a thread of its own writes, and its newest entries in memory.
//!
//! Appends, votes, truncations and purges go through one queue, so that their order on disk is the order in which
//! openraft asked for them. The thread commits whatever has queued up as one transaction: a group commit.

mod recent;
mod writer;

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use bytes::Bytes;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use self::recent::Recent;
use self::writer::{Op, Writer};
use super::disk::{self, Format};
use super::error::StoreError;
use super::failure::Failure;
use super::raft::codec;
use super::raft::types::{Config, Entry, LogId, Vote};
use crate::model::MemberId;

/// The file.
pub(super) const FILE: &str = "raft-log.db";

const FORMAT: Format = Format {
    application: 0x5EED_4C47,
    // Small pages: an entry is a few hundred bytes, and its page goes into the WAL whole.
    birth: "PRAGMA page_size = 1024;",
    migrations: &["CREATE TABLE log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
         CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"],
    // FULL: a commit is on disk when it returns. A small WAL is written over in place, which costs the least.
    writer: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA busy_timeout = 1000;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;",
};

/// The last vote.
const VOTE: &str = "vote";
/// The last entry that is known to be committed.
const COMMITTED: &str = "committed";
/// The last entry that was purged.
const PURGED: &str = "purged";
/// Whose log this is.
const MEMBER: &str = "member";

/// The log as openraft sees it. Clones share it.
#[derive(Clone)]
pub(super) struct LogStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    recent: Mutex<Recent>,
    ops: mpsc::Sender<Op>,
    /// Idle ones; none once the log is closed.
    readers: Mutex<Option<Vec<Connection>>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl LogStore {
    /// Opens the log of `member`, and makes it if there is none.
    pub(super) fn open(dir: &Path, member: MemberId, failure: Failure) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let connection = disk::open_writer(&path, &FORMAT)?;
        claim(&connection, dir, &path, member)?;
        let recent = Mutex::new(load(&connection, &path)?);
        let (ops, queue) = mpsc::channel();
        let readers = Mutex::new(Some(Vec::new()));
        let shared = Arc::new(Shared { path: path.clone(), recent, ops, readers, thread: Mutex::default() });
        let weak = Arc::downgrade(&shared);
        let flushed = move |index: u64| {
            if let Some(shared) = weak.upgrade() {
                lock(&shared.recent).flushed(index);
            }
        };
        let writer = Writer::new(connection, path.clone(), failure, Box::new(flushed));
        let thread = std::thread::Builder::new().name("raft-log".to_owned()).spawn(move || writer.run(&queue));
        *lock(&shared.thread) = Some(thread.map_err(disk::disk("start the writer of", &path))?);
        Ok(Self { shared })
    }

    /// The index of the last entry; 0 in an empty log.
    pub(super) fn last_index(&self) -> u64 {
        lock(&self.shared.recent).last().map_or(0, |id| id.index)
    }

    /// The last vote of this member.
    pub(super) fn vote(&self) -> Option<Vote> {
        lock(&self.shared.recent).vote
    }

    /// The id of one entry; none where it was purged or is still to come.
    pub(super) async fn id_at(&self, index: u64) -> io::Result<Option<LogId>> {
        let found = self.clone().try_get_log_entries(index..=index).await?;
        Ok(found.first().map(|entry| entry.log_id))
    }

    /// Whether Raft has ever written here.
    pub(super) fn is_pristine(&self) -> bool {
        lock(&self.shared.recent).is_pristine()
    }

    /// Returns when all that is known of the log is on disk, what is committed too.
    pub(super) async fn sync(&self) -> io::Result<()> {
        self.wait(|done| Op::Sync { done }).await
    }

    /// Commits what is queued and closes the file. The readers go first: who closes last folds the WAL into the file.
    pub(super) fn close(&self) {
        lock(&self.shared.readers).take();
        // A writer that has gone has closed its file already.
        let _gone = self.shared.ops.send(Op::Stop);
        if let Some(thread) = lock(&self.shared.thread).take() {
            let _panicked = thread.join();
        }
    }

    fn send(&self, op: Op) -> io::Result<()> {
        self.shared.ops.send(op).map_err(|_| io::Error::other("the log is closed"))
    }

    async fn wait(&self, op: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Op) -> io::Result<()> {
        let (done, result) = oneshot::channel();
        self.send(op(done))?;
        result.await.unwrap_or_else(|_| Err(io::Error::other("the log is closed")))
    }

    /// Reads entries that have left memory.
    async fn stored(&self, from: u64, until: u64) -> io::Result<Vec<Entry>> {
        let shared = self.shared.clone();
        let read = move || {
            let idle = match lock(&shared.readers).as_mut() {
                Some(idle) => idle.pop(),
                None => return Err(io::Error::other("the log is closed")),
            };
            let connection = match idle {
                Some(connection) => connection,
                None => disk::open_reader(&shared.path).map_err(io::Error::other)?,
            };
            let entries = read_entries(&connection, from, until)?;
            if let Some(idle) = lock(&shared.readers).as_mut() {
                idle.push(connection);
            }
            Ok(entries)
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
    }
}

impl RaftLogReader<Config> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let (from, until, mut in_memory) = {
            let recent = lock(&self.shared.recent);
            let (from, until) = recent.clip(start_of(&range), end_of(&range));
            (from, until.min(recent.first()), recent.range(from, until))
        };
        if from >= until {
            return Ok(in_memory);
        }
        let mut entries = self.stored(from, until).await?;
        // What is missing at the beginning was never here; what is missing behind that was lost.
        let first = entries.first().map_or(until, |entry| entry.log_id.index);
        if entries.len() as u64 != until - first {
            return Err(codec::unreadable("the log has a hole"));
        }
        entries.append(&mut in_memory);
        Ok(entries)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(lock(&self.shared.recent).vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        // A few large entries fill a message, and must not all be in memory at once.
        let step = if start < lock(&self.shared.recent).first() { end.min(start + 64) } else { end };
        let mut entries = self.try_get_log_entries(start..step).await?;
        let sums = entries.iter().scan(0, |bytes, entry| {
            *bytes += recent::size(entry);
            Some(*bytes)
        });
        let count = sums.take_while(|bytes| *bytes <= MESSAGE_BYTES).count();
        entries.truncate(count.max(1));
        Ok(entries)
    }
}

/// As much as one message carries, unless a single entry is larger.
const MESSAGE_BYTES: usize = 2 << 20;

impl RaftLogStorage<Config> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Config>> {
        let recent = lock(&self.shared.recent);
        Ok(LogState { last_purged_log_id: recent.purged, last_log_id: recent.last() })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = serde_json::to_vec(vote)?;
        lock(&self.shared.recent).vote = Some(*vote);
        self.wait(|done| Op::Meta { name: VOTE, value: bytes, done }).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        let mut value = Vec::new();
        codec::write_log_id(&committed, &mut value);
        self.send(Op::Committed { name: COMMITTED, value })
    }

    /// What was committed when this log was last written, as far as its entry is here: the state is brought up to it
    /// before anybody reads.
    ///
    /// A snapshot that was coming in when the power failed may have left a committed index whose entries were still to
    /// come. That one says nothing about the entries that are here.
    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let Some(committed) = lock(&self.shared.recent).committed else { return Ok(None) };
        let found = self.try_get_log_entries(committed.index..=committed.index).await?;
        Ok(found.first().map(|entry| entry.log_id).filter(|found| *found == committed))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Config>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut rows = Vec::new();
        let mut recent = lock(&self.shared.recent);
        for entry in entries {
            let mut bytes = Vec::new();
            codec::write_entry(&entry, &mut bytes)?;
            rows.push((entry.log_id.index, bytes));
            recent.push(entry);
        }
        self.send(Op::Append { rows, callback })
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        lock(&self.shared.recent).truncate_after(last);
        let from = last.map_or(0, |id| id.index + 1);
        self.wait(|done| Op::Truncate { from, done }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        lock(&self.shared.recent).purge(upto);
        let mut value = Vec::new();
        codec::write_log_id(&upto, &mut value);
        self.wait(|done| Op::Purge { upto: upto.index, name: PURGED, value, done }).await
    }
}

fn start_of(range: &impl RangeBounds<u64>) -> u64 {
    match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index + 1,
        Bound::Unbounded => 0,
    }
}

/// The end, exclusive.
fn end_of(range: &impl RangeBounds<u64>) -> u64 {
    match range.end_bound() {
        Bound::Included(index) => index + 1,
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    }
}

/// A poisoned lock only says that another thread panicked: what it guards here is always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses the log of another member: a vote given twice under two names elects two leaders.
fn claim(connection: &Connection, dir: &Path, path: &Path, asked: MemberId) -> Result<(), StoreError> {
    let fail = |error| disk::refused("read", path, error);
    match meta(connection, MEMBER).map_err(fail)? {
        None => {
            let row = (MEMBER, asked.0.to_le_bytes());
            connection.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", row).map_err(fail)?;
            Ok(())
        }
        Some(bytes) => match bytes.try_into().map(u64::from_le_bytes) {
            Ok(found) if found == asked.0 => Ok(()),
            Ok(found) => Err(StoreError::OtherMember { path: dir.to_owned(), found: MemberId(found), asked }),
            Err(_) => Err(StoreError::Damaged { path: path.to_owned(), detail: "no member id".to_owned() }),
        },
    }
}

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// What must be known before the first question: the vote and both ends of the log.
fn load(connection: &Connection, path: &Path) -> Result<Recent, StoreError> {
    let fail = |error| disk::refused("read", path, error);
    let damaged = |detail: String| StoreError::Damaged { path: path.to_owned(), detail };
    let vote = match meta(connection, VOTE).map_err(fail)? {
        Some(bytes) => Some(serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?),
        None => None,
    };
    let purged = match meta(connection, PURGED).map_err(fail)? {
        Some(bytes) => Some(codec::read_log_id(&bytes).map_err(|error| damaged(error.to_string()))?),
        None => None,
    };
    let committed = match meta(connection, COMMITTED).map_err(fail)? {
        Some(bytes) => Some(codec::read_log_id(&bytes).map_err(|error| damaged(error.to_string()))?),
        None => None,
    };
    let last: Option<Vec<u8>> = connection
        .query_row("SELECT entry FROM log ORDER BY idx DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(fail)?;
    let last = match last {
        Some(bytes) => Some(codec::read_entry(&Bytes::from(bytes)).map_err(|error| damaged(error.to_string()))?.log_id),
        None => None,
    };
    let mut recent = Recent::new(vote, purged, last);
    recent.committed = committed;
    Ok(recent)
}

fn read_entries(connection: &Connection, from: u64, until: u64) -> io::Result<Vec<Entry>> {
    let sql = "SELECT entry FROM log WHERE idx >= ?1 AND idx < ?2 ORDER BY idx";
    let mut statement = connection.prepare_cached(sql).map_err(io::Error::other)?;
    let rows = statement.query_map((from.cast_signed(), until.cast_signed()), |row| row.get::<_, Vec<u8>>(0));
    let rows = rows.map_err(io::Error::other)?;
    rows.map(|row| codec::read_entry(&Bytes::from(row.map_err(io::Error::other)?))).collect()
}

/// As if the power had been cut before the committed index was written.
#[cfg(test)]
pub(crate) fn forget_committed(dir: &Path) {
    let log = Connection::open(dir.join(FILE)).expect("the log");
    log.execute("DELETE FROM meta WHERE name = ?1", [COMMITTED]).expect("it goes");
}
