//! Routes by which the leader tells members who answers, and that they have left.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use tokio::time::timeout;

use crate::api::{ApiError, MemberStanding, Reset};
use crate::http::server::response::{Answer, ApiResult};
use crate::model::{Key, LivenessReport, MemberId};
use crate::service::access::caller::Caller;
use crate::service::cluster::departure::{CURRENT_LIMIT, take_down};
use crate::service::cluster::lifecycle::Leaving;
use crate::service::cluster::removal::id_of;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;

/// `PUT /internal/liveness`: who answers, as the leader sees it.
pub async fn set_liveness(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> ApiResult {
    caller.member()?;
    let roll: LivenessReport = parse(&body)?;
    let at = roll.at;
    // One that arrives late says nothing new; who sent it has been heard all the same.
    if server.take_roll(roll) {
        server.clock.follow(at);
    }
    Answer::done()
}

/// `GET /internal/liveness`: for a member that has just started.
pub async fn liveness(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.member()?;
    let told = server.told.borrow().roll.clone();
    Answer::of(&LivenessReport { at: server.now(), ..told })
}

/// `POST /internal/cluster/reset`: this member is out. It takes down what it had and stands alone from now on.
///
/// The answer comes when it does: the connection outlives the port, and the request its caller.
pub async fn reset(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.member()?;
    let Reset { id, held } = parse(&body)?;
    if id != server.node().id {
        return Err(ApiError::new(421, format!("member {id} is not here: its address belongs to another one now")));
    }
    let troubles = take_down(&server, held).await;
    if let Err(error) = server.lifecycle.leave(&server, Leaving::Told).await {
        tracing::error!(error = %error.message, "cannot stand alone after leaving the cluster; restart the daemon");
        return Err(error);
    }
    if troubles.is_empty() { Answer::done() } else { Err(ApiError::failed(troubles.join("; "))) }
}

/// `GET /internal/cluster/standing/ID`: whether the member that asks is in the cluster. Anybody may ask, for somebody who
/// was removed is nobody here; and learns nothing about others.
pub async fn standing(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
) -> ApiResult {
    let node = server.node();
    // A leader that is only remembered proves nothing: this member may have missed a join, and would send somebody away.
    let is_current = timeout(CURRENT_LIMIT, node.store.barrier()).await.is_ok_and(|current| current.is_ok());
    // Whoever was unknown a moment ago may have joined meanwhile.
    let caller = match caller {
        Caller::Stranger { certificate: Some(used) } => server.trust.caller(&used, &node.store, server.now()),
        known => known,
    };
    // Raft's own list: a record may not have gone yet.
    let is_known = node.store.peers().iter().any(|peer| peer.peer.id == MemberId(id));
    let is_recorded = node.store.list(Key::MEMBER).map_err(store_failed)?.iter().any(|it| id_of(it) == MemberId(id));
    // Somebody who joins answers before it has the cluster's records.
    let is_certain = is_current && server.is_clustered()?;
    let is_member = caller.member().is_ok() && (is_known || is_recorded);
    Answer::of(&MemberStanding { is_certain, is_member })
}
