//! Opening the two SQLite files: whose they are, which format they have, and how they are written.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::error::StoreError;
use super::lock::DirLock;

/// What one of the files is and how it came to its format.
pub(super) struct Format {
    /// Marks the file as ours: SQLite's `application_id`.
    pub(super) application: u32,
    /// Settings that must stand before the first table: they hold for ever.
    pub(super) birth: &'static str,
    /// One script a version; `user_version` counts those that were run.
    pub(super) migrations: &'static [&'static str],
    /// Settings of a writing connection.
    pub(super) writer: &'static str,
}

/// Passwords' hashes and secrets are in it, and somebody may copy it out of its directory. SQLite gives the files beside it
/// the same mode.
pub(super) const PRIVATE: u32 = 0o600;

/// Opens a file for writing, makes it if it is missing, brings it to the newest format.
pub(super) fn open_writer(path: &Path, format: &Format) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = File::options().create(true).append(true).mode(PRIVATE).open(path).map_err(disk("create", path))?;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| refused("open", path, error))?;
    let fail = |error| refused("open", path, error);
    check(&connection, path, format)?;
    make_private(path, &file)?;
    connection.execute_batch(format.birth).map_err(fail)?;
    connection.execute_batch("PRAGMA journal_mode = WAL;").map_err(fail)?;
    connection.execute_batch(format.writer).map_err(fail)?;
    migrate(&mut connection, path, format)?;
    Ok(connection)
}

fn make_private(path: &Path, file: &File) -> Result<(), StoreError> {
    let private = || Permissions::from_mode(PRIVATE);
    file.set_permissions(private()).map_err(disk("protect", path))?;
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        match fs::set_permissions(&beside, private()) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(disk("protect", Path::new(&beside))(cause));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Opens a file that must be there, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fail = |error| refused("read", path, error);
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -512;",
        )
        .map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Refuses a file that is not ours, or newer than this program.
pub(super) fn check(connection: &Connection, path: &Path, format: &Format) -> Result<(), StoreError> {
    let fail = |error| refused("read", path, error);
    let application: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(fail)?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(fail)?;
    let is_fresh = application == 0 && tables == 0;
    if !is_fresh && application != format.application {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let (found, known) = (version(connection).map_err(fail)?, newest(format));
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Runs the scripts that the file has not seen, each with its number in one transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path, format: &Format) -> Result<(), StoreError> {
    let fail = |error| refused("upgrade", path, error);
    let done = version(connection).map_err(fail)?;
    for (number, script) in (1u32..).zip(format.migrations).skip(done as usize) {
        let upgrade = |transaction: &Transaction<'_>| {
            transaction.execute_batch(script)?;
            transaction.pragma_update(None, "application_id", format.application)?;
            transaction.pragma_update(None, "user_version", number)
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        upgrade(&transaction).and_then(|()| transaction.commit()).map_err(fail)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn newest(format: &Format) -> u32 {
    u32::try_from(format.migrations.len()).unwrap_or(u32::MAX)
}

/// A failure of SQLite in our words. What is no database at all belongs to somebody else.
pub(super) fn refused(doing: &'static str, path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path: path.to_owned(), detail: error.to_string() },
        _ => StoreError::Database { doing, path: path.to_owned(), source: error },
    }
}

/// Makes the directory with mode 0700.
pub(super) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(disk("create", dir))?;
    if let Some(parent) = dir.parent().filter(|parent| parent.is_dir()) {
        sync_dir(parent)?;
    }
    Ok(())
}

/// Takes the directory for this process: two writers would destroy each other's log.
pub(super) fn lock_dir(dir: &Path) -> Result<DirLock, StoreError> {
    let path = dir.join("lock");
    DirLock::take(&path).map_err(|refused| match refused {
        fs::TryLockError::WouldBlock => StoreError::InUse { path: dir.to_owned() },
        fs::TryLockError::Error(source) => StoreError::Disk { doing: "lock", path, source },
    })
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(disk("sync", dir))
}

/// Turns an error of the system into ours.
pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path: PathBuf = path.to_owned();
    move |source| StoreError::Disk { doing, path, source }
}
