//! Removing a member, as the leader does it. One log entry makes it official; everything after that can be repeated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::shared_certificate;
use crate::api::{ApiError, Reset};
use crate::client::Client;
use crate::model::{Change, Key, MemberId, MemberName, Object, ReadSet, Rollout, Spec};
use crate::service::access::caller::Caller;
use crate::service::objects::records;
use crate::service::peers::connections::Channel;
use crate::service::server::{Server, store_failed};
use crate::store::{PeerStatus, Role};

/// Where the leader tells a member that it is out, and what it is to take down before it stands alone.
pub const RESET: &str = "/internal/cluster/reset";

/// Where a voter tells the leader that it stops.
pub const RESIGN: &str = "/internal/cluster/resign";

const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);

/// A member that has been silent for longer does not answer.
const SILENT_MS_MAX: u64 = 2_000;

const LOOK_EVERY: Duration = Duration::from_millis(50);

const RESET_LIMIT: Duration = Duration::from_secs(120);

/// Whether the member is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It must answer, and cleans up.
    No,
    /// It is gone for good.
    Yes,
}

/// Removes a member; on the leader only.
pub async fn remove(server: &Arc<Server>, caller: &Caller, name: &MemberName, force: Force) -> Result<(), ApiError> {
    let record = server.member(name)?;
    records::not_protected(&record)?;
    refuse_last(server)?;
    if *name == server.node().name {
        return Err(ApiError::bad_request(format!(
            "{name} leads the cluster: stop it first, or hand over the lead, then remove it from another member"
        )));
    }
    let is_reachable = server.liveness().is_reachable(name);
    if force == Force::No {
        refuse_if_in_use(server, name)?;
        if !is_reachable {
            let text = format!("member {name} is offline: `seedbed cluster remove {name} --force` goes on without it");
            return Err(ApiError::unavailable(text));
        }
    }
    let address = record.spec.text("address").to_owned();
    let state = server.store().part(&|_| placed()).map_err(store_failed)?;
    let held: Vec<Object> = match force {
        Force::No => state.objects.into_values().filter(|object| object.placements.contains_key(name)).collect(),
        // Whoever forces a removal may want to look at what is left on the machine.
        Force::Yes => Vec::new(),
    };
    // Nobody knows it any more afterwards.
    let line = server.peers.client(&address, Channel::Calls).map(|client| client.with_timeout(RESET_LIMIT));
    match force {
        Force::No => forget(server, caller, &record).await?,
        // Nobody has seen it give its copies of the key back.
        Force::Yes => expel(server, caller, &record).await?,
    }
    if is_reachable && let Err(error) = reset(line, id_of(&record), held).await {
        tracing::warn!(member = %name, error = %error.message, "the removed member must be reset by hand");
    }
    server.peers.forget_address(&address);
    Ok(())
}

/// A cluster has a member.
pub fn refuse_last(server: &Server) -> Result<(), ApiError> {
    if server.members()?.len() == 1 {
        return Err(ApiError::bad_request("Member is the only member in the cluster"));
    }
    Ok(())
}

/// Makes a removal official, without a word to the machine.
pub async fn forget(server: &Server, caller: &Caller, record: &Object) -> Result<(), ApiError> {
    let membership = membership(server)?;
    commit(server, caller, record, (&membership, membership.spec.clone()), Vec::new()).await?;
    take_seat(server, record).await;
    Ok(())
}

/// The same for a member that is not asked: the cluster has another certificate from the same entry on.
async fn expel(server: &Server, caller: &Caller, record: &Object) -> Result<(), ApiError> {
    let (membership, pair) = (membership(server)?, server.lifecycle.new_pair()?);
    server.credentials.set_next(pair.clone());
    let (spec, also) = shared_certificate::renewal(server, &membership, &pair)?;
    commit(server, caller, record, (&membership, spec), also).await?;
    take_seat(server, record).await;
    server.lifecycle.adopt(server, pair)
}

async fn take_seat(server: &Server, record: &Object) {
    if let Err(error) = server.store().remove(id_of(record)).await {
        tracing::warn!(member = %record.key.name, %error, "its seat in Raft is still there; the leader's loop takes it away");
    }
    server.trust.refresh(&server.store());
    server.members_changed.notify_one();
}

/// Whether this member has left its cluster, or does so within seconds.
pub async fn stands_alone_soon(server: &Server) -> bool {
    let leaves = async {
        while !server.is_clustered().is_ok_and(|is_clustered| !is_clustered) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(HAND_OVER_LIMIT, leaves).await.is_ok()
}

/// A leader that is to go lets another one lead: it cannot remove itself.
pub async fn hand_over(server: &Server) -> Result<(), ApiError> {
    let node = server.node();
    if !node.store.leadership().borrow().is_me {
        return Ok(());
    }
    let mut others = node.store.peers();
    // Somebody who is away takes nothing over, and a machine that shuts down does not wait for that.
    let answers = |silent_ms: Option<u64>| silent_ms.is_some_and(|silent_ms| silent_ms <= SILENT_MS_MAX);
    others.retain(|peer| peer.peer.id != node.id && answers(peer.silent_ms));
    others.sort_by_key(|peer| (peer.role != Role::Voter, peer.silent_ms));
    let Some(first) = others.first() else {
        return Err(ApiError::bad_request("no other member can lead: add one, or remove the others from this one"));
    };
    if first.role != Role::Voter {
        let mut voters: BTreeSet<MemberId> =
            node.store.peers().iter().filter(|peer| peer.role == Role::Voter).map(|peer| peer.peer.id).collect();
        voters.extend([node.id, first.peer.id]);
        node.store.set_voters(voters).await.map_err(store_failed)?;
    }
    let first = first.peer.id;
    let able = others.iter().filter(|peer| peer.role == Role::Voter || peer.peer.id == first);
    let mut outcome = Ok(());
    // One may hear what is sent to it and not be heard: then the next one is asked.
    for next in able {
        outcome = node.store.transfer_leadership(next.peer.id).await.map_err(store_failed);
        if outcome.is_ok() {
            break;
        }
    }
    outcome?;
    let mut leadership = node.store.leadership();
    let handed = leadership.wait_for(|now| !now.is_me && now.leader.is_some());
    match tokio::time::timeout(HAND_OVER_LIMIT, handed).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ApiError::unavailable("the lead could not be handed over in time; try again")),
    }
}

/// Before a clean stop: another voter leads, so that nobody has to notice first that this one has gone, and the vote goes
/// to a member that only follows, because a voter that is away counts against the majority.
///
/// # Errors
/// When nobody takes them in time.
pub async fn step_down(server: &Server) -> Result<(), ApiError> {
    let node = server.node();
    let has_others = node.store.peers().iter().any(|peer| peer.peer.id != node.id);
    if !has_others || !server.is_clustered()? {
        return Ok(());
    }
    hand_over(server).await?;
    resign(server).await
}

/// A voter that is to stop gives its vote to a member that only follows, where there is one that answers.
///
/// # Errors
/// When the leader cannot be asked, or cannot change who votes.
async fn resign(server: &Server) -> Result<(), ApiError> {
    let node = server.node();
    let votes = |peer: &PeerStatus| peer.peer.id == node.id && peer.role == Role::Voter;
    if !node.store.peers().iter().any(votes) {
        return Ok(());
    }
    let leader = node.store.leadership().borrow().leader.clone();
    let Some(leader) = leader.filter(|leader| leader.id != node.id) else { return Ok(()) };
    let client = server.peers.client(&leader.address, Channel::Calls)?.with_timeout(HAND_OVER_LIMIT);
    client
        .post::<serde_json::Value>(RESIGN, &node.id)
        .await
        .map_err(crate::service::peers::connections::unreachable)
        .map(|_| ())
}

/// The record of the member list.
pub fn membership(server: &Server) -> Result<Object, ApiError> {
    let membership = server.store().get(&Key::membership()).map_err(store_failed)?;
    membership.ok_or_else(|| ApiError::failed("the record of the member list is missing"))
}

async fn commit(
    server: &Server,
    caller: &Caller,
    record: &Object,
    (membership, spec): (&Object, Spec),
    also: Vec<Change>,
) -> Result<(), ApiError> {
    let member = MemberName(record.key.name.clone());
    let expect = vec![records::unchanged(record), records::unchanged(membership)];
    let mut changes = vec![
        Change::ForgetMember { member },
        Change::Forget { key: record.key.clone() },
        records::revised(membership, spec, Default::default()),
    ];
    changes.extend(also);
    records::submit_as(server, caller.audit(), expect, changes).await.map(|_| ())
}

/// What stands on this member alone would be lost.
fn refuse_if_in_use(server: &Server, name: &MemberName) -> Result<(), ApiError> {
    let state = server.store().part(&|_| placed()).map_err(store_failed)?;
    let here = |object: &&Object| object.rollout == Rollout::PlacedMembers && object.placements.contains_key(name);
    let kept: Vec<String> = state.objects.values().filter(here).map(|object| object.key.to_string()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("member {name} still has {}: move or delete them first", kept.join(", "))))
}

/// Everything that stands on some member.
fn placed() -> ReadSet {
    ReadSet { placed: true, ..ReadSet::default() }
}

async fn reset(line: Result<Client, ApiError>, id: MemberId, held: Vec<Object>) -> Result<(), ApiError> {
    line?
        .post::<serde_json::Value>(RESET, &Reset { id, held })
        .await
        .map_err(crate::service::peers::connections::unreachable)
        .map(|_| ())
}

/// The Raft identity of a member's record.
pub fn id_of(record: &Object) -> MemberId {
    let id = record.spec.0.get("id").and_then(serde_json::Value::as_u64).filter(|id| *id > 0);
    MemberId(id.unwrap_or(record.uid.0))
}
