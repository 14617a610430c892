//! Requests that another member must answer are passed on to it.

use axum::body::Bytes;
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use super::caller::Caller;
use super::server::Server;
use crate::api::ApiError;
use crate::model::MemberName;

/// Passes a request on to a member; says that it is offline instead of waiting for it.
pub async fn to_member(
    server: &Server,
    member: &MemberName,
    method: Method,
    path: &str,
    caller: &Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    to_member_if(server, member, (method, path, None), caller, body).await
}

/// The same with the `If-Match` that the request came with.
pub async fn to_member_if(
    server: &Server,
    member: &MemberName,
    (method, path, matching): (Method, &str, Option<HeaderValue>),
    caller: &Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    let record = server.member(member)?;
    if !server.liveness.borrow().is_reachable(member) {
        return Err(ApiError::unavailable(format!(
            "member {member} is offline: nothing can be done on it until it is back"
        )));
    }
    server.peers.forward_if(record.spec.text("address"), (method, path, matching), &caller.audit(), body).await
}

/// Passes a request on to the leader, or `None` when this member leads.
pub async fn to_leader(
    server: &Server,
    method: Method,
    path: &str,
    by: &str,
    body: Bytes,
) -> Result<Option<Response>, ApiError> {
    let leadership = server.store().leadership().borrow().clone();
    if leadership.is_me {
        return Ok(None);
    }
    let leader = leadership.leader.filter(|leader| !leader.address.is_empty());
    let Some(leader) = leader else {
        return Err(ApiError::unavailable("the cluster has no leader now: most of its voters must be reachable"));
    };
    server.peers.forward(&leader.address, method, path, by, body).await.map(Some)
}
