//! The bodies of the calls between members.
//!
//! Each begins with a version byte and the id of the member that it is for: an address that has been given to
//! another member must not make that one answer in its place.

use bytes::{BufMut, Bytes, BytesMut};
use openraft::raft::{AppendEntriesRequest, SnapshotResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec;
use super::types::{Config, LogId, Proposal, SnapshotMeta, Vote};
use crate::model::{MemberId, Reply};
use crate::store::error::StoreError;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 8;

/// What an append carries beside its entries.
#[derive(Serialize, Deserialize)]
struct AppendHead {
    vote: Vote,
    prev_log_id: Option<LogId>,
    leader_commit: Option<LogId>,
}

/// What goes before a snapshot's file.
#[derive(Serialize, Deserialize)]
pub struct SnapshotHead {
    pub vote: Vote,
    pub meta: SnapshotMeta,
    pub sha256: String,
}

/// What the leader says of one proposed command.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was applied as the entry `index`, with this reply.
    Done { index: u64, reply: Reply },
    /// This member does not lead, or lost the lead: ask again.
    NotLeader,
    /// It was not put into the log, for this reason.
    Unreadable(String),
    /// The leader has stopped.
    Stopped(String),
}

/// What the leader says to a reader.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadIndex {
    /// Read once this entry is applied.
    After(u64),
    /// This member does not lead, or cannot reach most voters.
    NotLeader,
}

pub fn message(detail: impl ToString) -> StoreError {
    StoreError::Message { detail: detail.to_string() }
}

fn head(to: MemberId) -> BytesMut {
    let mut body = BytesMut::with_capacity(256);
    body.put_u8(VERSION);
    body.put_u64_le(to.0);
    body
}

/// Checks the head of a body and gives the rest.
pub fn open(body: &Bytes, me: MemberId) -> Result<Bytes, StoreError> {
    if body.len() < HEAD_BYTES || body[0] != VERSION {
        return Err(message("its format is unknown"));
    }
    let to: [u8; 8] = body[1..HEAD_BYTES].try_into().map_err(message)?;
    let to = u64::from_le_bytes(to);
    if to != me.0 {
        return Err(message(format!("it is for member {to}, and this is member {me}")));
    }
    Ok(body.slice(HEAD_BYTES..))
}

/// Anything small, as JSON.
pub fn json<T: Serialize>(to: MemberId, value: &T) -> Result<Bytes, StoreError> {
    let mut writer = head(to).writer();
    serde_json::to_writer(&mut writer, value).map_err(message)?;
    Ok(writer.into_inner().freeze())
}

/// An answer, as JSON.
pub fn answer<T: Serialize>(value: &T) -> Result<Bytes, StoreError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(message)
}

pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body).map_err(message)
}

/// An answer to a snapshot.
pub fn read_snapshot_response(body: &[u8]) -> Result<SnapshotResponse<Config>, StoreError> {
    read(body)
}

fn put_part(body: &mut BytesMut, part: &[u8]) -> Result<(), StoreError> {
    body.put_u32_le(u32::try_from(part.len()).map_err(message)?);
    body.put_slice(part);
    Ok(())
}

fn take_part(rest: &mut Bytes) -> Result<Bytes, StoreError> {
    let cut = || message("it is cut short");
    let length: [u8; 4] = rest.get(..4).and_then(|four| four.try_into().ok()).ok_or_else(cut)?;
    let end = 4 + u32::from_le_bytes(length) as usize;
    if rest.len() < end {
        return Err(cut());
    }
    let part = rest.slice(4..end);
    *rest = rest.slice(end..);
    Ok(part)
}

fn take_parts(mut rest: Bytes) -> Result<Vec<Bytes>, StoreError> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        parts.push(take_part(&mut rest)?);
    }
    Ok(parts)
}

/// Entries for a follower: a head, then each entry as it lies in the log.
pub fn append(to: MemberId, request: &AppendEntriesRequest<Config>) -> Result<Bytes, StoreError> {
    let AppendEntriesRequest { vote, prev_log_id, entries, leader_commit } = request;
    let mut body = head(to);
    let head = AppendHead { vote: *vote, prev_log_id: *prev_log_id, leader_commit: *leader_commit };
    put_part(&mut body, &serde_json::to_vec(&head).map_err(message)?)?;
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.clear();
        codec::write_entry(entry, &mut bytes).map_err(message)?;
        put_part(&mut body, &bytes)?;
    }
    Ok(body.freeze())
}

pub fn read_append(mut rest: Bytes) -> Result<AppendEntriesRequest<Config>, StoreError> {
    let AppendHead { vote, prev_log_id, leader_commit } = read(&take_part(&mut rest)?)?;
    let entries = take_parts(rest)?.iter().map(codec::read_entry).collect::<Result<_, _>>().map_err(message)?;
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

/// Commands for the leader.
pub fn submit<'a>(to: MemberId, proposals: impl Iterator<Item = &'a Proposal>) -> Result<Bytes, StoreError> {
    let mut body = head(to);
    for proposal in proposals {
        put_part(&mut body, &proposal.bytes)?;
    }
    Ok(body.freeze())
}

/// Commands from another member, each read once so that nothing unreadable enters the log.
pub fn read_submit(rest: Bytes) -> Result<Vec<Result<Proposal, String>>, StoreError> {
    Ok(take_parts(rest)?.into_iter().map(codec::propose_bytes).collect())
}
