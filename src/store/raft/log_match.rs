//! Whether the log of a member goes together with that of its leader.
//!
//! Raft trusts the disks. A member that was put back to an old copy of its disk has lost entries that it confirmed; when
//! such a member and one that lags elect a leader, entries that were acknowledged and applied elsewhere are not in that
//! leader's log. Both are seen here, named, and healed where that is safe:
//!
//! - The leader sees a follower whose log goes back behind what it confirmed to this leader, or to one before it that has
//!   told the members. It sends what is missing again, as entries or as a snapshot. Nobody can see it where all that knew
//!   what the follower had confirmed was started anew: what it has itself was put back along with its log.
//! - A follower sees a leader that has another entry where it has applied one. Its state cannot be undone, and openraft
//!   would go on from it: the store stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use tokio::time::Instant;

use super::types::{Config, LogId, Vote};
use crate::model::{LogTrouble, MemberId};
use crate::store::error::StoreError;
use crate::store::inner::Inner;
use crate::store::submit::millis;

/// A member that answers and takes in nothing for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

type Request = AppendEntriesRequest<Config>;
type Response = AppendEntriesResponse<Config>;

/// Stops the store when it has applied something else than its leader says was decided.
pub async fn check(store: &Inner, request: &Request) -> Result<(), StoreError> {
    let Some(applied) = store.machine.progress().borrow().applied else { return Ok(()) };
    // A late word of an earlier leader proves nothing. Looked at after what is applied: nobody applies what an older
    // leader than that of its vote has decided.
    if store.log.vote().is_some_and(|own| request.vote < own) {
        return Ok(());
    }
    let told = request.prev_log_id.into_iter().chain(request.entries.iter().map(|entry| entry.log_id));
    for theirs in told.filter(|theirs| theirs.index <= applied.index) {
        let own = store.log.id_at(theirs.index).await.map_err(|error| store.failure.error(error))?;
        if let Some(own) = own.filter(|own| *own != theirs) {
            store.failure.stop_because(apart(own, theirs, request.vote));
            return store.failure.check();
        }
    }
    Ok(())
}

fn apart(own: LogId, theirs: LogId, vote: Vote) -> String {
    let leader = vote.leader_id.node_id;
    format!(
        "this member has applied entry {} of term {}, and the leader, member {leader}, has another one of term {} there: \
         the others go on without something that was acknowledged, as after a member was put back to an old copy of its \
         disk. Keep a copy of this state directory, compare `seedbed audit list` here and there, then remove this member \
         from the cluster and let it join again",
        own.index, own.leader_id.term, theirs.leader_id.term
    )
}

/// What this member knows of the logs of the others.
#[derive(Clone, Default)]
pub struct Replicas(Arc<Mutex<Logs>>);

#[derive(Default)]
struct Logs {
    /// As the leader.
    replicas: BTreeMap<u64, Replica>,
    /// The last decided entry that each had confirmed to the leaders before, as far as they said so. No leader may take
    /// those back.
    confirmed_before: BTreeMap<u64, u64>,
}

#[derive(Default)]
struct Replica {
    /// Under which vote the rest was found: another leader may rightly have taken back what was not committed.
    vote: Option<Vote>,
    /// The last entry that it confirmed.
    confirmed: u64,
    /// Since when it is sent entries that it does not confirm.
    behind_since: Option<Instant>,
    /// When it was seen to have lost entries, and the last one that it had confirmed.
    put_back: Option<(Instant, u64)>,
    /// What it answered when it could not go on.
    refusal: Option<String>,
}

impl Replicas {
    /// What an answer to entries or to a heartbeat tells.
    pub fn answered(&self, id: u64, request: &Request, response: &Response) {
        let sent = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
        let sent = sent.map_or(0, |id| id.index);
        let mut logs = self.lock();
        let Logs { replicas, confirmed_before } = &mut *logs;
        let replica = replicas.entry(id).or_default();
        if replica.vote != Some(request.vote) {
            *replica = Replica { vote: Some(request.vote), ..Replica::default() };
        }
        replica.refusal = None;
        match response {
            Response::Success => replica.confirm(sent),
            Response::PartialSuccess(last) => replica.confirm(last.map_or(0, |id| id.index)),
            Response::Conflict => {
                let asked = request.prev_log_id.map_or(0, |id| id.index);
                replica.behind_since.get_or_insert_with(Instant::now);
                let confirmed = confirmed_before.get(&id).map_or(0, |before| *before).max(replica.confirmed);
                if asked <= confirmed && asked > 0 {
                    tracing::warn!(
                        member = id,
                        "this member lost entries of its log, up to {confirmed}, which it had confirmed: it was put back \
                         to an old copy of its disk. It is sent what is missing",
                    );
                    replica.put_back = Some((Instant::now(), confirmed));
                    replica.confirmed = 0;
                    confirmed_before.remove(&id);
                }
            }
            Response::HigherVote(_) => {}
        }
    }

    /// Entries go out to this member.
    pub fn sending(&self, id: u64, request: &Request) {
        if !request.entries.is_empty() {
            self.lock().replicas.entry(id).or_default().behind_since.get_or_insert_with(Instant::now);
        }
    }

    /// It answered that it cannot go on.
    pub fn refused(&self, id: u64, reason: &str) {
        self.lock().replicas.entry(id).or_default().refusal = Some(reason.to_owned());
    }

    /// The last entry that this member has confirmed, as the leader knows it.
    pub fn confirmed(&self, id: u64) -> Option<u64> {
        self.lock().replicas.get(&id).map(|replica| replica.confirmed).filter(|confirmed| *confirmed > 0)
    }

    /// What members had confirmed to a leader before, of what was decided.
    pub fn remember(&self, confirmed: &BTreeMap<MemberId, u64>) {
        let mut logs = self.lock();
        for (id, index) in confirmed {
            let known = logs.confirmed_before.entry(id.0).or_default();
            *known = (*known).max(*index);
        }
    }

    /// What is wrong with the log of this member, who was last heard so many milliseconds ago.
    pub fn trouble(&self, id: u64, silent_ms: Option<u64>) -> Option<LogTrouble> {
        let logs = self.lock();
        let replica = logs.replicas.get(&id)?;
        if let Some(why) = &replica.refusal {
            return Some(LogTrouble::Refused { why: why.clone() });
        }
        let put_back = replica.put_back.and_then(|(at, lost)| {
            let is_healed = replica.confirmed >= lost;
            LogTrouble::PutBack { age_ms: 0, is_healed }.later(millis(at.elapsed()))
        });
        if put_back.is_some() {
            return put_back;
        }
        // One that is away takes in nothing either, and that is told elsewhere.
        let is_away = silent_ms.is_none_or(|silent_ms| u128::from(silent_ms) > STUCK_AFTER.as_millis() / 2);
        let waited = replica.behind_since.map(|since| since.elapsed());
        let stuck = waited.filter(|waited| *waited > STUCK_AFTER && !is_away)?;
        Some(LogTrouble::Stuck { age_ms: millis(stuck) })
    }

    fn lock(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replica {
    fn confirm(&mut self, index: u64) {
        if index > self.confirmed || self.confirmed == 0 {
            self.confirmed = index;
        }
        self.behind_since = None;
    }
}
