//! The rest of `/internal/`: what the leader tells members.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use super::answer::{Answer, Outcome, parse};
use super::caller::Caller;
use super::server::Server;
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

/// `POST /internal/cluster/reset`: this member is out. It takes down what it had and stands alone from now on.
pub async fn reset(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    caller.member()?;
    let held: Vec<Object> = parse(&body)?;
    let troubles = take_down(&server, held).await;
    // The answer must be given before the connection's world goes away.
    tokio::spawn(async move {
        if let Err(error) = server.former.leave(&server).await {
            tracing::error!(error = %error.message, "cannot stand alone after leaving the cluster; restart the daemon");
        }
    });
    if troubles.is_empty() { Answer::done() } else { Err(ApiError::failed(troubles.join("; "))) }
}

async fn take_down(server: &Server, mut held: Vec<Object>) -> Vec<String> {
    let me = server.node().name.clone();
    // What needs another object goes before it.
    held.sort_by_key(|object| std::cmp::Reverse(kinds::rank(object.key.kind.as_str())));
    let mut troubles = Vec::new();
    for object in held {
        let Some(kind) = kinds::find(object.key.kind.as_str()).and_then(|kind| kind.node()) else { continue };
        let Some(placement) = object.placements.get(&me) else { continue };
        let local = Local {
            key: object.key.clone(),
            uid: object.uid,
            member: me.clone(),
            spec: object.spec.clone(),
            config: placement.config.clone(),
            known: placement.realised > crate::model::Generation(0),
        };
        if let Done::Failed(error) = kind.converge(&server.host, &Work { local, intent: Intent::Absent }).await {
            tracing::warn!(object = %object.key, %error, "stays on this machine");
            troubles.push(format!("{} stays on {me}: {error}", object.key));
        }
    }
    troubles
}
