//! What Raft does because time passes: heartbeats of the leader, and the patience of those who hear them.
//!
//! openraft's clock ticks five times a heartbeat on every member, which is most of what an idle member does. So it
//! stands still here while all is well: the leader's heartbeats are sent from here, and a follower that hears them
//! needs no clock. It runs as soon as nobody is heard, in time for an election to begin when it would have anyway:
//! openraft reckons with the moment of the last heartbeat, not with ticks.

use std::time::Duration;

use tokio::time::sleep;

use super::leadership::Leadership;
use crate::store::freshness;
use crate::store::inner::{Inner, Owner};
use crate::store::options::Timing;

/// Keeps the pace until the store closes.
pub async fn keep(owner: Owner) {
    let Some(mut leadership) = owner.upgrade().map(|store| store.leadership.subscribe()) else { return };
    loop {
        let now = leadership.borrow_and_update().clone();
        let Some(store) = owner.upgrade() else { return };
        let wait = beat(&store, &now).await;
        drop(store);
        tokio::select! {
            () = sleep(wait) => {}
            changed = leadership.changed() => if changed.is_err() { return },
        }
    }
}

/// One beat. Gives the time until the next.
async fn beat(store: &Inner, leadership: &Leadership) -> Duration {
    let heartbeat = Duration::from_millis(store.timing.heartbeat_ms);
    if leadership.is_me {
        store.raft.runtime_config().tick(false);
        // The age of what it has must not fall back to what it heard as a follower, when it leads no more.
        freshness::freshness(store);
        // One that has stopped sends nothing, and says so to whoever asks it for something.
        let _stopped = store.raft.trigger().heartbeat().await;
        return heartbeat;
    }
    let patience = patience(&store.timing);
    let silent = store.contact.last_heard().map(|at| at.elapsed()).filter(|_| leadership.leader.is_some());
    let left = silent.and_then(|silent| patience.checked_sub(silent));
    store.raft.runtime_config().tick(left.is_none());
    left.unwrap_or(heartbeat)
}

/// After this silence openraft's clock runs. No election may begin before `election_ms_max` and a part more.
fn patience(timing: &Timing) -> Duration {
    Duration::from_millis((timing.heartbeat_ms * 5 / 2).min(timing.election_ms_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_before_an_election_may_begin_and_not_for_one_late_heartbeat() {
        for (heartbeat_ms, election_ms_min, election_ms_max) in [(250, 300, 600), (60, 400, 800), (100, 300, 300)] {
            let timing = Timing { heartbeat_ms, election_ms_min, election_ms_max, ..Timing::default() };
            let patience = patience(&timing);
            assert!(patience > Duration::from_millis(2 * heartbeat_ms), "{timing:?}");
            assert!(patience < Duration::from_millis(election_ms_max + election_ms_min), "{timing:?}");
        }
    }
}
