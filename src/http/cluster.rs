//! `/1.0/cluster`: whether this member is in a cluster, and LXD's own way of forming one.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::answer::{Answer, Outcome, parse};
use super::caller::Caller;
use super::former::Leaving;
use super::operations::Subject;
use super::server::{Server, store_failed};
use crate::api::{ApiError, Cluster, ClusterPut, MemberConfigKey};
use crate::kinds;
use crate::model::Rollout;

/// `GET /1.0/cluster`.
pub async fn show(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    let enabled = server.is_clustered()?;
    let server_name = if enabled { server.node().name.0.clone() } else { String::new() };
    Answer::of(&Cluster { server_name, enabled, member_config: member_config(&server)? })
}

/// `PUT /1.0/cluster`: bootstraps or joins as an operation; leaves at once.
pub async fn put(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let request: ClusterPut = parse(&body)?;
    check(&server, &request)?;
    if !request.enabled {
        server.former.leave(&server, Leaving::Asked).await?;
        return Ok(Answer::done()?.into_response());
    }
    let subject = Subject {
        description: if request.cluster_address.is_empty() { "Creating bootstrap node" } else { "Joining cluster" },
        resources: [("cluster".to_owned(), Value::Null)].into_iter().collect(),
        location: server.node().name.clone(),
        at: server.now(),
    };
    let (worker, by) = (Arc::clone(&server), caller.audit());
    let operation = server
        .operations
        .start(&server, subject, async move { worker.former.put(&worker, request, &by).await.map(|_| Map::new()) });
    Ok(Answer::operation(&operation)?.into_response())
}

/// What LXD refuses before it starts, in its words.
fn check(server: &Server, request: &ClusterPut) -> Result<(), ApiError> {
    let refused = |message: &str| Err(ApiError::bad_request(message));
    match (request.enabled, request.server_name.as_str()) {
        (true, "") => return refused("ServerName is required when enabling clustering"),
        (true, name) if name.starts_with('@') => return refused("ServerName may not start with \"@\""),
        (false, "") => return Ok(()),
        (false, _) => return refused("ServerName must be empty when disabling clustering"),
        (true, _) => {}
    }
    if !request.cluster_address.is_empty() && request.cluster_certificate.is_empty() {
        return refused("No target cluster member certificate provided");
    }
    if server.is_clustered()? {
        return refused("This server is already clustered");
    }
    Ok(())
}

/// The member-specific keys that somebody who joins may give.
fn member_config(server: &Server) -> Result<Vec<MemberConfigKey>, ApiError> {
    let mut keys = Vec::new();
    for kind in kinds::ALL.iter().filter(|kind| kind.rollout() == Rollout::EveryMember) {
        let words = kind.words();
        // The server's own keys are no part of a join.
        if words.collection.is_empty() {
            continue;
        }
        for object in server.store().list(words.kind).map_err(store_failed)? {
            let entities = kind.entities(&object.spec);
            let rows = entities.iter().flat_map(|entity| kinds::tables::key_table::keys_of(entity));
            let own = rows.filter(|row| {
                row.scope == kinds::tables::key_table::KeyScope::Member && !row.key.starts_with("volatile.")
            });
            keys.extend(own.map(|row| MemberConfigKey {
                entity: words.kind.to_owned(),
                name: object.key.name.clone(),
                key: row.key.to_owned(),
                value: String::new(),
                description: format!("{:?} property for {} {:?}", row.key, words.spoken, object.key.name),
            }));
        }
    }
    Ok(keys)
}
