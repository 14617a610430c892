//! Requests that another member must answer are passed on to it.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use tokio::time::{Instant, sleep};

use super::connections::{Forwarded, PeerResponse};
use crate::api::ApiError;
use crate::model::MemberName;
use crate::service::access::caller::Caller;
use crate::service::cluster::freshness::not_now;
use crate::service::server::Server;
use crate::store::{Peer, Store};

/// Before a leader is tried again that could not be reached.
const PAUSE: Duration = Duration::from_millis(100);
/// While a leader works on a request, it is looked as often whether it is still heard.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long it is tried to reach a leader.
const REACH_LIMIT: Duration = Duration::from_secs(8);

/// Passes a request on to a member; says that it is offline instead of waiting for it.
pub async fn to_member(
    server: &Server,
    member: &MemberName,
    method: Method,
    path: &str,
    caller: &Caller,
    body: Bytes,
) -> Result<PeerResponse, ApiError> {
    to_member_if(server, member, (method, path, None), caller, body).await
}

/// The same with the `If-Match` that the request came with.
pub async fn to_member_if(
    server: &Server,
    member: &MemberName,
    (method, path, matching): (Method, &str, Option<HeaderValue>),
    caller: &Caller,
    body: Bytes,
) -> Result<PeerResponse, ApiError> {
    let record = server.member(member)?;
    if !server.liveness().is_reachable(member) {
        return Err(ApiError::unavailable(format!(
            "member {member} is offline: nothing can be done on it until it is back"
        )));
    }
    let (address, by) = (record.spec.text("address"), caller.audit());
    let forwarding = server.peers.forward_if(address, (method, path, matching), &by, body);
    let silent = async {
        while server.liveness().is_reachable(member) {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        answer = forwarding => answer.map_err(ApiError::from),
        () = silent => Err(ApiError::unavailable(format!(
            "member {member} has fallen silent while it worked on this: whether it was done is unknown"
        ))),
    }
}

/// Passes a request on to the leader, or `None` when this member leads. When the leader changes meanwhile, the next one is
/// asked, unless the last may have begun with something that must not be done twice.
pub async fn to_leader(
    server: &Server,
    method: Method,
    path: &str,
    by: &str,
    body: Bytes,
) -> Result<Option<PeerResponse>, ApiError> {
    let store = server.store();
    let until = Instant::now() + REACH_LIMIT;
    let mut last = None;
    loop {
        let leadership = store.leadership().borrow().clone();
        if leadership.is_me {
            return Ok(None);
        }
        let leader = leadership.leader.filter(|leader| !leader.address.is_empty());
        // One that is not heard would not answer either.
        if let Some(leader) = leader.as_ref().filter(|_| server.outdated().is_none()) {
            let forwarding = server.peers.forward(&leader.address, method.clone(), path, by, body.clone());
            let forwarded = tokio::select! {
                answer = forwarding => answer,
                () = lost(server, &store, leader) => Err(Forwarded::Lost),
            };
            match forwarded {
                Ok(answer) => return Ok(Some(answer)),
                Err(failed) if failed.was_sent() && method != Method::GET => return Err(failed.into()),
                Err(failed) => last = Some(failed),
            }
        }
        if Instant::now() >= until {
            break;
        }
        tokio::select! {
            () = changed(&store, leader.as_ref()) => {}
            () = sleep(PAUSE) => {}
        }
    }
    Err(match (server.outdated(), last) {
        (Some(outdated), _) => not_now(&outdated),
        (None, Some(failed)) => failed.into(),
        (None, None) => ApiError::unavailable("the cluster has no leader now: most of its voters must be reachable"),
    })
}

/// Returns when somebody else leads.
async fn changed(store: &Store, leader: Option<&Peer>) {
    let mut leadership = store.leadership();
    // A store that is closed has no leader.
    let _closed = leadership.wait_for(|now| now.leader.as_ref() != leader).await;
}

/// Returns when a leader leads no more, or is not heard any more: then it may never answer.
async fn lost(server: &Server, store: &Store, leader: &Peer) {
    let silent = async {
        while server.outdated().is_none() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = changed(store, Some(leader)) => {}
        () = silent => {}
    }
}
