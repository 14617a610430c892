//! The requests that were carried out lately, so that a retry does nothing.

use std::collections::{HashMap, VecDeque};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::chain;
use crate::model::{Reply, Revision};

/// A retry is recognised for so many entries of the log. A call gives up long before they have passed.
const KEPT: u64 = 32_768;
/// Old receipts leave the file this many at a time, on every member at the same entry.
const SWEEP: u64 = 1024;

/// The digest of a request id.
pub(super) type Request = [u8; 16];

/// What the newest requests gave.
#[derive(Default)]
pub(super) struct Receipts {
    /// By entry, for those that are Applied at their own entry `None`.
    replies: HashMap<Request, (u64, Option<Reply>)>,
    order: VecDeque<(u64, Request)>,
}

impl Receipts {
    /// Reads them back after a start or a snapshot.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut receipts = Self::default();
        let mut statement =
            connection.prepare("SELECT idx, request, reply FROM entries WHERE request IS NOT NULL ORDER BY idx")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let index = row.get::<_, i64>(0)?.cast_unsigned();
            let reply = match row.get_ref(2)?.as_str_or_null()? {
                Some(text) => Some(serde_json::from_str(text).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
                })?),
                None => None,
            };
            receipts.insert(index, row.get(1)?, reply);
        }
        Ok(receipts)
    }

    /// The first reply to a request.
    pub(super) fn get(&self, request: &Request) -> Option<Reply> {
        let (index, reply) = self.replies.get(request)?;
        Some(reply.clone().unwrap_or(Reply::Applied { revision: Revision(*index) }))
    }

    /// Keeps the reply to a request that stands at `index`, and forgets what is too old. Receipts leave at the same
    /// entries on every member, however those batch: a retry must mean the same everywhere.
    pub(super) fn insert(&mut self, index: u64, request: Request, reply: Option<Reply>) {
        self.replies.insert(request, (index, reply));
        self.order.push_back((index, request));
    }

    /// Forgets what is too old once the entry `index` is reached.
    pub(super) fn expire(&mut self, index: u64) {
        let oldest = oldest_kept(index);
        while let Some((at, request)) = self.order.front().copied().filter(|(at, _)| *at < oldest) {
            self.order.pop_front();
            if self.replies.get(&request).is_some_and(|(newest, _)| *newest == at) {
                self.replies.remove(&request);
            }
        }
    }
}

/// The oldest entry whose receipt is kept at the entry `index`: moves in steps.
fn oldest_kept(index: u64) -> u64 {
    (index / SWEEP * SWEEP).saturating_sub(KEPT)
}

/// Removes receipts that are too old, and what the audit log says of them, when the batch from `first` to `last` has passed a step.
pub(super) fn sweep(connection: &Connection, first: u64, last: u64) -> rusqlite::Result<()> {
    if oldest_kept(last) > oldest_kept(first.saturating_sub(1)) {
        chain::drop_before(connection, oldest_kept(last))?;
        let sql = "DELETE FROM entries WHERE idx < ?1";
        connection.prepare_cached(sql)?.execute([oldest_kept(last).cast_signed()])?;
    }
    Ok(())
}

/// The digest that stands for a request id.
pub(super) fn digest(request: &str) -> Request {
    let mut short = Request::default();
    short.copy_from_slice(&Sha256::digest(request)[..16]);
    short
}

/// What is stored of a reply: nothing for the usual one.
pub(super) fn stored(reply: &Reply, index: u64) -> Option<Reply> {
    (*reply != Reply::Applied { revision: Revision(index) }).then(|| reply.clone())
}
