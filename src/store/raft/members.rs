//! Who takes part in Raft. All of this works on the leader only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::error::{ChangeMembershipError, ClientWriteError, PreconditionFailed, RaftError};
use openraft::{ChangeMembers, Precondition, RaftMetrics};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::types::{Config, node};
use crate::model::MemberId;
use crate::store::error::StoreError;
use crate::store::inner::Inner;
use crate::store::options::Peer;
use crate::store::submit::millis;

/// The pause before a change is tried again.
const AGAIN: Duration = Duration::from_millis(20);

type Change = ChangeMembers<u64, openraft::BasicNode>;
type Refusal = RaftError<Config, ClientWriteError<Config>>;

/// Adds a member without a vote, and waits until it has what was there when it came. One that does not answer is taken
/// out again: the group is then as it was before.
pub async fn add_learner(store: &Inner, peer: Peer) -> Result<(), StoreError> {
    let doing = format!("add the member at {} to the cluster", peer.address);
    let was_there = is_member(store, peer.id);
    let goal = store.log.last_index();
    one_at_a_time(store, &doing, || store.raft.add_learner(peer.id.0, node(&peer), false)).await?;
    if timeout(store.timing.wait(), caught_up(store, peer.id, goal)).await.is_ok() {
        return Ok(());
    }
    if !was_there {
        remove(store, peer.id).await?;
    }
    let detail = "it does not answer there: check its address, and that its daemon runs".to_owned();
    Err(StoreError::Membership { doing, detail })
}

/// Returns when the leader knows that a member has the entry `goal`.
async fn caught_up(store: &Inner, id: MemberId, goal: u64) {
    let has_it = |now: &RaftMetrics<Config>| {
        let matched = now.replication.as_ref().and_then(|all| *all.get(&id.0)?);
        matched.is_some_and(|matched| matched.index >= goal)
    };
    // It fails only when openraft ends; the caller's limit covers that.
    if store.raft.metrics().wait_until(has_it).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn is_member(store: &Inner, id: MemberId) -> bool {
    store.metrics().membership_config.membership().get_node(&id.0).is_some()
}

/// Makes exactly these members voters; voters that are not named become learners.
pub async fn set_voters(store: &Inner, voters: BTreeSet<MemberId>) -> Result<(), StoreError> {
    let ids: BTreeSet<u64> = voters.iter().map(|id| id.0).collect();
    let doing = format!("make {} the voters", list(&ids));
    // A leader without a vote would go on leading without counting itself.
    if !ids.contains(&store.me.id.0) {
        let detail = "the leader is not among them: hand over the lead first".to_owned();
        return Err(StoreError::Membership { doing, detail });
    }
    change(store, &doing, ChangeMembers::ReplaceAllVoters(ids), Removed::Learn).await
}

/// Removes a member for good.
pub async fn remove(store: &Inner, id: MemberId) -> Result<(), StoreError> {
    let doing = format!("remove member {id}");
    if id == store.me.id {
        let detail = "it is the leader: hand over the lead first".to_owned();
        return Err(StoreError::Membership { doing, detail });
    }
    let metrics = store.metrics();
    let membership = metrics.membership_config.membership();
    let id = BTreeSet::from([id.0]);
    let is_voter = membership.voter_ids().any(|voter| id.contains(&voter));
    let what = if is_voter { ChangeMembers::RemoveVoters(id) } else { ChangeMembers::RemoveNodes(id) };
    change(store, &doing, what, Removed::Forget).await
}

/// Changes where a member is found.
pub async fn set_address(store: &Inner, peer: Peer) -> Result<(), StoreError> {
    let doing = format!("change the address of member {} to {}", peer.id, peer.address);
    let nodes = BTreeMap::from([(peer.id.0, node(&peer))]);
    if !is_member(store, peer.id) {
        return Err(StoreError::Membership { doing, detail: "there is no such member".to_owned() });
    }
    change(store, &doing, ChangeMembers::SetNodes(nodes), Removed::Learn).await
}

/// Hands the lead to another voter.
pub async fn transfer(store: &Inner, to: MemberId) -> Result<(), StoreError> {
    let doing = format!("hand the lead to member {to}");
    let mut leadership = store.leadership.subscribe();
    if !leadership.borrow().is_me {
        return Err(not_leader(store));
    }
    if to == store.me.id {
        return Ok(());
    }
    let is_voter = store.metrics().membership_config.membership().voter_ids().any(|id| id == to.0);
    if !is_voter {
        return Err(StoreError::Membership { doing, detail: "it has no vote".to_owned() });
    }
    let mut untold = store.network.untold.subscribe();
    store.network.untold.send_replace(None);
    store.raft.trigger().transfer_leader(to.0).await.map_err(|fatal| store.fatal(&fatal))?;
    let limit = Instant::now() + Duration::from_millis(4 * store.timing.election_ms_max);
    let took_over = leadership.wait_for(|now| now.leader.as_ref().is_some_and(|leader| leader.id == to));
    let detail = tokio::select! {
        took_over = timeout_at(limit, took_over) => match took_over {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) | Err(_) => "it did not take over in time",
        },
        _ = untold.wait_for(|untold| *untold == Some(to.0)) => "it cannot be reached",
    };
    Err(StoreError::Membership { doing, detail: detail.to_owned() })
}

/// What becomes of a voter that is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removed {
    Learn,
    Forget,
}

/// Changes the group from what it is when its turn has come: a change that was begun from an older view is refused.
async fn change(store: &Inner, doing: &str, what: Change, removed: Removed) -> Result<(), StoreError> {
    let change = || {
        let seen = *store.metrics().membership_config.log_id();
        let unchanged = Precondition::LastMembershipLogId { last_membership_log_id: seen };
        store.raft.change_membership_if(what.clone(), removed == Removed::Learn, [unchanged])
    };
    one_at_a_time(store, doing, change).await
}

/// Carries out a change when no other is under way: of two that meet, openraft refuses one.
async fn one_at_a_time<T, F>(store: &Inner, doing: &str, change: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<T, Refusal>>,
{
    store.check()?;
    let turn = async {
        let _turn = store.changing.lock().await;
        loop {
            match change().await {
                Err(refusal) if passes(&refusal) => sleep(AGAIN).await,
                ended => return ended,
            }
        }
    };
    match timeout(store.timing.wait(), turn).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(RaftError::Fatal(fatal))) => Err(store.fatal(&fatal)),
        Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => Err(not_leader(store)),
        Ok(Err(RaftError::APIError(refusal))) => {
            Err(StoreError::Membership { doing: doing.to_owned(), detail: refusal.to_string() })
        }
        Err(_) => {
            let cause = Box::new(StoreError::Timeout { waited_ms: millis(store.timing.wait()) });
            Err(StoreError::Unknown { cause })
        }
    }
}

/// Whether a change is refused only because of one before it: by a caller that gave up waiting, or by an earlier leader.
fn passes(refusal: &Refusal) -> bool {
    use ChangeMembershipError::{InProgress, UncommittedLeaderLog};
    use PreconditionFailed::LastMembershipLogIdMismatch;
    matches!(
        refusal,
        RaftError::APIError(
            ClientWriteError::ChangeMembershipError(InProgress(_) | UncommittedLeaderLog(_))
                | ClientWriteError::PreconditionFailed(LastMembershipLogIdMismatch { .. })
        )
    )
}

fn not_leader(store: &Inner) -> StoreError {
    let leader = store.leadership.borrow().leader.clone();
    StoreError::NotLeader { leader: leader.filter(|leader| leader.id != store.me.id).map(|leader| leader.address) }
}

fn list(ids: &BTreeSet<u64>) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
