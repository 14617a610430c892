//! The thread that applies the log: one transaction a batch, the entry's number in the same transaction.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use openraft::EntryPayload;
use openraft::storage::EntryResponder;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::apply::{Transition, transition};
use super::audit;
use super::chain::{self, Hash, Link};
use super::receipts::{self, Receipts, Request};
use super::state_view::{View, request};
use super::{Progress, Watches, rows, snapshot};
use crate::model::{Command, Key, MemberName, Object, Reply, Revision};
use crate::store::disk;
use crate::store::error::StoreError;
use crate::store::failure::Failure;
use crate::store::raft::codec;
use crate::store::raft::types::{Config, Entry, LogId, Proposal, StoredMembership};

type Applied = (Option<LogId>, StoredMembership);

/// What the thread is asked to do.
pub(super) enum Job {
    Apply { entries: Vec<EntryResponder<Config>>, done: oneshot::Sender<io::Result<()>> },
    Install { file: PathBuf, done: oneshot::Sender<io::Result<()>> },
    AppliedState { done: oneshot::Sender<io::Result<Applied>> },
    Stop,
}

pub(super) struct Applier {
    connection: Connection,
    path: PathBuf,
    failure: Failure,
    receipts: Receipts,
    /// Where the chain of the audit log ends.
    head: Hash,
    watches: Watches,
}

impl Applier {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        failure: Failure,
        watches: Watches,
    ) -> Result<Self, StoreError> {
        connection.set_prepared_statement_cache_capacity(32);
        let mut applier =
            Self { connection, path, failure, receipts: Receipts::default(), head: Hash::default(), watches };
        applier.load().map_err(|error| disk::refused("read", &applier.path, error))?;
        Ok(applier)
    }

    /// Reads back what is kept in memory.
    fn load(&mut self) -> rusqlite::Result<()> {
        self.receipts = Receipts::load(&self.connection)?;
        self.head = chain::head(&self.connection)?;
        let (applied, revision) = rows::applied(&self.connection)?;
        self.receipts.expire(applied.map_or(0, |id| id.index));
        self.watches.tell(Progress { applied, revision });
        Ok(())
    }

    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            // Whoever asked may have gone; what was done stands all the same.
            match job {
                Job::Apply { entries, done } => {
                    let _gone = done.send(self.apply(entries));
                }
                Job::Install { file, done } => {
                    let _gone = done.send(self.install(&file));
                }
                Job::AppliedState { done } => {
                    let _gone = done.send(self.applied_state());
                }
                Job::Stop => break,
            }
        }
        self.fold();
    }

    /// Syncs the state and folds its WAL in: a power cut after a clean stop takes nothing back. Where it fails, the log
    /// has everything.
    fn fold(&self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::debug!(%error, "the state was not folded into `{}`", self.path.display());
        }
    }

    fn applied_state(&self) -> io::Result<Applied> {
        let fail = |error| io::Error::other(format!("cannot read `{}`: {error}", self.path.display()));
        let (applied, _) = rows::applied(&self.connection).map_err(fail)?;
        Ok((applied, rows::membership(&self.connection).map_err(fail)?))
    }

    fn install(&mut self, file: &std::path::Path) -> io::Result<()> {
        let restored = snapshot::restore(&mut self.connection, file)
            .and_then(|()| self.load().map_err(|error| disk::refused("read", &self.path, error)));
        restored.map_err(|error| self.failure.stop("install a snapshot into", &self.path, super::Chain(&error)))
    }

    fn apply(&mut self, entries: Vec<EntryResponder<Config>>) -> io::Result<()> {
        self.failure.check().map_err(io::Error::other)?;
        let (entries, responders): (Vec<Entry>, Vec<_>) = entries.into_iter().unzip();
        let result = self.commit(&entries);
        let replies = result.map_err(|cause| self.failure.stop("apply the log to", &self.path, cause))?;
        for (reply, responder) in replies.into_iter().zip(responders) {
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<Vec<Reply>, String> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let text = |error: rusqlite::Error| error.to_string();
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior).map_err(text)?;
        let mut batch = Batch {
            tables: Tables::new(&transaction),
            receipts: &self.receipts,
            fresh: Vec::new(),
            head: self.head,
            revision: self.watches.progress.borrow().revision,
        };
        let replies = entries.iter().map(|entry| batch.apply(entry)).collect::<Result<Vec<_>, _>>()?;
        batch.tables.flush().map_err(text)?;
        let (fresh, head, revision) = (batch.fresh, batch.head, batch.revision);
        let has_row = fresh.last().is_some_and(|row| row.id == last.log_id);
        for row in &fresh {
            put_entry(&transaction, row).map_err(text)?;
        }
        if !has_row {
            put_entry(&transaction, &Fresh { id: last.log_id, revision, receipt: None, link: None }).map_err(text)?;
        }
        receipts::sweep(&transaction, first.log_id.index, last.log_id.index).map_err(text)?;
        transaction.commit().map_err(text)?;
        self.head = head;
        for Fresh { id, receipt, .. } in fresh {
            if let Some((request, reply)) = receipt {
                self.receipts.insert(id.index, request, reply);
            }
        }
        self.receipts.expire(last.log_id.index);
        self.watches.tell(Progress { applied: Some(last.log_id), revision });
        Ok(replies)
    }
}

/// What is stored of an entry that was applied.
struct Fresh {
    id: LogId,
    revision: Revision,
    /// The digest of its request, and the reply where that is not the usual one.
    receipt: Option<(Request, Option<Reply>)>,
    /// What the audit log says of it.
    link: Option<Link>,
}

fn put_entry(connection: &Connection, row: &Fresh) -> rusqlite::Result<()> {
    let Fresh { id, revision, receipt, link } = row;
    let reply = receipt.as_ref().and_then(|(_, reply)| reply.as_ref());
    let reply = reply.map(serde_json::to_string).transpose();
    let reply = reply.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let number = u64::cast_signed;
    let sql = "INSERT OR REPLACE INTO entries (idx, term, leader, revision, request, reply, audit, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let leader = id.leader_id;
    connection.prepare_cached(sql)?.execute((
        number(id.index),
        number(leader.term),
        number(leader.node_id),
        number(revision.0),
        receipt.as_ref().map(|(request, _)| request),
        reply,
        link.as_ref().map(|(text, _)| text),
        link.as_ref().map(|(_, hash)| hash),
    ))?;
    Ok(())
}

/// The entries that share a transaction.
struct Batch<'a> {
    tables: Tables<'a>,
    receipts: &'a Receipts,
    /// The rows of this batch.
    fresh: Vec<Fresh>,
    /// Where the chain of the audit log ends.
    head: Hash,
    revision: Revision,
}

impl Batch<'_> {
    fn apply(&mut self, entry: &Entry) -> Result<Reply, String> {
        match &entry.payload {
            EntryPayload::Blank => Ok(Reply::Nothing),
            EntryPayload::Membership(membership) => {
                let stored = StoredMembership::new(Some(entry.log_id), membership.clone());
                rows::put_membership(self.tables.connection, &stored).map_err(|error| error.to_string())?;
                Ok(Reply::Nothing)
            }
            EntryPayload::Normal(proposal) => self.command(entry.log_id, command(proposal)?.as_ref()),
        }
    }

    fn command(&mut self, id: LogId, command: &Command) -> Result<Reply, String> {
        self.revision = Revision(id.index);
        let request = request(command).map(receipts::digest);
        if let Some(reply) = request.and_then(|request| self.known(&request)) {
            return Ok(reply);
        }
        let Transition { objects, reply } = transition(&self.tables, self.revision, command);
        let told = audit::entry(&self.tables, command, &objects);
        self.tables.check()?;
        self.tables.absorb(objects);
        let link = told.map(|entry| chain::link(&self.head, self.revision, &entry)).transpose();
        let link = link.map_err(|error| error.to_string())?;
        if let Some((_, hash)) = &link {
            self.head = *hash;
        }
        let receipt = request.map(|request| (request, receipts::stored(&reply, id.index)));
        if receipt.is_some() || link.is_some() {
            self.fresh.push(Fresh { id, revision: self.revision, receipt, link });
        }
        Ok(reply)
    }

    fn known(&self, request: &Request) -> Option<Reply> {
        let reply = |id: &LogId| Reply::Applied { revision: Revision(id.index) };
        let known = |row: &Fresh| {
            let (_, stored) = row.receipt.as_ref().filter(|(known, _)| known == request)?;
            Some(stored.clone().unwrap_or_else(|| reply(&row.id)))
        };
        self.fresh.iter().find_map(known).or_else(|| self.receipts.get(request))
    }
}

/// The command of an entry: at hand on the leader, read on the others.
fn command(proposal: &Proposal) -> Result<Arc<Command>, String> {
    match &proposal.command {
        Some(command) => Ok(command.clone()),
        None => codec::read_command(&proposal.bytes).map(Arc::new),
    }
}

/// The tables with the changes of this batch on top, which are written once at its end.
struct Tables<'a> {
    connection: &'a Connection,
    /// Objects as they were before the batch.
    loaded: RefCell<BTreeMap<Key, Option<Object>>>,
    changed: BTreeMap<Key, Option<Object>>,
    /// The view cannot fail: what went wrong is kept here and looked at afterwards.
    error: RefCell<Option<String>>,
}

impl<'a> Tables<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self { connection, loaded: RefCell::default(), changed: BTreeMap::new(), error: RefCell::default() }
    }

    fn check(&self) -> Result<(), String> {
        self.error.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn absorb(&mut self, objects: BTreeMap<Key, Option<Object>>) {
        self.changed.extend(objects);
    }

    fn flush(&self) -> rusqlite::Result<()> {
        for (key, new) in &self.changed {
            let old = match self.loaded.borrow().get(key) {
                Some(old) => old.clone(),
                None => rows::get(self.connection, key)?,
            };
            rows::put(self.connection, key, old.as_ref(), new.as_ref())?;
        }
        Ok(())
    }

    fn or_note<T: Default>(&self, result: rusqlite::Result<T>) -> T {
        result.unwrap_or_else(|error| {
            *self.error.borrow_mut() = Some(error.to_string());
            T::default()
        })
    }
}

impl View for Tables<'_> {
    fn object(&self, key: &Key) -> Option<Object> {
        if let Some(object) = self.changed.get(key) {
            return object.clone();
        }
        if let Some(object) = self.loaded.borrow().get(key) {
            return object.clone();
        }
        let object = self.or_note(rows::get(self.connection, key));
        self.loaded.borrow_mut().insert(key.clone(), object.clone());
        object
    }

    fn objects_placed_on(&self, member: &MemberName) -> Vec<Object> {
        let stored = self.or_note(rows::placed_on(self.connection, member.as_str()));
        let stored = stored.into_iter().map(|object| object.key);
        let keys: BTreeSet<Key> = stored.chain(self.changed.keys().cloned()).collect();
        let objects = keys.iter().filter_map(|key| self.object(key));
        objects.filter(|object| object.placements.contains_key(member)).collect()
    }
}
