//! Directories and files that cannot be used: one clear error each, and nothing is lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use super::kit::{Cluster, create, names, profile, write};
use crate::model::MemberId;
use crate::store::raft::{codec, wire};
use crate::store::{BoxFuture, Peer, Rpc, Store, StoreError, StoreOptions, Timing, Transport, TransportError, machine};

/// Nobody else is there.
struct Nobody;

impl Transport for Nobody {
    fn call(&self, _: &Peer, _: Rpc, _: Bytes, _: Duration) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        Box::pin(async { Err(TransportError::Unreachable("nobody is there".to_owned())) })
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        header: Bytes,
        _: std::path::PathBuf,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        self.call(to, Rpc::Snapshot, header, limit)
    }
}

async fn open(dir: &Path, id: u64) -> Result<Store, StoreError> {
    let me = Peer { id: MemberId(id), address: String::new() };
    let options = StoreOptions { dir: dir.to_owned(), me, timing: Timing::default() };
    Store::open(options, Arc::new(Nobody)).await
}

async fn refusal(dir: &Path, id: u64) -> String {
    match open(dir, id).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

fn pragma(file: &Path, sql: &str) {
    Connection::open(file).expect("the file").execute_batch(sql).expect("the pragma");
}

/// A directory that a store has used and closed.
async fn used() -> TempDir {
    let dir = TempDir::new().expect("a directory");
    let store = open(dir.path(), 1).await.expect("it opens");
    store.bootstrap().await.expect("it leads");
    create(&store, "one").await;
    store.shutdown().await;
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_refused_with_what_to_install() {
    for file in ["raft-log.db", "state.db"] {
        let dir = used().await;
        pragma(&dir.path().join(file), "PRAGMA user_version = 99");
        let error = refusal(dir.path(), 1).await;
        assert!(error.contains("format 99") && error.contains("install the version"), "{file}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_file_is_refused_and_stays_as_it_is() {
    for file in ["raft-log.db", "state.db"] {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join(file);
        std::fs::write(&path, "this is my diary, and no database at all".repeat(99)).expect("it is written");
        let before = std::fs::read(&path).expect("the diary");
        let error = refusal(dir.path(), 1).await;
        assert!(error.contains("not a database of seedbed"), "{error}");
        assert_eq!(std::fs::read(&path).expect("the diary"), before);
        std::fs::remove_file(&path).expect("it goes");
        pragma(&path, "CREATE TABLE bookmarks (url TEXT)");
        let error = refusal(dir.path(), 1).await;
        assert!(error.contains("not a database of seedbed"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_readable_for_its_owner_alone_wherever_it_is_copied() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = used().await;
    let log = dir.path().join("raft-log.db");
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o644)).expect("as earlier versions made it");
    let store = open(dir.path(), 1).await.expect("it opens");
    create(&store, "two").await;
    store.snapshot().await.expect("a snapshot");
    let mut databases = 0;
    for entry in std::fs::read_dir(dir.path()).expect("a directory").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains(".db") {
            databases += 1;
            assert_eq!(entry.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
    assert!(databases > 4, "two databases with their logs, and a snapshot");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_member_is_refused() {
    let dir = used().await;
    let error = refusal(dir.path(), 2).await;
    assert!(error.contains("belongs to member 1, not to member 2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_in_use_is_refused() {
    let dir = TempDir::new().expect("a directory");
    let store = open(dir.path(), 1).await.expect("it opens");
    let error = refusal(dir.path(), 1).await;
    assert!(error.contains("another process uses"), "{error}");
    store.shutdown().await;
    open(dir.path(), 1).await.expect("it opens again").shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_made_is_named() {
    let dir = TempDir::new().expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("it is written");
    let error = refusal(&dir.path().join("file/database"), 1).await;
    assert!(error.contains("cannot create") && error.contains("writable"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("a directory");
    let store = open(&dir.path().join("database"), 1).await.expect("it opens");
    let mode = std::fs::metadata(dir.path().join("database")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    store.shutdown().await;
}

/// A copy of the files as a crash would leave them: nothing is closed, nothing is folded in.
fn crash_copy(from: &Path) -> TempDir {
    let to = TempDir::new().expect("a directory");
    for entry in std::fs::read_dir(from).expect("the files") {
        let entry = entry.expect("a file");
        // The index of the WAL is made anew by whoever opens it after a crash.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.path().join(entry.file_name())).expect("it is copied");
        }
    }
    to
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_every_acknowledged_write_is_there() {
    let cluster = Cluster::alone().await;
    for number in 0..50 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    let copy = crash_copy(&cluster.dir(1));
    let store = open(copy.path(), 1).await.expect("it opens");
    assert!(store.is_formed());
    store.barrier().await.expect("it leads");
    assert_eq!(names(&store).len(), 50);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_a_power_cut_rolled_back_is_replayed_from_the_log() {
    let cluster = Cluster::alone().await;
    create(cluster.store(1), "early").await;
    let old = crash_copy(&cluster.dir(1));
    for number in 0..50 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    let copy = crash_copy(&cluster.dir(1));
    for file in ["state.db", "state.db-wal"] {
        std::fs::copy(old.path().join(file), copy.path().join(file)).expect("it is rolled back");
    }
    let store = open(copy.path(), 1).await.expect("it opens");
    store.barrier().await.expect("it leads");
    assert_eq!(names(&store).len(), 51);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_a_crash_has_torn_is_made_again_from_the_snapshot_and_the_log() {
    let timing = Timing { snapshot_after_entries: 20, keep_entries: 2, ..super::kit::timing() };
    let cluster = Cluster::alone_with(timing).await;
    for number in 0..30 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    cluster.store(1).snapshot().await.expect("it is taken");
    for number in 30..40 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    let copy = crash_copy(&cluster.dir(1));
    std::fs::write(copy.path().join("state.db"), [7; 40_000]).expect("it is torn");
    std::fs::remove_file(copy.path().join("state.db-wal")).expect("it is gone");
    let store = open(copy.path(), 1).await;
    let error = store.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("not a database of seedbed"), "a file without our mark is never removed: {error}");
    let mut torn = std::fs::read(cluster.dir(1).join("state.db")).expect("the state");
    torn.resize(torn.len().max(40_960), 0);
    torn[4096..].fill(7);
    std::fs::write(copy.path().join("state.db"), torn).expect("it is torn");
    let store = open(copy.path(), 1).await.expect("it opens");
    store.barrier().await.expect("it leads");
    assert_eq!(names(&store).len(), 40);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_damaged_on_the_way_is_refused() {
    let cluster = Cluster::alone().await;
    create(cluster.store(1), "one").await;
    cluster.store(1).snapshot().await.expect("it is taken");
    let files = std::fs::read_dir(cluster.dir(1)).expect("the files");
    let snapshot = files
        .map(|entry| entry.expect("a file").path())
        .find(|path| path.to_string_lossy().contains("snapshot-"))
        .expect("a snapshot");
    let whole = std::fs::read(&snapshot).expect("it reads");
    assert!(machine::checked_snapshot(&snapshot).is_ok());
    for at in [whole.len() / 2, whole.len() - 1000] {
        let mut bytes = whole.clone();
        bytes[at..at + 400].fill(0xEE);
        std::fs::write(&snapshot, bytes).expect("it is damaged");
        let sum = machine::digest(&snapshot).expect("it reads");
        std::fs::write(&snapshot, &whole).expect("it is whole");
        assert_ne!(sum, machine::digest(&snapshot).expect("it reads"));
    }
    std::fs::write(&snapshot, &whole[..whole.len() / 2]).expect("it is cut short");
    assert!(machine::checked_snapshot(&snapshot).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_log_cannot_be_written_the_member_stops_with_one_clear_error_and_a_restart_goes_on() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    create(store, "before").await;
    // SQLite reports this like any other write that fails, such as one on a full disk.
    let full = Connection::open(cluster.dir(1).join("raft-log.db")).expect("the log");
    full.execute_batch("BEGIN IMMEDIATE").expect("it is held");
    let refused = store.submit(write("lost", profile("lost"), "x", None)).await.expect_err("it stops");
    let StoreError::Unknown { cause } = &refused else { panic!("it may have been carried out: {refused:?}") };
    let refused = format!("{refused}: {cause}");
    assert!(refused.contains("has stopped: cannot write the log") && refused.contains("may have been"), "{refused}");
    let why = tokio::time::timeout(Duration::from_secs(5), store.stopped()).await.expect("it says that it stopped");
    assert!(matches!(why, StoreError::Stopped { .. }), "{why:?}");
    full.execute_batch("ROLLBACK").expect("it is let go");
    let again = store.submit(write("again", profile("again"), "x", None)).await.expect_err("it stays stopped");
    assert!(matches!(again, StoreError::Stopped { .. }), "{again:?}");
    let read = store.list("profile").expect_err("an old copy is not shown as the present");
    assert!(matches!(read, StoreError::Stopped { .. }), "{read:?}");
    super::kit::eventually("it no longer leads", || !store.leadership().borrow().is_me).await;
    let dir = cluster.dir(1);
    store.shutdown().await;
    let store = open(&dir, 1).await.expect("it opens");
    store.barrier().await.expect("it leads");
    assert_eq!(names(&store), ["before"]);
    create(&store, "after").await;
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_a_batch_gets_an_outcome_when_the_leader_stops_in_its_middle() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    let full = Connection::open(cluster.dir(1).join("raft-log.db")).expect("the log");
    full.execute_batch("BEGIN IMMEDIATE").expect("it is held");
    let command = |name: &str| codec::propose(write(name, profile(name), "x", None)).expect("it is small");
    let proposals = ["one", "two", "three", "four"].map(command);
    let body = wire::submit(MemberId(1), proposals.iter()).expect("it is written");
    let answer = store.answer(Rpc::Submit, body).await.expect("an answer");
    let outcomes: Vec<wire::Outcome> = wire::read(&answer).expect("it reads");
    assert_eq!(outcomes.len(), proposals.len());
    let carried_out = |outcome: &wire::Outcome| matches!(outcome, wire::Outcome::Done { .. });
    assert!(!outcomes.iter().any(carried_out));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_snapshot_that_did_not_arrive_whole() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    let broken_off = store.incoming();
    std::fs::write(broken_off.path(), "half of it").expect("it is written");
    drop(broken_off);
    let refused = store.incoming();
    std::fs::write(refused.path(), "no snapshot").expect("it is written");
    store.receive_snapshot(Bytes::new(), refused).await.expect_err("it is refused");
    let left = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("the files");
        let names = entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("incoming-") || name.ends_with(".part")).collect::<Vec<_>>()
    };
    assert_eq!(left(&cluster.dir(1)), Vec::<String>::new());
    let copy = crash_copy(&cluster.dir(1));
    for name in ["incoming-7.db", "snapshot-00000000000000000007.part"] {
        std::fs::write(copy.path().join(name), "left by a crash").expect("it is written");
    }
    open(copy.path(), 1).await.expect("it opens").shutdown().await;
    assert_eq!(left(copy.path()), Vec::<String>::new());
}
