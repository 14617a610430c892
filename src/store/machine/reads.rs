//! Local reads: a few read-only connections beside the one that writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;

use super::chain::{self, AuditAsk};
use super::{lock, rows};
use crate::model::{AuditCheck, Audited, ClusterState, Key, Known, MemberName, Object, ReadSet, Revision};
use crate::store::disk;
use crate::store::error::StoreError;
use crate::store::failure::Failure;

/// So many connections are kept. More readers at once open their own.
const KEPT: usize = 4;

/// The reading connections.
pub(in crate::store) struct Reads {
    path: PathBuf,
    failure: Failure,
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Reads {
    pub(super) fn new(path: PathBuf, failure: Failure) -> Self {
        Self { path, failure, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Closes them, so that the writer can fold its WAL into the file. Readers at work close theirs when they are done.
    pub(super) fn close(&self) {
        lock(&self.idle).take();
    }

    /// Runs a short query in one read transaction: it sees one revision. What has stopped falls behind, and must not
    /// show its old copy as if it were the present.
    fn query<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.failure.check()?;
        let idle = match lock(&self.idle).as_mut() {
            Some(idle) => idle.pop(),
            // Another database may lie at this path by now.
            None => return Err(StoreError::Closed),
        };
        let connection = match idle {
            Some(connection) => connection,
            None => disk::open_reader(&self.path)?,
        };
        let fail = |error| disk::refused("read", &self.path, error);
        // Kept statements: BEGIN and COMMIT as text would be parsed for each of many small reads.
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
        run("BEGIN").map_err(fail)?;
        let result = read(&connection);
        // A reader has nothing to commit: where this fails, the connection goes with its transaction.
        run("COMMIT").map_err(fail)?;
        let result = result.map_err(fail)?;
        if let Some(idle) = lock(&self.idle).as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
        Ok(result)
    }

    pub(in crate::store) fn state(&self) -> Result<ClusterState, StoreError> {
        self.query(|connection| {
            let (_, revision) = rows::applied(connection)?;
            let objects = rows::all(connection)?.into_iter().map(|object| (object.key.clone(), object));
            Ok(ClusterState { revision, objects: objects.collect::<BTreeMap<_, _>>() })
        })
    }

    pub(in crate::store) fn part(&self, ask: &dyn Fn(&Known) -> ReadSet) -> Result<ClusterState, StoreError> {
        self.query(|connection| {
            let (_, revision) = rows::applied(connection)?;
            let known = Known::gather(ask, |extent| rows::within(connection, extent))?;
            Ok(ClusterState { revision, ..known.state })
        })
    }

    pub(in crate::store) fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.query(|connection| rows::get(connection, key))
    }

    pub(in crate::store) fn list(&self, kind: &str) -> Result<Vec<Object>, StoreError> {
        self.query(|connection| rows::of_kind(connection, kind))
    }

    pub(in crate::store) fn work(&self, member: &MemberName) -> Result<Vec<Object>, StoreError> {
        self.query(|connection| rows::due_on(connection, member.as_str()))
    }

    pub(in crate::store) fn audit(&self, ask: &AuditAsk) -> Result<Vec<Audited>, StoreError> {
        self.query(|connection| chain::list(connection, ask))
    }

    pub(in crate::store) fn audit_next(&self, after: Revision, limit: usize) -> Result<Vec<Audited>, StoreError> {
        self.query(|connection| chain::next(connection, after, limit))
    }

    pub(in crate::store) fn audit_check(&self, from: Revision, to: Revision) -> Result<AuditCheck, StoreError> {
        self.query(|connection| chain::check(connection, from, to))
    }
}
