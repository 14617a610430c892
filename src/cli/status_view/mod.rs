//! How every object stands on every member, as a value: `status`, `apply` and `sandbox` show the same board.

mod cell;
mod notice;
mod render;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::ObjectsReply;
use crate::kinds;
use crate::model::{
    Generation, Key, LastSeen, LogTrouble, MemberName, Object, Outdated, Phase, Progress, Revision, Rollout, Timestamp,
};

pub use cell::{Cell, State};
pub use notice::Notice;
pub use time::{Moment, Skew, rfc3339, spoken};

/// The objects of one answer of a daemon.
#[derive(Clone, Debug)]
pub struct StatusView {
    /// The version of the state that it shows.
    pub revision: Revision,
    /// The members, in the order of their names.
    pub members: Vec<MemberName>,
    /// Members that do not answer, and when they were last heard.
    pub silent: BTreeMap<MemberName, Timestamp>,
    /// Why all this is old, when it is.
    pub outdated: Option<Outdated>,
    /// Members that answer and do not follow the log as they should.
    pub log_troubles: BTreeMap<MemberName, LogTrouble>,
    /// One row an object.
    pub rows: Vec<Row>,
    /// What to know besides; only of a board of everything.
    pub notices: Vec<Notice>,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub key: Key,
    /// Where it stands in the two phases.
    pub phase: Phase,
    /// How often it was changed.
    pub generation: Generation,
    /// Whether it is a record, which no member realises.
    pub is_record: bool,
    /// Whether it is the present; otherwise it was so once.
    pub is_known: bool,
    /// Whether there is nothing left to do.
    pub is_converged: bool,
    /// How it stands on each member that holds it.
    pub cells: BTreeMap<MemberName, Cell>,
    /// How far its change is, where members take it up in waves.
    pub waves: Option<Waves>,
}

/// A change that comes to the members in waves.
#[derive(Clone, Debug)]
pub struct Waves {
    /// Who takes it up after whom.
    pub order: Vec<Vec<MemberName>>,
    /// The entry that began it.
    pub id: Revision,
    /// The wave that is at work, counted from 0.
    pub wave: usize,
    /// How many members may fail.
    pub max_failures: usize,
    /// Those that have failed.
    pub failed: Vec<MemberName>,
    /// Whether nobody else begins.
    pub is_stopped: bool,
}

/// Whether an object is among what manifests declare: members and certificates are shown by `cluster`, records of the
/// cluster's own by nobody. A kind that this program does not know is shown where members hold it.
fn is_listed(object: &Object) -> bool {
    let kind = object.key.kind.as_str();
    match kinds::find(kind) {
        Some(known) => !known.words().section.is_empty() && ![Key::MEMBER, "certificate"].contains(&kind),
        None => object.rollout != Rollout::RecordOnly,
    }
}

impl StatusView {
    /// The board of an answer: only these objects when `keys` is not empty.
    pub fn of(reply: &ObjectsReply, keys: &[Key]) -> Self {
        let silent = silent(&reply.liveness);
        let wanted: BTreeSet<&Key> = keys.iter().collect();
        let is_wanted = |object: &&Object| {
            if keys.is_empty() { is_listed(object) } else { wanted.contains(&object.key) }
        };
        let waves = Progress::of_all(&reply.objects);
        let outdated = reply.outdated.clone();
        let here = outdated.as_ref().map(|outdated| &outdated.member);
        let row = |object| Row::of(object, &silent, &waves).known_on(here);
        let rows = reply.objects.iter().filter(is_wanted).map(row).collect::<Vec<_>>();
        let mut members: Vec<MemberName> = reply.liveness.keys().cloned().collect();
        members.extend(rows.iter().flat_map(|row| row.cells.keys().cloned()));
        members.sort();
        members.dedup();
        let notices = if keys.is_empty() { Notice::of(&reply.objects, &reply.liveness) } else { Vec::new() };
        let log_troubles = reply.log_troubles.clone();
        Self { revision: reply.revision, members, silent, outdated, log_troubles, rows, notices }
    }

    /// How many rows have nothing left to do.
    pub fn converged(&self) -> usize {
        self.rows.iter().filter(|row| row.is_converged).count()
    }

    /// Whether there is nothing left to do, and that is known.
    pub fn is_converged(&self) -> bool {
        self.outdated.is_none() && self.converged() == self.rows.len()
    }

    /// The same board without the rows that have nothing left to do.
    pub fn open(&self) -> Self {
        Self { rows: self.rows.iter().filter(|row| !row.is_converged).cloned().collect(), ..self.clone() }
    }

    /// Whether something is left to do, and all of that waits for somebody: a member to come back, or a person to act.
    pub fn is_blocked(&self) -> bool {
        if self.outdated.is_some() {
            return true;
        }
        let mut open = self.rows.iter().filter(|row| !row.is_converged).peekable();
        open.peek().is_some() && open.all(Row::is_blocked)
    }

    /// What to know besides at a moment.
    fn notices_at(&self, moment: &Moment) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(|notice| !notice.is_over(moment))
    }

    /// How many placements are done, and how many there are.
    pub fn placements(&self) -> (usize, usize) {
        let cells = || self.rows.iter().flat_map(|row| row.cells.values());
        (cells().filter(|cell| cell.is_settled).count(), cells().count())
    }
}

/// The status of an object that some member does not have as it was asked for.
pub const DEGRADED: &str = "Degraded";
/// In the place of a phase that was so once: nobody knows how it is now.
const UNKNOWN: &str = "unknown";

impl Row {
    fn of(
        object: &Object,
        silent: &BTreeMap<MemberName, Timestamp>,
        progress: &BTreeMap<Revision, Progress<'_>>,
    ) -> Self {
        let waves = Waves::of(object, progress);
        let is_stopped = waves.as_ref().is_some_and(|waves| waves.is_stopped);
        let cell = |member: &MemberName| Cell::of(object, member, silent.get(member).copied(), is_stopped);
        Self {
            key: object.key.clone(),
            phase: object.phase,
            generation: object.generation,
            is_record: object.rollout == Rollout::RecordOnly,
            is_known: true,
            is_converged: object.is_converged(),
            cells: object.placements.keys().filter_map(|member| Some((member.clone(), cell(member)?))).collect(),
            waves,
        }
    }

    /// Where it stands, in one word: an object that was made once and does not work on a member now is no more as it was.
    pub fn status(&self) -> &'static str {
        let fails = |cell: &Cell| {
            !cell.is_settled && matches!(cell.state, State::Stalled | State::Reconciling | State::Degraded)
        };
        match self.phase {
            _ if !self.is_known => UNKNOWN,
            Phase::Created if self.cells.values().any(fails) => DEGRADED,
            phase => phase.status(),
        }
    }

    /// The same row, when only this member is known to have it as it was. Of everybody else nothing is known.
    fn known_on(mut self, here: Option<&MemberName>) -> Self {
        let Some(here) = here else { return self };
        for (_, cell) in self.cells.iter_mut().filter(|(member, _)| *member != here) {
            (cell.state, cell.is_settled) = (State::Unknown, false);
        }
        (self.is_known, self.is_converged) = (false, false);
        self
    }

    fn is_blocked(&self) -> bool {
        // Who has failed tries on, and nobody else begins: that may take for ever.
        let is_stopped = self.waves.as_ref().is_some_and(|waves| waves.is_stopped);
        self.phase == Phase::Pending
            || is_stopped
            || self.open().any(|_| true) && self.open().all(|(_, cell)| cell.state.is_blocked())
    }

    /// The placements that are not done.
    pub fn open(&self) -> impl Iterator<Item = (&MemberName, &Cell)> {
        self.cells.iter().filter(|(_, cell)| !cell.is_settled)
    }
}

impl Waves {
    fn of(object: &Object, all: &BTreeMap<Revision, Progress<'_>>) -> Option<Self> {
        let waves = object.management.waves.as_ref()?;
        let progress = all.get(&waves.id)?;
        Some(Self {
            order: waves.order.clone(),
            id: waves.id,
            wave: progress.wave(),
            max_failures: waves.max_failures,
            failed: progress.failed().into_iter().cloned().collect(),
            is_stopped: progress.is_stopped(),
        })
    }
}

fn silent(liveness: &BTreeMap<MemberName, LastSeen>) -> BTreeMap<MemberName, Timestamp> {
    let silent = liveness.iter().filter(|(_, seen)| !seen.reachable);
    silent.map(|(member, seen)| (member.clone(), seen.heard)).collect()
}

pub mod diagnosis;
#[cfg(test)]
mod tests;
pub mod time;
