//! How long an apply still waits to be confirmed, measured by whoever may have to take it back.

use std::time::Duration;

use tokio::time::Instant;

use crate::kinds::records::confirmation::Pending;
use crate::model::{Revision, Timestamp};

/// The time that is left. Every member measures it from the moment at which the apply reached it: neither a new leader
/// nor a clock that is wrong or is set makes it longer or shorter.
#[derive(Debug, Default)]
pub(super) struct Countdown {
    has_looked: bool,
    ends: Option<(Revision, Instant)>,
}

impl Countdown {
    /// Takes notice, at `moment`, of the apply that waits, or that none does. `now` is the cluster's time then: it counts
    /// only for an apply that was there before this member's first look, because only then its beginning was missed.
    pub fn look(&mut self, waits: Option<(Revision, &Pending)>, now: Timestamp, moment: Instant) {
        let was_there_before = !self.has_looked;
        self.has_looked = true;
        self.ends = waits.map(|(uid, pending)| match self.ends {
            Some((known, end)) if known == uid => (uid, end),
            _ => (uid, moment + left(pending, now, was_there_before)),
        });
    }

    /// How long it is from `moment` until the time is over; `None` when nothing waits.
    pub fn left(&self, moment: Instant) -> Option<Duration> {
        self.ends.map(|(_, end)| end.saturating_duration_since(moment))
    }
}

/// Never more than was given.
fn left(pending: &Pending, now: Timestamp, was_there_before: bool) -> Duration {
    let given = pending.until.since_ms(pending.at);
    let left = if was_there_before { pending.until.since_ms(now).min(given) } else { given };
    Duration::from_millis(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10_000_000);

    fn pending(at: i64) -> Pending {
        Pending { at: Timestamp(at), until: Timestamp(at + 60_000), ..Pending::default() }
    }

    fn seconds(countdown: &Countdown, moment: Instant) -> Option<u64> {
        countdown.left(moment).map(|left| left.as_secs())
    }

    #[test]
    fn what_arrives_is_counted_from_then_on_whatever_clocks_say() {
        for skew in [-7_200_000, 0, 7_200_000] {
            let (mut countdown, begun) = (Countdown::default(), Instant::now());
            let later = begun + Duration::from_secs(25);
            countdown.look(None, NOW, begun);
            assert_eq!(seconds(&countdown, begun), None);
            let pending = pending(NOW.0 + skew);
            countdown.look(Some((Revision(7), &pending)), NOW, begun);
            assert_eq!(seconds(&countdown, begun), Some(60), "a clock that differs by {skew} ms");
            countdown.look(Some((Revision(7), &pending)), Timestamp(NOW.0 - skew), later);
            assert_eq!(seconds(&countdown, later), Some(35), "nor one that is set");
            countdown.look(Some((Revision(9), &pending)), NOW, later);
            assert_eq!(seconds(&countdown, later), Some(60), "another apply");
            countdown.look(None, NOW, later);
            assert_eq!(seconds(&countdown, later), None);
        }
    }

    #[test]
    fn what_was_there_before_ends_at_its_moment_and_never_later_than_it_was_given() {
        for (at, expected) in [(NOW.0 - 20_000, 40), (NOW.0 - 90_000, 0), (NOW.0 + 7_200_000, 60)] {
            let (mut countdown, moment) = (Countdown::default(), Instant::now());
            countdown.look(Some((Revision(7), &pending(at))), NOW, moment);
            assert_eq!(seconds(&countdown, moment), Some(expected));
        }
    }
}
