//! The newest entries in memory, and both ends of the log.

use std::collections::VecDeque;

use openraft::entry::EntryPayload;

use crate::store::raft::types::{Entry, LogId, Vote};

/// So much of the log stays in memory: followers and the state machine read the newest entries only.
const BYTES_MAX: usize = 2 << 20;

/// What the log answers from memory. Entries are here from the moment they are appended, on disk only later.
#[derive(Default)]
pub(super) struct Recent {
    pub(super) vote: Option<Vote>,
    pub(super) purged: Option<LogId>,
    /// What was committed when the log was opened.
    pub(super) committed: Option<LogId>,
    last: Option<LogId>,
    /// Index of the first entry in memory, or of the next one to come.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Every entry before this index is on disk.
    flushed_until: u64,
}

impl Recent {
    pub(super) fn new(vote: Option<Vote>, purged: Option<LogId>, last: Option<LogId>) -> Self {
        let last = last.max(purged);
        let next = last.map_or(0, |id| id.index + 1);
        Self { vote, purged, last, first: next, flushed_until: next, ..Self::default() }
    }

    pub(super) fn last(&self) -> Option<LogId> {
        self.last
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn is_pristine(&self) -> bool {
        self.vote.is_none() && self.last.is_none()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.is_empty() {
            self.first = entry.log_id.index;
        }
        self.last = Some(entry.log_id);
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        self.evict();
    }

    /// All entries up to `index` are on disk. Those that were truncated meanwhile do not count.
    pub(super) fn flushed(&mut self, index: u64) {
        let next = self.last.map_or(0, |id| id.index + 1);
        self.flushed_until = next.min(index + 1);
        self.evict();
    }

    /// Drops the oldest entries; never one that is not on disk yet.
    fn evict(&mut self) {
        while self.bytes > BYTES_MAX && self.first < self.flushed_until {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= size(&entry);
            self.first += 1;
        }
    }

    pub(super) fn truncate_after(&mut self, last: Option<LogId>) {
        let next = last.map_or(0, |id| id.index + 1);
        while self.entries.back().is_some_and(|entry| entry.log_id.index >= next) {
            self.bytes -= self.entries.pop_back().as_ref().map_or(0, size);
        }
        self.first = self.first.min(next);
        self.flushed_until = self.flushed_until.min(next);
        self.last = self.last.min(last).max(self.purged);
    }

    pub(super) fn purge(&mut self, upto: LogId) {
        self.purged = self.purged.max(Some(upto));
        self.last = self.last.max(Some(upto));
        while self.entries.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
            self.pop_front();
        }
        self.first = self.first.max(upto.index + 1);
        self.flushed_until = self.flushed_until.max(upto.index + 1);
    }

    /// The part of a range that the log holds; the end is exclusive.
    pub(super) fn clip(&self, from: u64, until: u64) -> (u64, u64) {
        let held_from = self.purged.map_or(0, |id| id.index + 1);
        let held_until = self.last.map_or(0, |id| id.index + 1);
        (from.max(held_from), until.min(held_until))
    }

    /// The entries of a range that are in memory.
    pub(super) fn range(&self, from: u64, until: u64) -> Vec<Entry> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let count = usize::try_from(until.saturating_sub(from.max(self.first))).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).take(count).cloned().collect()
    }
}

/// About how much memory an entry takes.
pub(super) fn size(entry: &Entry) -> usize {
    let body = match &entry.payload {
        EntryPayload::Normal(proposal) => proposal.bytes.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    };
    body + size_of::<Entry>()
}
