//! `/internal/raft/*`: what members' stores say to each other. Bytes go through unread.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::api::ApiError;
use crate::model::MemberId;
use crate::service::access::caller::Caller;
use crate::service::server::{LocalMember, Server, store_failed};
use crate::store::Rpc;

/// What all of it begins with: it is answered on the threads of Raft.
pub const PATHS: &str = "/internal/raft";
/// The header that names the member that is meant, so that an address taken over by another member shows.
pub const TO: &str = "x-seedbed-to";
/// The header that carries what goes before a snapshot's file, in base64.
pub const SNAPSHOT: &str = "x-seedbed-snapshot";

/// `POST /internal/raft/NAME`.
pub async fn call(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.member()?;
    let rpc = Rpc::from_path(&name).ok_or_else(|| ApiError::not_found(format!("there is no Raft call `{name}`")))?;
    let node = addressed(&server, &headers)?;
    let answer = node.store.answer(rpc, body).await.map_err(store_failed)?;
    Ok(answer.into_response())
}

/// `POST /internal/raft-snapshot`: the file streams to disk; it may be larger than the memory.
pub async fn snapshot(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.member()?;
    let node = addressed(&server, &headers)?;
    let header = headers.get(SNAPSHOT).and_then(|value| STANDARD.decode(value).ok());
    let header = header.ok_or_else(|| ApiError::bad_request("a snapshot without its header"))?;
    let file = node.store.incoming();
    receive(body, file.path()).await?;
    let answer = node.store.receive_snapshot(Bytes::from(header), file).await.map_err(store_failed)?;
    Ok(answer.into_response())
}

async fn receive(body: Body, path: &std::path::Path) -> Result<(), ApiError> {
    let failed =
        |cause: std::io::Error| ApiError::failed(format!("cannot write the snapshot to `{}`: {cause}", path.display()));
    let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|cause| ApiError::bad_request(format!("the snapshot broke off: {cause}")))?;
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)
}

/// The store that the caller means: this member's, or the one of a join under way.
fn addressed(server: &Server, headers: &HeaderMap) -> Result<Arc<LocalMember>, ApiError> {
    let id = headers.get(TO).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok()).map(MemberId);
    let id = id.ok_or_else(|| ApiError::bad_request("a Raft call that names no member"))?;
    let joining = server.joining.borrow().clone();
    let found = [Some(server.node()), joining].into_iter().flatten().find(|node| node.id == id);
    found.ok_or_else(|| ApiError::new(421, format!("member {id} is not here: its address belongs to another one now")))
}
