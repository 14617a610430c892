//! The thread that owns the log's file.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use openraft::storage::IOFlushed;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::store::failure::Failure;
use crate::store::types::Config;

/// So many operations share one sync at most.
const BATCH_MAX: usize = 64;

/// One change of the file.
pub(super) enum Op {
    Append { rows: Vec<(u64, Vec<u8>)>, callback: IOFlushed<Config> },
    Meta { name: &'static str, value: Vec<u8>, done: oneshot::Sender<io::Result<()>> },
    Truncate { from: u64, done: oneshot::Sender<io::Result<()>> },
    Purge { upto: u64, name: &'static str, value: Vec<u8>, done: oneshot::Sender<io::Result<()>> },
    Stop,
}

pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    failure: Failure,
    flushed: Box<dyn Fn(u64) + Send>,
    is_broken: bool,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        failure: Failure,
        flushed: Box<dyn Fn(u64) + Send>,
    ) -> Self {
        Self { connection, path, failure, flushed, is_broken: false }
    }

    /// Commits whatever is queued as one transaction, until the store closes.
    pub(super) fn run(mut self, queue: &Receiver<Op>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            batch.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH_MAX - 1));
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

    fn commit(&mut self, batch: &[Op]) -> Result<(), String> {
        // After a failed sync nobody knows what is on disk: trying again could acknowledge what is not there.
        if self.is_broken {
            return Err("the log has failed before".to_owned());
        }
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            batch.iter().try_for_each(|op| execute(&transaction, op))?;
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
            Op::Meta { done, .. } | Op::Truncate { done, .. } | Op::Purge { done, .. } => {
                let _gone = done.send(result);
            }
            Op::Stop => {}
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
        Op::Stop => Ok(()),
    }
}

fn save(transaction: &Transaction<'_>, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.prepare_cached(sql)?.execute((name, value)).map(drop)
}
