//! What a member remembers between two passes. Losing it costs an attempt too early, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::pass::PassScope;
use super::status_update::StatusUpdate;
use crate::model::{Generation, Key, MemberName, Object, PlacementReport, Revision, Tally, Timestamp};

/// A report that was sent and has not shown in the state is sent again after this time.
const RESEND_MS: u64 = 5_000;

/// The last attempt at each placement of one member.
#[derive(Debug, Default)]
pub struct Memory {
    attempts: BTreeMap<Key, Attempt>,
    tally: Tally,
    /// What nobody but people may change now.
    held: BTreeSet<Key>,
}

#[derive(Debug)]
pub(super) struct Attempt {
    uid: Revision,
    generation: Generation,
    said: StatusUpdate,
    next: Next,
    sent: Option<Timestamp>,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When everything is looked at.
    WithAll,
    /// After a failure, which waited so long.
    At { due: Timestamp, wait_ms: u64 },
}

impl Memory {
    /// The moment of the next attempt at something that failed.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.attempts.values().filter_map(Attempt::due).min()
    }

    /// The objects whose last attempt failed.
    pub fn failing(&self) -> impl Iterator<Item = &Key> {
        self.attempts.iter().filter(|(_, attempt)| attempt.due().is_some()).map(|(key, _)| key)
    }

    /// Takes back that reports were sent: the next pass sends them again.
    pub fn not_sent(&mut self, reports: &[PlacementReport]) {
        for report in reports {
            if let Some(attempt) = self.attempts.get_mut(&report.key) {
                attempt.sent = None;
            }
        }
    }

    /// These objects, and no others, are left as they are found from now on.
    pub fn hold(&mut self, held: BTreeSet<Key>) {
        self.held = held;
    }

    pub(super) fn is_held(&self, key: &Key) -> bool {
        self.held.contains(key)
    }

    /// What was counted since this was last asked.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    pub(super) fn is_due(&self, object: &Object, look: PassScope, now: Timestamp) -> bool {
        match self.of(object).map(|attempt| attempt.next) {
            None => true,
            Some(Next::At { due, .. }) => due <= now,
            Some(Next::WithAll) => look == PassScope::AtAll,
        }
    }

    /// How long the last attempt at this very generation was told to wait; `None` after a success or a change.
    pub(super) fn waited_ms(&self, object: &Object) -> Option<u64> {
        match self.of(object)?.next {
            Next::At { wait_ms, .. } => Some(wait_ms),
            Next::WithAll => None,
        }
    }

    pub(super) fn record(&mut self, object: &Object, said: StatusUpdate, next: Next) {
        let said = match self.of(object) {
            Some(before) => said.after(&before.said),
            None => said,
        };
        // What was said before and stands, was sent when it was.
        let sent = self.of(object).filter(|attempt| attempt.said == said).and_then(|attempt| attempt.sent);
        let attempt = Attempt { uid: object.uid, generation: object.generation, said, next, sent };
        self.attempts.insert(object.key.clone(), attempt);
    }

    /// The reports on what the state of `objects` does not say yet, which count as sent from now on.
    pub(super) fn unsaid(&mut self, me: &MemberName, objects: &[Object], now: Timestamp) -> Vec<PlacementReport> {
        let mut reports = Vec::new();
        for object in objects {
            let Some(placement) = object.placements.get(me) else { continue };
            let Some(attempt) = self.attempts.get_mut(&object.key).filter(|attempt| attempt.is_of(object)) else {
                continue;
            };
            if attempt.said.is_known(object, placement) {
                attempt.sent = None;
            } else if attempt.sent.is_none_or(|sent| now.since_ms(sent) >= RESEND_MS) {
                attempt.sent = Some(now);
                reports.push(attempt.said.report(me, object, placement, now));
            }
        }
        reports
    }

    /// Forgets what no longer is to be done here: the object went, changed, or was placed elsewhere.
    /// Only a look at all shows which of the settled ones have gone.
    pub(super) fn keep(&mut self, me: &MemberName, objects: &[Object], look: PassScope) {
        let here = objects.iter().filter(|object| object.placements.contains_key(me));
        let present: BTreeMap<&Key, &Object> = here.map(|object| (&object.key, object)).collect();
        self.attempts.retain(|key, attempt| match present.get(key) {
            Some(object) => attempt.is_of(object),
            None => look == PassScope::AtWork && attempt.next == Next::WithAll,
        });
    }

    fn of(&self, object: &Object) -> Option<&Attempt> {
        self.attempts.get(&object.key).filter(|attempt| attempt.is_of(object))
    }
}

impl Attempt {
    fn is_of(&self, object: &Object) -> bool {
        self.uid == object.uid && self.generation == object.generation
    }

    fn due(&self) -> Option<Timestamp> {
        match self.next {
            Next::At { due, .. } => Some(due),
            Next::WithAll => None,
        }
    }
}
