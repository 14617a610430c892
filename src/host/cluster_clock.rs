//! One clock for a whole cluster: the leader's. What ends at a moment is stamped and judged by it, whoever was asked.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::Clock;
use crate::model::Timestamp;

/// The leader's clock as this member knows it: its own while it leads or has heard no leader, and otherwise what the
/// leader said last, gone on from there.
pub struct ClusterClock {
    own: Arc<dyn Clock>,
    heard: Mutex<Option<(Instant, Timestamp)>>,
}

impl ClusterClock {
    /// A clock that nobody has set yet.
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, heard: Mutex::new(None) }
    }

    /// The leader says that it is `now`.
    pub fn follow(&self, now: Timestamp) {
        self.set(Some((Instant::now(), now)));
    }

    /// From now on others follow this member.
    pub fn lead(&self) {
        self.set(None);
    }

    /// A moment of this clock as the machine's own clock shows it.
    pub fn own(&self, moment: Timestamp) -> Timestamp {
        Timestamp(moment.0.saturating_sub(self.now().0 - self.own.now().0))
    }

    fn set(&self, heard: Option<(Instant, Timestamp)>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }
}

impl Clock for ClusterClock {
    fn now(&self) -> Timestamp {
        match *self.heard.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((then, said)) => said.after(then.elapsed()),
            None => self.own.now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::FakeClock;
    use super::*;

    #[test]
    fn who_follows_has_the_leaders_time_and_who_leads_its_own() {
        let own = Arc::new(FakeClock::default());
        let clock = ClusterClock::new(Arc::clone(&own) as Arc<dyn Clock>);
        own.set(Timestamp(1_000));
        assert_eq!(clock.now(), Timestamp(1_000), "nobody has said anything yet");
        clock.follow(Timestamp(7_200_000));
        own.set(Timestamp(5));
        assert!((7_200_000..7_260_000).contains(&clock.now().0), "whatever the own clock does");
        let own_time = clock.own(Timestamp(clock.now().0 + 60_000)).0;
        assert!((60_000..=60_005).contains(&own_time), "{own_time}");
        clock.lead();
        assert_eq!(clock.now(), Timestamp(5));
    }
}
