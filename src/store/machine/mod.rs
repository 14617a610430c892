//! The state machine: the applied state in one SQLite file, written by one thread.

mod applier;
pub mod apply;
pub mod audit;
mod chain;
mod reads;
mod receipts;
mod rows;
mod snapshot;
pub mod state_view;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use openraft::RaftSnapshotBuilder;
use openraft::storage::{EntryResponder, RaftStateMachine};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::applier::{Applier, Job};
pub use self::chain::AuditAsk;
pub(super) use self::reads::Reads;
pub use self::snapshot::Incoming;
pub(super) use self::snapshot::{checked as checked_snapshot, digest};
use super::disk::{self, Format};
use super::error::StoreError;
use super::failure::Failure;
use super::raft::types::{Config, LogId, Snapshot, SnapshotMeta, StoredMembership};
use crate::model::Revision;

/// The file.
pub(super) const FILE: &str = "state.db";
/// Stands there while the file is open: who finds it at start came after a crash.
const UNCLEAN: &str = "state.open";

pub(super) const FORMAT: Format = Format {
    application: 0x5EED_5354,
    // Small pages: a commit changes two or three of them, and each goes into the WAL whole. Never to be changed: a
    // snapshot is restored page by page into the file of another member.
    birth: "PRAGMA page_size = 1024;",
    migrations: &[include_str!("tables.sql"), include_str!("audit.sql")],
    // NORMAL: a power cut may roll the state back, never tear it; the log has what is missing.
    writer: "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 16777216;
         PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096;",
};

/// So many entries are applied in one transaction at most.
const BATCH_MAX: usize = 512;
/// While entries come faster than this, snapshots wait: a busy leader has better things to do.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(10);
/// But not for more entries than these, or the log would grow without end.
const SNAPSHOT_LAG_MAX: u64 = 50_000;

/// How far this member has applied the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last entry of any sort.
    pub(super) applied: Option<LogId>,
    /// The last entry that was a command.
    pub(super) revision: Revision,
}

impl Progress {
    /// The index of the last entry of any sort.
    pub(super) fn index(&self) -> u64 {
        self.applied.map_or(0, |id| id.index)
    }
}

/// Where the applier tells how far it is.
#[derive(Clone, Default)]
struct Watches {
    progress: watch::Sender<Progress>,
    revision: watch::Sender<Revision>,
}

impl Watches {
    fn tell(&self, progress: Progress) {
        self.progress.send_replace(progress);
        self.revision.send_if_modified(|revision| std::mem::replace(revision, progress.revision) != progress.revision);
    }
}

/// The state machine as openraft sees it. Clones share it.
#[derive(Clone)]
pub(crate) struct StateMachine {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    failure: Failure,
    jobs: mpsc::Sender<Job>,
    progress: watch::Sender<Progress>,
    revision: watch::Sender<Revision>,
    reads: Reads,
    snapshot_wanted: AtomicBool,
    last_snapshot: Mutex<Option<(Instant, u64)>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl StateMachine {
    /// Opens the state, and makes an empty one if there is none. One that a crash has damaged is made again
    /// from the newest snapshot; openraft then replays the log.
    pub(super) fn open(dir: &Path, failure: Failure) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        snapshot::sweep(dir)?;
        rebuild_if_damaged(dir, &path)?;
        let connection = disk::open_writer(&path, &FORMAT)?;
        let marker = dir.join(UNCLEAN);
        std::fs::write(&marker, "").map_err(disk::disk("write", &marker))?;
        disk::sync_dir(dir)?;
        let watches = Watches::default();
        let Watches { progress, revision } = watches.clone();
        let applier = Applier::new(connection, path.clone(), failure.clone(), watches)?;
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new().name("apply".to_owned()).spawn(move || applier.run(&queue));
        let thread = Mutex::new(Some(thread.map_err(disk::disk("start the writer of", &path))?));
        let shared = Shared {
            dir: dir.to_owned(),
            reads: Reads::new(path, failure.clone()),
            failure,
            jobs,
            progress,
            revision,
            snapshot_wanted: AtomicBool::new(false),
            last_snapshot: Mutex::default(),
            thread,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How far this member is.
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// The revision of the state.
    pub(super) fn revision(&self) -> watch::Receiver<Revision> {
        self.shared.revision.subscribe()
    }

    /// Reading connections.
    pub(super) fn reads(&self) -> &Reads {
        &self.shared.reads
    }

    /// Lets the next snapshot be taken however busy the member is.
    pub(super) fn want_snapshot(&self) {
        self.shared.snapshot_wanted.store(true, Ordering::Relaxed);
    }

    /// Closes the file after what is queued. The readers go first: who closes last folds the WAL into the file.
    pub(super) fn close(&self) {
        self.shared.reads.close();
        // An applier that has gone has closed its file already.
        let _gone = self.shared.jobs.send(Job::Stop);
        let Some(thread) = lock(&self.shared.thread).take() else { return };
        let is_clean = thread.join().is_ok();
        if is_clean && self.shared.failure.check().is_ok() {
            // If it stays, the next start only checks more than it had to.
            let _kept = std::fs::remove_file(self.shared.dir.join(UNCLEAN));
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<io::Result<T>>) -> Job) -> io::Result<T> {
        let closed = || io::Error::other("the state is closed");
        let (done, result) = oneshot::channel();
        self.shared.jobs.send(job(done)).map_err(|_| closed())?;
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Whether a snapshot may wait: it copies the whole state, and a burst of writes would make many.
    fn may_defer(&self) -> bool {
        let index = self.shared.progress.borrow().index();
        let wanted = self.shared.snapshot_wanted.swap(false, Ordering::Relaxed);
        let recent = *lock(&self.shared.last_snapshot);
        !wanted && recent.is_some_and(|(at, taken)| at.elapsed() < SNAPSHOT_PAUSE && index < taken + SNAPSHOT_LAG_MAX)
    }
}

impl RaftStateMachine<Config> for StateMachine {
    type SnapshotData = PathBuf;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        self.ask(|done| Job::AppliedState { done }).await
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Config>>> + Unpin + Send,
    {
        let mut batches = entries.ready_chunks(BATCH_MAX);
        while let Some(batch) = batches.next().await {
            let entries = batch.into_iter().collect::<io::Result<Vec<_>>>()?;
            self.ask(|done| Job::Apply { entries, done }).await?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Self> {
        (force || !self.may_defer()).then(|| self.clone())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, file: PathBuf) -> io::Result<()> {
        let (dir, meta) = (self.shared.dir.clone(), meta.clone());
        let placed = blocking(move || snapshot::place(&dir, &file, meta.last_log_id)).await?;
        self.ask(|done| Job::Install { file: placed, done }).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let dir = self.shared.dir.clone();
        blocking(move || snapshot::newest(&dir).map_err(io::Error::other)).await
    }
}

impl RaftSnapshotBuilder<Config> for StateMachine {
    type SnapshotData = PathBuf;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let dir = self.shared.dir.clone();
        let failure = self.shared.failure.clone();
        let built = blocking(move || {
            snapshot::build(&dir).map_err(|error| failure.stop("write a snapshot in", &dir, Chain(&error)))
        });
        let snapshot = built.await?;
        let index = snapshot.meta.last_log_id.map_or(0, |id| id.index);
        *lock(&self.shared.last_snapshot) = Some((Instant::now(), index));
        Ok(snapshot)
    }
}

/// An error with its causes in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
}

/// A poisoned lock only says that another thread panicked: what it guards here is always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After a crash, checks the state. When it is damaged it is thrown away: it is only a copy of what the
/// newest snapshot and the log hold.
fn rebuild_if_damaged(dir: &Path, path: &Path) -> Result<(), StoreError> {
    if !dir.join(UNCLEAN).exists() || !path.exists() {
        return Ok(());
    }
    let damage = match disk::open_writer(path, &FORMAT) {
        Ok(connection) => snapshot::quick_check(&connection, path),
        Err(error) => Err(error),
    };
    match damage {
        Err(StoreError::Damaged { detail, .. }) => {
            tracing::warn!("`{}` was damaged by a crash ({detail}): it is made again from the log", path.display());
            for suffix in ["", "-wal", "-shm"] {
                let file = dir.join(format!("{FILE}{suffix}"));
                if file.exists() {
                    std::fs::remove_file(&file).map_err(disk::disk("remove", &file))?;
                }
            }
            disk::sync_dir(dir)
        }
        other => other,
    }
}
