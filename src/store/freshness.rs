//! How old this member's copy is. Nothing ticks for it: moments are kept as they come, and the age is reckoned when
//! somebody asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::RaftMetrics;
use openraft::async_runtime::Instant as _;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use tokio::time::Instant;

use super::inner::Inner;
use super::raft::types::Config;
use crate::model::{Lack, SILENT_MS_MAX};

/// How old a member's copy of the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// How long ago it was known to be the present; `None` when it never was since the store was opened.
    pub age: Option<Duration>,
    /// How long the store has been open.
    pub open_for: Duration,
    /// What is lacking; `None` while the copy is the present.
    pub lack: Option<Lack>,
}

/// What the leader says to be committed in an append, once that counts: a leader that has committed nothing in its own
/// term does not know yet what all its predecessors had committed.
pub(super) fn committed(request: &AppendEntriesRequest<Config>) -> Option<u64> {
    let id = request.leader_commit.filter(|id| id.leader_id.term == request.vote.leader_id.term);
    id.map(|id| id.index)
}

/// Remembers what was heard, unless the word of who sent it counts no more.
pub(super) fn heard(store: &Inner, committed: Option<u64>, answer: &AppendEntriesResponse<Config>) {
    if !matches!(answer, AppendEntriesResponse::HigherVote(_)) {
        let applied = store.machine.progress().borrow().index();
        store.contact.lock().hear(Instant::now(), committed, applied);
    }
}

/// What this member has heard of the leader.
pub(super) struct LeaderContact {
    opened: Instant,
    moments: Mutex<Moments>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    /// When the leader was last heard.
    heard: Option<Instant>,
    /// What the leader said to be committed, and when: the copy is that of this moment as soon as this is applied.
    said: Option<(Instant, u64)>,
    /// The last moment at which the copy was the present.
    present: Option<Instant>,
}

impl LeaderContact {
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), moments: Mutex::default() }
    }

    /// When the leader was last heard.
    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.lock().heard
    }

    fn lock(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moments {
    /// The leader was heard, and may say how much is committed. `applied` is as far as this member is.
    fn hear(&mut self, now: Instant, committed: Option<u64>, applied: u64) {
        self.settle(applied);
        self.heard = Some(now);
        // What was said first is waited for: under load more is said before any of it is applied.
        if let (None, Some(committed)) = (self.said, committed) {
            self.said = Some((now, committed));
            self.settle(applied);
        }
    }

    /// This member leads, and most voters have acknowledged that at this moment.
    fn lead(&mut self, acknowledged: Instant) {
        self.said = None;
        self.present = self.present.max(Some(acknowledged));
    }

    fn settle(&mut self, applied: u64) {
        if let Some((at, committed)) = self.said
            && applied >= committed
        {
            self.present = self.present.max(Some(at));
            self.said = None;
        }
    }
}

/// How old the copy is at this moment.
pub(super) fn freshness(store: &Inner) -> Freshness {
    let (leads, term) = {
        let leadership = store.leadership.borrow();
        (leadership.is_me, leadership.term.0)
    };
    let applied = store.machine.progress().borrow().applied;
    // Until it has applied an entry of its own term, a leader may lack what its predecessors had committed.
    let has_all = applied.is_some_and(|id| id.leader_id.term == term);
    let acknowledged = if leads && has_all { acknowledged(&store.metrics()) } else { None };
    let Moments { heard, said: _, present } = {
        let mut moments = store.contact.lock();
        moments.settle(applied.map_or(0, |id| id.index));
        acknowledged.into_iter().for_each(|at| moments.lead(at));
        *moments
    };
    let is_recent = |at: Instant| at.elapsed() <= Duration::from_millis(SILENT_MS_MAX);
    let lack = match present {
        _ if store.failure.check().is_err() => Some(Lack::Store),
        Some(at) if is_recent(at) => None,
        _ if leads => Some(Lack::Quorum),
        _ if heard.is_some_and(is_recent) => Some(Lack::Entries),
        _ => Some(Lack::Leader),
    };
    Freshness { age: present.map(|at| at.elapsed()), open_for: store.contact.opened.elapsed(), lack }
}

/// When most voters had last acknowledged this leader. Of both lists, while one replaces the other.
fn acknowledged(metrics: &RaftMetrics<Config>) -> Option<Instant> {
    let now = Instant::now();
    let at = |id: &u64| match *id == metrics.id {
        true => Some(now),
        false => metrics
            .heartbeat
            .as_ref()?
            .get(id)
            .copied()
            .flatten()
            .and_then(|at| now.checked_sub(at.into_inner().elapsed())),
    };
    let most = |voters: &std::collections::BTreeSet<u64>| {
        let mut moments: Vec<Option<Instant>> = voters.iter().map(at).collect();
        moments.sort_unstable_by(|one, other| other.cmp(one));
        moments.get(voters.len() / 2).copied().flatten()
    };
    metrics.membership_config.membership().get_joint_config().iter().map(most).min().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_of_the_moment_at_which_what_it_has_was_all_there_was() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut moments = Moments::default();
        moments.hear(start, Some(9), 7);
        moments.settle(8);
        assert_eq!((moments.heard, moments.present), (Some(start), None), "an entry is missing");
        moments.hear(start + second, Some(20), 8);
        moments.settle(9);
        assert_eq!(moments.present, Some(start), "what was said a second ago has been applied");
        moments.hear(start + 2 * second, Some(20), 20);
        assert_eq!(moments.present, Some(start + 2 * second));
        moments.hear(start + 3 * second, None, 20);
        assert_eq!(moments.present, Some(start + 2 * second), "a new leader does not know what is committed");
    }

    #[test]
    fn one_that_led_does_not_fall_back_to_what_it_had_heard_before() {
        let (start, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut moments = Moments::default();
        moments.hear(start, Some(5), 5);
        moments.lead(start + hour);
        moments.settle(5);
        assert_eq!(moments.present, Some(start + hour));
    }
}
