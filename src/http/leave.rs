//! Removing a member, as the leader does it. One log entry makes it official; everything after that can be repeated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::caller::Caller;
use super::peers::Line;
use super::server::{Server, store_failed};
use super::{shared_certificate, write};
use crate::api::{ApiError, Reset};
use crate::client::Client;
use crate::model::{Change, Extent, Key, MemberId, MemberName, Object, Rollout, Spec};
use crate::store::Role;

/// Where the leader tells a member that it is out, and what it is to take down before it stands alone.
pub const RESET: &str = "/internal/cluster/reset";

const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);
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
    write::not_protected(&record)?;
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
    let line = server.peers.client(&address, Line::Calls).map(|client| client.with_timeout(RESET_LIMIT));
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
    let (membership, pair) = (membership(server)?, server.former.new_pair()?);
    server.credentials.set_next(pair.clone());
    let (spec, also) = shared_certificate::renewal(server, &membership, &pair)?;
    commit(server, caller, record, (&membership, spec), also).await?;
    take_seat(server, record).await;
    server.former.adopt(server, pair)
}

async fn take_seat(server: &Server, record: &Object) {
    if let Err(error) = server.store().remove(id_of(record)).await {
        tracing::warn!(member = %record.key.name, %error, "its seat in Raft is still there; the leader's loop takes it away");
    }
    server.trust.refresh(&server.store());
    server.members_changed.notify_one();
}

/// A leader that is to go lets another one lead: it cannot remove itself.
pub async fn hand_over(server: &Server) -> Result<(), ApiError> {
    let node = server.node();
    if !node.store.leadership().borrow().is_me {
        return Ok(());
    }
    let mut others = node.store.peers();
    others.retain(|peer| peer.peer.id != node.id && peer.silent_ms.is_some());
    let Some(next) = others.iter().min_by_key(|peer| (peer.role != Role::Voter, peer.silent_ms)) else {
        return Err(ApiError::bad_request(
            "no other member answers, and one must lead: bring one back, or remove the others first with --force",
        ));
    };
    if next.role != Role::Voter {
        let mut voters: BTreeSet<MemberId> =
            others.iter().filter(|peer| peer.role == Role::Voter).map(|peer| peer.peer.id).collect();
        voters.extend([node.id, next.peer.id]);
        node.store.set_voters(voters).await.map_err(store_failed)?;
    }
    node.store.transfer_leadership(next.peer.id).await.map_err(store_failed)?;
    let mut leadership = node.store.leadership();
    let handed = leadership.wait_for(|now| !now.is_me && now.leader.is_some());
    match tokio::time::timeout(HAND_OVER_LIMIT, handed).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ApiError::unavailable("the lead could not be handed over in time; try again")),
    }
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
    let expect = vec![write::unchanged(record), write::unchanged(membership)];
    let mut changes = vec![
        Change::ForgetMember { member },
        Change::Forget { key: record.key.clone() },
        write::revised(membership, spec, Default::default()),
    ];
    changes.extend(also);
    write::submit_as(server, caller.audit(), expect, changes).await.map(|_| ())
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
fn placed() -> Extent {
    Extent { placed: true, ..Extent::default() }
}

async fn reset(line: Result<Client, ApiError>, id: MemberId, held: Vec<Object>) -> Result<(), ApiError> {
    line?.post::<serde_json::Value>(RESET, &Reset { id, held }).await.map_err(super::peers::unreachable).map(|_| ())
}

/// The Raft identity of a member's record.
pub fn id_of(record: &Object) -> MemberId {
    let id = record.spec.0.get("id").and_then(serde_json::Value::as_u64).filter(|id| *id > 0);
    MemberId(id.unwrap_or(record.uid.0))
}
