//! Who leads and who takes part, as this member knows it.

use openraft::async_runtime::{Instant as _, WatchReceiver};
use openraft::metrics::RaftServerMetrics;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{BasicNode, RaftMetrics, ServerState};
use tokio::time::Instant;

use super::types::{Config, peer};
use crate::model::{LogTrouble, Term};
use crate::store::inner::{Inner, Owner};
use crate::store::options::Peer;
use crate::store::submit::millis;

/// Who leads, as this member knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The leader, if there is one.
    pub leader: Option<Peer>,
    /// The term that this member is in.
    pub term: Term,
    /// Whether this member leads.
    pub is_me: bool,
    /// Since when this is so.
    pub since: Instant,
}

/// One member of the Raft group, as this member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its identity and address.
    pub peer: Peer,
    /// Whether it votes.
    pub role: Role,
    /// On the leader: milliseconds since the peer last answered; `None` elsewhere, and for a peer never heard.
    pub silent_ms: Option<u64>,
    /// On the leader: the index of the last decided entry that the peer has confirmed.
    pub confirmed: Option<u64>,
    /// On the leader: what is wrong with the peer's log.
    pub trouble: Option<LogTrouble>,
}

/// Whether a member votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It votes.
    Voter,
    /// It only follows.
    Learner,
}

impl Leadership {
    /// Nobody, before Raft has said anything.
    pub fn nobody() -> Self {
        Self { leader: None, term: Term(0), is_me: false, since: Instant::now() }
    }

    fn of(metrics: &RaftServerMetrics<Config>) -> Self {
        let is_me = metrics.state == ServerState::Leader && metrics.current_leader == Some(metrics.id);
        // One that led before it was restarted still has its own name in its vote.
        let named = metrics.current_leader.filter(|id| is_me || *id != metrics.id);
        let known = named.and_then(|id| {
            let node = metrics.membership_config.membership().get_node(&id)?;
            Some(peer(id, node))
        });
        Self { leader: known, term: Term(metrics.vote.leader_id.term), is_me, since: Instant::now() }
    }

    fn says_the_same_as(&self, other: &Self) -> bool {
        let Self { leader, term, is_me, since: _ } = self;
        (leader, term, is_me) == (&other.leader, &other.term, &other.is_me)
    }
}

/// Keeps the table of addresses and the leadership current, until the store closes.
pub async fn follow(store: Owner, mut metrics: WatchReceiverOf<Config, RaftServerMetrics<Config>>) {
    loop {
        {
            let Some(store) = store.upgrade() else { return };
            let now = metrics.borrow_and_update().clone();
            update(&store, &now);
        }
        if metrics.changed().await.is_err() {
            let Some(store) = store.upgrade() else { return };
            store.raft_has_ended();
            store.leadership.send_replace(Leadership::nobody());
            return;
        }
    }
}

fn update(store: &Inner, metrics: &RaftServerMetrics<Config>) {
    let nodes = metrics.membership_config.membership().nodes();
    store.network.addresses.replace(nodes.map(|(id, node)| (*id, node.addr.clone())).collect());
    let now = Leadership::of(metrics);
    store.leadership.send_if_modified(|old| {
        let is_new = !old.says_the_same_as(&now);
        if is_new {
            *old = now;
        }
        is_new
    });
}

/// All members of the group.
pub fn peers(store: &Inner) -> Vec<PeerStatus> {
    let metrics: RaftMetrics<Config> = store.metrics();
    let leads = metrics.state == ServerState::Leader;
    let membership = metrics.membership_config.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    let silent_ms = |id: &u64| {
        let heard = metrics.heartbeat.as_ref()?;
        if *id == metrics.id {
            return Some(0);
        }
        let at = (*heard.get(id)?)?;
        Some(millis(at.into_inner().elapsed()))
    };
    let applied = metrics.last_applied.map_or(0, |id| id.index);
    let confirmed = |id: &u64| match *id == metrics.id {
        true => Some(applied),
        false => store.network.replicas.confirmed(*id).map(|index| index.min(applied)),
    };
    let status = |(id, node): (&u64, &BasicNode)| PeerStatus {
        peer: peer(*id, node),
        role: if voters.contains(id) { Role::Voter } else { Role::Learner },
        silent_ms: silent_ms(id),
        confirmed: confirmed(id).filter(|_| leads),
        trouble: store.network.replicas.trouble(*id, silent_ms(id)).filter(|_| leads),
    };
    membership.nodes().map(status).collect()
}
