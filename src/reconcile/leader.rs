//! The loop of the leader: sees to it that the right members vote. Every member runs it; all but one only wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::voters::{Candidate, Limits, voters};
use crate::model::{Config, Generation, Key, MemberId, Object, Phase};
use crate::store::{Leadership, PeerStatus, Role, Store, StoreError};

/// How often the leader looks whether members answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Joins come in a row: the leader looks at the list once it has been still for this long.
const SETTLE: Duration = Duration::from_millis(20);

/// A member that has been silent for longer does not get a vote now.
const SILENT_MS_MAX: u64 = 2_000;

/// `cluster.offline_threshold` where it is not set.
const OFFLINE_S: u64 = 20;

/// Gives votes to the right members while this member leads, until `shutdown` says true or its sender has gone.
pub async fn run_leader(store: Store, mut shutdown: watch::Receiver<bool>) {
    let mut leadership = store.leadership();
    while !*shutdown.borrow_and_update() {
        let now = leadership.borrow_and_update().clone();
        if !now.is_me {
            tokio::select! {
                _ = leadership.changed() => {}
                _ = shutdown.changed() => {}
            }
            continue;
        }
        tokio::select! {
            done = look(&store, &now) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "the voters could not be changed; the next attempt follows");
                }
            }
            _ = shutdown.changed() => continue,
        }
        tokio::select! {
            _ = timeout(LOOK_EVERY, members_changed(&store)) => {}
            _ = leadership.changed() => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Returns when a member has joined or left.
async fn members_changed(store: &Store) {
    let mut applied = store.applied();
    let before = membership(store);
    while applied.changed().await.is_ok() {
        // Reading once for many writes: this loop must not feel a flood of them.
        sleep(SETTLE).await;
        if membership(store) != before {
            return;
        }
    }
}

fn membership(store: &Store) -> Option<Generation> {
    store.get(&Key::membership()).ok().flatten().map(|object| object.generation)
}

async fn look(store: &Store, leadership: &Leadership) -> Result<(), StoreError> {
    let Some(me) = leadership.leader.as_ref().map(|leader| leader.id) else { return Ok(()) };
    let config = store.get(&Key::server())?.map(|server| server.spec.config()).unwrap_or_default();
    let peers: BTreeMap<MemberId, PeerStatus> = store.peers().into_iter().map(|it| (it.peer.id, it)).collect();
    let leading_ms = u64::try_from(leadership.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let members: Vec<Candidate> = store
        .list(Key::MEMBER)?
        .iter()
        .filter(|object| object.phase == Phase::Created)
        .map(|object| candidate(object, &peers, me, leading_ms, offline_ms(&config)))
        .collect();
    let is_voter = |peer: &&PeerStatus| peer.role == Role::Voter;
    let current: BTreeSet<MemberId> = peers.values().filter(is_voter).map(|peer| peer.peer.id).collect();
    match voters(&members, &current, me, limits(&config)) {
        None => Ok(()),
        Some(next) => {
            tracing::info!(?current, ?next, "changing the voters");
            store.set_voters(next).await
        }
    }
}

/// Reads two fields by name rather than the whole record: a newer version may have added some, and a voter must not
/// count as gone because of it.
fn candidate(
    object: &Object,
    peers: &BTreeMap<MemberId, PeerStatus>,
    me: MemberId,
    leading_ms: u64,
    offline_ms: u64,
) -> Candidate {
    let id = object.spec.0.get("id").and_then(serde_json::Value::as_u64).filter(|id| *id > 0);
    let id = MemberId(id.unwrap_or(object.uid.0));
    let peer = peers.get(&id);
    let silent_ms = peer.and_then(|peer| peer.silent_ms).unwrap_or(leading_ms);
    Candidate {
        id,
        failure_domain: domain(object.spec.text("failure_domain")).to_owned(),
        is_reachable: id == me || peer.is_some_and(|peer| peer.silent_ms.is_some()) && silent_ms <= SILENT_MS_MAX,
        is_offline: id != me && silent_ms > offline_ms,
    }
}

fn domain(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

fn limits(config: &Config) -> Limits {
    let set = config.value("cluster.max_voters").and_then(|text| text.parse().ok());
    set.map_or_else(Limits::default, |voters_max| Limits { voters_max })
}

fn offline_ms(config: &Config) -> u64 {
    let set = config.value("cluster.offline_threshold").and_then(|text| text.parse::<u64>().ok());
    set.unwrap_or(OFFLINE_S).saturating_mul(1000)
}
