//! The route by which a voter gives its vote away before it stops.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use crate::http::server::response::{Answer, ApiResult};
use crate::model::{MemberId, MemberName};
use crate::service::access::caller::Caller;
use crate::service::cluster::removal::id_of;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;
use crate::store::Role;

/// `POST /internal/cluster/resign`: a voter is about to stop; on the leader.
pub async fn resigned(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> ApiResult {
    caller.member()?;
    let id: MemberId = parse(&body)?;
    let peers = server.store().peers();
    let (voters, followers): (Vec<_>, Vec<_>) = peers.into_iter().partition(|peer| peer.role == Role::Voter);
    let mut voters: BTreeSet<MemberId> = voters.into_iter().map(|peer| peer.peer.id).collect();
    if !voters.remove(&id) {
        return Answer::done();
    }
    let members = server.members()?;
    let liveness = server.liveness();
    let answers = |id: MemberId| {
        members.iter().any(|it| id_of(it) == id && liveness.is_reachable(&MemberName(it.key.name.clone())))
    };
    let domain = |id: MemberId| {
        members
            .iter()
            .find(|it| id_of(it) == id)
            .map(|it| it.spec.text("failure_domain").to_owned())
            .unwrap_or_default()
    };
    let in_domain = |id: MemberId| voters.iter().filter(|voter| domain(**voter) == domain(id)).count();
    // The leader's loop spreads votes over domains, too: no vote has to move twice.
    let able = followers.iter().map(|peer| peer.peer.id).filter(|id| answers(*id));
    match able.min_by_key(|id| (in_domain(*id), *id)) {
        Some(heir) => drop(voters.insert(heir)),
        // Two voters decide no better without one of them than one does alone; of three, one may be away.
        None if voters.len().is_multiple_of(2) => return Answer::done(),
        None => {}
    }
    server.store().set_voters(voters).await.map_err(store_failed)?;
    server.members_changed.notify_one();
    Answer::done()
}
