//! What happened in a run. Invariants prove nothing about what never happens.

use std::collections::BTreeSet;

use seedbed::model::{Command, Key, Phase, Reply};

use crate::log::{Changed, Log};

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Tally {
    entries: u64,
    writes_refused: u64,
    requests_repeated: u64,
    reports_ignored: u64,
    became_created: u64,
    became_errored: u64,
    recovered: u64,
    removed_from_hosts: u64,
    made_again_under_the_same_name: u64,
    members_left: u64,
    passes_torn: u64,
    began_in_later_waves: u64,
    came_to_all_in_waves: u64,
}

impl Tally {
    pub fn of(log: &Log, passes_torn: u64) -> Self {
        let mut tally = Self { passes_torn, ..Self::default() };
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for entry in log.after(0) {
            tally.entries += 1;
            match (&entry.proposed, &entry.reply) {
                (Command::Write(_), Reply::Refused { .. }) => tally.writes_refused += 1,
                (Command::Write(_), Reply::Applied { revision }) if *revision != entry.revision => {
                    tally.requests_repeated += 1;
                }
                (Command::Report(_), _) if entry.changes.is_empty() => tally.reports_ignored += 1,
                _ => {}
            }
            for change in &entry.changes {
                tally.count(change, &mut seen);
            }
        }
        tally
    }

    fn count(&mut self, change: &Changed, seen: &mut BTreeSet<Key>) {
        let waves =
            |object: &Option<seedbed::model::Object>| object.as_ref().and_then(|it| it.management.waves.clone());
        match (waves(&change.before), waves(&change.after)) {
            (Some(before), Some(after)) if after.id == before.id && after.kept.len() < before.kept.len() => {
                self.began_in_later_waves += 1;
            }
            (Some(_), None) => self.came_to_all_in_waves += 1,
            _ => {}
        }
        let phase = |object: &Option<seedbed::model::Object>| object.as_ref().map(|object| object.phase);
        match (phase(&change.before), phase(&change.after)) {
            (None, Some(_)) if change.key.kind.as_str() != Key::MEMBER && !seen.insert(change.key.clone()) => {
                self.made_again_under_the_same_name += 1;
            }
            (Some(Phase::Errored), Some(Phase::Created)) => self.recovered += 1,
            (Some(Phase::Creating), Some(Phase::Created)) => self.became_created += 1,
            (Some(Phase::Creating), Some(Phase::Errored)) => self.became_errored += 1,
            (Some(Phase::Deleting), None) => self.removed_from_hosts += 1,
            (Some(_), None) if change.key.kind.as_str() == Key::MEMBER => self.members_left += 1,
            _ => {}
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            writes_refused: self.writes_refused + other.writes_refused,
            requests_repeated: self.requests_repeated + other.requests_repeated,
            reports_ignored: self.reports_ignored + other.reports_ignored,
            became_created: self.became_created + other.became_created,
            became_errored: self.became_errored + other.became_errored,
            recovered: self.recovered + other.recovered,
            removed_from_hosts: self.removed_from_hosts + other.removed_from_hosts,
            made_again_under_the_same_name: self.made_again_under_the_same_name + other.made_again_under_the_same_name,
            members_left: self.members_left + other.members_left,
            passes_torn: self.passes_torn + other.passes_torn,
            began_in_later_waves: self.began_in_later_waves + other.began_in_later_waves,
            came_to_all_in_waves: self.came_to_all_in_waves + other.came_to_all_in_waves,
        }
    }

    /// Each thing must have happened often enough to have been tested.
    pub fn assert_rich(&self) {
        let rarest = [
            self.writes_refused,
            self.requests_repeated,
            self.reports_ignored,
            self.became_created,
            self.became_errored,
            self.recovered,
            self.removed_from_hosts,
            self.made_again_under_the_same_name,
            self.members_left,
            self.passes_torn,
            self.began_in_later_waves,
            self.came_to_all_in_waves,
        ]
        .into_iter()
        .min();
        assert!(rarest >= Some(50), "something hardly ever happens: {self:#?}");
    }
}
