//! The rest of `/internal/`: what the leader tells members.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use super::answer::{Answer, Outcome, parse};
use super::caller::Caller;
use super::server::{Server, store_failed};
use crate::api::ApiError;
use crate::kinds::{self, Intent, Local, Outcome as Done, Work};
use crate::model::{Liveness, Object};

/// `PUT /internal/liveness`: who answers, as the leader sees it.
pub async fn set_liveness(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Outcome {
    caller.member()?;
    let table: Liveness = parse(&body)?;
    server.liveness.send_replace(table);
    Answer::done()
}

/// `GET /internal/liveness`: for a member that has just started.
pub async fn liveness(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.member()?;
    let table = server.liveness.borrow().clone();
    Answer::of(&table)
}

/// `POST /internal/cluster/clean`: takes down what this member has, because it is about to leave.
pub async fn clean(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.member()?;
    let node = server.node();
    let state = node.store.state().map_err(store_failed)?;
    let mut mine: Vec<&Object> =
        state.objects.values().filter(|object| object.placements.contains_key(&node.name)).collect();
    // What needs another object goes before it.
    mine.sort_by_key(|object| std::cmp::Reverse(kinds::rank(object.key.kind.as_str())));
    for object in mine {
        let Some(kind) = kinds::find(object.key.kind.as_str()).and_then(|kind| kind.node()) else { continue };
        let Some(placement) = object.placements.get(&node.name) else { continue };
        let local = Local {
            key: object.key.clone(),
            uid: object.uid,
            member: node.name.clone(),
            spec: object.spec.clone(),
            config: placement.config.clone(),
            known: placement.realised > crate::model::Generation(0),
        };
        if let Done::Failed(error) = kind.converge(&server.host, &Work { local, intent: Intent::Absent }).await {
            return Err(ApiError::failed(format!("{} stays on {}: {error}", object.key, node.name)));
        }
    }
    Answer::done()
}

/// `POST /internal/cluster/reset`: this member is out; it stands alone from now on.
pub async fn reset(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.member()?;
    // The answer must be given before the connection's world goes away.
    tokio::spawn(async move {
        if let Err(error) = server.former.leave(&server).await {
            tracing::error!(error = %error.message, "cannot stand alone after leaving the cluster; restart the daemon");
        }
    });
    Answer::done()
}
