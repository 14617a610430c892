//! The thread that owns the log's file.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use openraft::storage::IOFlushed;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::store::failure::Failure;
use crate::store::raft::types::Config;

/// So many operations share one sync at most.
const BATCH_MAX: usize = 64;
/// How long the committed index waits for a write that takes it along, before it is written by itself.
const COMMITTED_LAG_MAX: Duration = Duration::from_millis(50);

/// One change of the file.
pub(super) enum Op {
    Append {
        rows: Vec<(u64, Vec<u8>)>,
        callback: IOFlushed<Config>,
    },
    Meta {
        name: &'static str,
        value: Vec<u8>,
        done: oneshot::Sender<io::Result<()>>,
    },
    Truncate {
        from: u64,
        done: oneshot::Sender<io::Result<()>>,
    },
    Purge {
        upto: u64,
        name: &'static str,
        value: Vec<u8>,
        done: oneshot::Sender<io::Result<()>>,
    },
    /// What is committed by now. Nobody waits for it: it goes along with the next write, or soon by itself.
    Committed {
        name: &'static str,
        value: Vec<u8>,
    },
    /// Writes what has not been written yet.
    Sync {
        done: oneshot::Sender<io::Result<()>>,
    },
    Stop,
}

/// What is committed, and by when that is to be on disk.
struct Committed {
    name: &'static str,
    value: Vec<u8>,
    due: Instant,
}

pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    failure: Failure,
    flushed: Box<dyn Fn(u64) + Send>,
    committed: Option<Committed>,
    is_broken: bool,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        failure: Failure,
        flushed: Box<dyn Fn(u64) + Send>,
    ) -> Self {
        Self { connection, path, failure, flushed, committed: None, is_broken: false }
    }

    /// Commits whatever is queued as one transaction, until the store closes.
    pub(super) fn run(mut self, queue: &Receiver<Op>) {
        while let Some(first) = self.next(queue) {
            let mut batch: Vec<Op> =
                first.into_iter().chain(std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH_MAX - 1)).collect();
            self.note_committed(&mut batch);
            let is_due = self.committed.as_ref().is_some_and(|committed| committed.due <= Instant::now());
            if batch.is_empty() && !is_due {
                continue;
            }
            let stops = batch.iter().any(|op| matches!(op, Op::Stop));
            let result = self.commit(&batch);
            for op in batch {
                self.answer(op, &result);
            }
            if stops {
                break;
            }
        }
    }

    /// What is asked next; `Some(None)` when it is time to write the committed index, `None` when nobody asks any more.
    fn next(&self, queue: &Receiver<Op>) -> Option<Option<Op>> {
        let Some(committed) = &self.committed else { return queue.recv().ok().map(Some) };
        match queue.recv_timeout(committed.due.saturating_duration_since(Instant::now())) {
            Ok(op) => Some(Some(op)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Takes the newest committed index out of the batch. It is due when the oldest one that is not on disk is.
    fn note_committed(&mut self, batch: &mut Vec<Op>) {
        for op in batch.extract_if(.., |op| matches!(op, Op::Committed { .. })) {
            let Op::Committed { name, value } = op else { continue };
            let due = self.committed.as_ref().map_or_else(|| Instant::now() + COMMITTED_LAG_MAX, |older| older.due);
            self.committed = Some(Committed { name, value, due });
        }
    }

    fn commit(&mut self, batch: &[Op]) -> Result<(), String> {
        let committed = self.committed.take();
        // After a failed sync nobody knows what is on disk: trying again could acknowledge what is not there.
        if self.is_broken {
            return Err("the log has failed before".to_owned());
        }
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            batch.iter().try_for_each(|op| execute(&transaction, op))?;
            if let Some(Committed { name, value, .. }) = &committed {
                save(&transaction, name, value)?;
            }
            transaction.commit()
        };
        write(&mut self.connection).map_err(|error| {
            self.is_broken = true;
            self.failure.stop("write the log", &self.path, error).to_string()
        })
    }

    fn answer(&self, op: Op, result: &Result<(), String>) {
        let result = result.clone().map_err(io::Error::other);
        match op {
            Op::Append { rows, callback } => {
                if let (Ok(()), Some((index, _))) = (&result, rows.last()) {
                    (self.flushed)(*index);
                }
                callback.io_completed(result);
            }
            // Whoever asked may have gone; the change stands all the same.
            Op::Meta { done, .. } | Op::Truncate { done, .. } | Op::Purge { done, .. } | Op::Sync { done } => {
                let _gone = done.send(result);
            }
            Op::Committed { .. } | Op::Stop => {}
        }
    }
}

fn execute(transaction: &Transaction<'_>, op: &Op) -> rusqlite::Result<()> {
    match op {
        Op::Append { rows, .. } => {
            let mut insert = transaction.prepare_cached("INSERT INTO log (idx, entry) VALUES (?1, ?2)")?;
            rows.iter().try_for_each(|(index, entry)| insert.execute((index.cast_signed(), entry)).map(drop))
        }
        Op::Meta { name, value, .. } => save(transaction, name, value),
        Op::Truncate { from, .. } => {
            transaction.execute("DELETE FROM log WHERE idx >= ?1", [from.cast_signed()]).map(drop)
        }
        Op::Purge { upto, name, value, .. } => {
            transaction.execute("DELETE FROM log WHERE idx <= ?1", [upto.cast_signed()])?;
            save(transaction, name, value)
        }
        Op::Committed { .. } | Op::Sync { .. } | Op::Stop => Ok(()),
    }
}

fn save(transaction: &Transaction<'_>, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.prepare_cached(sql)?.execute((name, value)).map(drop)
}
