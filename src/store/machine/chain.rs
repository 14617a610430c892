//! The audit log in the table of entries: a chain of hashes, so that nobody can change or drop an entry unseen.

use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::rows;
use crate::model::{AuditCheck, AuditEntry, Audited, Broken, Revision};

/// SHA-256 of the hash before, the number of the entry, and its text.
pub(super) type Hash = [u8; 32];

/// One entry as it is stored.
pub(super) type Link = (String, Hash);

/// What is asked of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditAsk {
    /// Only entries that touch this object, as a [`Key`](crate::model::Key) is written.
    pub key: Option<String>,
    /// Only entries that were made at this moment or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// The newest so many; 0 for all.
    pub limit: usize,
}

/// The hash that the next entry builds upon.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Hash> {
    let sql = "SELECT hash FROM entries WHERE hash IS NOT NULL ORDER BY idx DESC LIMIT 1";
    match connection.query_row(sql, [], |row| row.get(0)).optional()? {
        Some(hash) => Ok(hash),
        None => anchor(connection),
    }
}

/// Adds an entry to the chain.
pub(super) fn link(before: &Hash, revision: Revision, entry: &AuditEntry) -> Result<Link, serde_json::Error> {
    let text = serde_json::to_string(entry)?;
    let hash = hashed(before, revision, &text);
    Ok((text, hash))
}

fn hashed(before: &Hash, revision: Revision, text: &str) -> Hash {
    let hash = Sha256::new().chain_update(before).chain_update(revision.0.to_le_bytes()).chain_update(text);
    hash.finalize().into()
}

fn anchor(connection: &Connection) -> rusqlite::Result<Hash> {
    let anchor = connection.query_row("SELECT hash FROM audit_anchor", [], |row| row.get(0)).optional()?;
    Ok(anchor.unwrap_or_default())
}

/// Keeps the hash at the end of what is about to be dropped.
pub(super) fn drop_before(connection: &Connection, index: u64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO audit_anchor (id, hash)
         SELECT 1, hash FROM entries WHERE idx < ?1 AND hash IS NOT NULL ORDER BY idx DESC LIMIT 1";
    connection.prepare_cached(sql)?.execute([index.cast_signed()]).map(drop)
}

/// The entries that are asked for, the newest first.
pub(super) fn list(connection: &Connection, ask: &AuditAsk) -> rusqlite::Result<Vec<Audited>> {
    let mut found = Vec::new();
    let sql = "SELECT idx, audit, hash FROM entries WHERE audit IS NOT NULL ORDER BY idx DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (revision, text, hash) = stored(row)?;
        // What cannot be read any more was tampered with: the check tells.
        let Ok(entry) = serde_json::from_str::<AuditEntry>(&text) else { continue };
        let is_of = |key: &String| entry.what.iter().any(|deed| deed.key == *key);
        let is_new = |since: i64| entry.at.0 >= since;
        if ask.key.as_ref().is_none_or(is_of) && ask.since_ms.is_none_or(is_new) {
            found.push(Audited { revision, entry, hash: hex(&hash) });
        }
        if found.len() == ask.limit && ask.limit > 0 {
            break;
        }
    }
    Ok(found)
}

/// The next entries after `after`, the oldest first.
pub(super) fn next(connection: &Connection, after: Revision, limit: usize) -> rusqlite::Result<Vec<Audited>> {
    let sql = "SELECT idx, audit, hash FROM entries WHERE audit IS NOT NULL AND idx > ?1 ORDER BY idx LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let bounds = [after.0.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)];
    let mut rows = statement.query(bounds)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (revision, text, hash) = stored(row)?;
        // What cannot be read any more was tampered with: the check tells.
        let Ok(entry) = serde_json::from_str::<AuditEntry>(&text) else { continue };
        found.push(Audited { revision, entry, hash: hex(&hash) });
    }
    Ok(found)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<(Revision, String, Vec<u8>)> {
    let text = String::from_utf8_lossy(row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default()).into_owned();
    let hash = row.get_ref(2)?.as_bytes_or_null()?.unwrap_or_default().to_vec();
    Ok((Revision(row.get::<_, i64>(0)?.cast_unsigned()), text, hash))
}

/// Walks the whole chain, and hashes what lies from `from` to `to` once more by itself.
pub(super) fn check(connection: &Connection, from: Revision, to: Revision) -> rusqlite::Result<AuditCheck> {
    let mut walk = Walk { hash: anchor(connection)?, ..Walk::default() };
    let sql = "SELECT idx, audit, hash FROM entries WHERE audit IS NOT NULL OR hash IS NOT NULL ORDER BY idx";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let (mut digest, mut compared) = (Hash::default(), 0);
    while let Some(row) = rows.next()? {
        let (revision, text, hash) = stored(row)?;
        walk.step(revision, &text, &hash);
        if (from..=to).contains(&revision) {
            digest = hashed(&digest, revision, &text);
            compared += 1;
        }
    }
    let Walk { hash, entries, first, last, broken } = walk;
    let (_, applied) = rows::applied(connection)?;
    Ok(AuditCheck { applied, entries, first, last, head: hex(&hash), broken, digest: hex(&digest), compared })
}

#[derive(Default)]
struct Walk {
    hash: Hash,
    entries: u64,
    first: Revision,
    last: Revision,
    broken: Option<Broken>,
}

impl Walk {
    fn step(&mut self, revision: Revision, text: &str, hash: &[u8]) {
        if self.entries == 0 {
            self.first = revision;
        }
        self.entries += 1;
        self.last = revision;
        let wanted = hashed(&self.hash, revision, text);
        if self.broken.is_none() && wanted != *hash {
            let why = match (text.is_empty(), hash.is_empty()) {
                (true, _) => "its text is gone",
                (_, true) => "its hash is gone",
                _ => "its text, its hash or the entry before it is not what was written",
            };
            self.broken = Some(Broken { revision, why: why.to_owned() });
        }
        // Goes on from what stands there: an entry is told broken for its own sake, not for one before it.
        self.hash = hash.try_into().unwrap_or(wanted);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
