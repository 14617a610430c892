//! How commands and log entries are written to disk and to the wire. Pinned by golden files: members of
//! different versions read each other's.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use openraft::entry::EntryPayload;
use openraft::impls::leader_id_adv::LeaderId;

use super::types::{Entry, LogId, Proposal};
use crate::model::Command;
use crate::store::error::StoreError;

/// Stands before the JSON of every command.
const COMMAND_VERSION: u8 = 1;
/// Stands before every entry.
const ENTRY_VERSION: u8 = 1;
/// Version, kind, term, leader and index.
const ENTRY_HEAD_BYTES: usize = 2 + 3 * 8;
/// A larger command would hold up the heartbeats behind it.
pub const COMMAND_BYTES_MAX: usize = 8 << 20;

/// A command as it goes into the log: a version byte, then JSON.
pub fn propose(command: Command) -> Result<Proposal, StoreError> {
    let mut bytes = vec![COMMAND_VERSION];
    serde_json::to_writer(&mut bytes, &command).map_err(|error| StoreError::Message { detail: error.to_string() })?;
    if bytes.len() > COMMAND_BYTES_MAX {
        return Err(StoreError::TooLarge { bytes: bytes.len(), bytes_max: COMMAND_BYTES_MAX });
    }
    Ok(Proposal { bytes: bytes.into(), command: Some(Arc::new(command)) })
}

/// Reads a command. One of a version that this program does not know is an error: whoever skipped it would
/// hold another state than the other members.
pub fn read_command(bytes: &[u8]) -> Result<Command, String> {
    match bytes.split_first() {
        Some((&COMMAND_VERSION, json)) => serde_json::from_slice(json).map_err(|error| format!("a command: {error}")),
        Some((version, _)) => Err(format!("a command has format {version}, but this seedbed knows only 1: upgrade it")),
        None => Err("a command is empty".to_owned()),
    }
}

/// Takes a command that another member proposes, having read it: what this member cannot read must not enter the log.
pub fn propose_bytes(bytes: Bytes) -> Result<Proposal, String> {
    let command = Arc::new(read_command(&bytes)?);
    Ok(Proposal { bytes, command: Some(command) })
}

/// What an entry carries.
const BLANK: u8 = 0;
const COMMAND: u8 = 1;
const MEMBERSHIP: u8 = 2;

/// Appends an entry to `out`: version, kind, term, leader and index, then what it carries.
pub fn write_entry(entry: &Entry, out: &mut Vec<u8>) -> io::Result<()> {
    let (kind, body): (u8, Bytes) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(proposal) => (COMMAND, proposal.bytes.clone()),
        EntryPayload::Membership(membership) => (MEMBERSHIP, serde_json::to_vec(membership)?.into()),
    };
    out.reserve(ENTRY_HEAD_BYTES + body.len());
    out.extend([ENTRY_VERSION, kind]);
    write_log_id(&entry.log_id, out);
    out.extend_from_slice(&body);
    Ok(())
}

/// Reads what [`write_entry`] wrote.
pub fn read_entry(bytes: &Bytes) -> io::Result<Entry> {
    if bytes.len() < ENTRY_HEAD_BYTES || bytes[0] != ENTRY_VERSION {
        return Err(unreadable("a log entry has a format that this seedbed does not know: upgrade it"));
    }
    let log_id = read_log_id(&bytes[2..ENTRY_HEAD_BYTES])?;
    let body = bytes.slice(ENTRY_HEAD_BYTES..);
    let payload = match bytes[1] {
        BLANK => EntryPayload::Blank,
        COMMAND => EntryPayload::Normal(Proposal { bytes: body, command: None }),
        MEMBERSHIP => EntryPayload::Membership(serde_json::from_slice(&body)?),
        _ => return Err(unreadable("a log entry carries something that this seedbed does not know: upgrade it")),
    };
    Ok(Entry { log_id, payload })
}

pub fn write_log_id(id: &LogId, out: &mut Vec<u8>) {
    for number in [id.leader_id.term, id.leader_id.node_id, id.index] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

pub fn read_log_id(bytes: &[u8]) -> io::Result<LogId> {
    let number = |at: usize| -> io::Result<u64> {
        let eight = bytes.get(at..at + 8).and_then(|slice| slice.try_into().ok());
        eight.map(u64::from_le_bytes).ok_or_else(|| unreadable("a log id is cut short"))
    };
    Ok(log_id(number(0)?, number(8)?, number(16)?))
}

/// The id of an entry.
pub fn log_id(term: u64, leader: u64, index: u64) -> LogId {
    LogId { leader_id: LeaderId { term, node_id: leader }, index }
}

pub fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
