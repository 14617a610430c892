//! `/1.0/cluster`: LXD's own way of forming, joining and leaving a cluster.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::api::{ApiError, Cluster, ClusterPut};
use crate::http::server::response::{Answer, ApiResult};
use crate::service::access::caller::Caller;
use crate::service::cluster::lifecycle::Leaving;
use crate::service::cluster::membership::{check, member_config};
use crate::service::operations::Subject;
use crate::service::server::Server;
use crate::service::wire::parse;

/// `GET /1.0/cluster`.
pub async fn show(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
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
        server.lifecycle.leave(&server, Leaving::Asked).await?;
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
        .start(&server, subject, async move { worker.lifecycle.put(&worker, request, &by).await.map(|_| Map::new()) });
    Ok(Answer::operation(&operation)?.into_response())
}
