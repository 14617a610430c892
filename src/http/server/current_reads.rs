//! Reads see what was acknowledged before them, through whichever member: this one asks the leader how far that is, and
//! catches up first. Without a leader it answers with what it has.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::api::paths;
use crate::service::access::caller::Caller;
use crate::service::server::Server;

/// Who asks a cluster that is in trouble is not kept waiting for it.
const LIMIT: Duration = Duration::from_millis(500);
/// What is not about the stored state, or waits for it by itself.
const LOCAL: [&str; 2] = [paths::EVENTS, paths::METRICS];

/// Catches up before a read of somebody who may read.
pub async fn catch_up(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if is_about_the_state(&request) && server.store().leadership().borrow().leader.is_some() {
        let barrier = tokio::time::timeout(LIMIT, server.store().barrier()).await;
        if !matches!(barrier, Ok(Ok(_))) {
            tracing::debug!(path = request.uri().path(), "read without the leader");
        }
    }
    next.run(request).await
}

fn is_about_the_state(request: &Request) -> bool {
    let path = request.uri().path();
    let is_trusted = request.extensions().get::<Caller>().is_some_and(Caller::is_trusted);
    let waits = request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("after=")));
    *request.method() == Method::GET
        && is_trusted
        && path.starts_with(paths::SERVER)
        && !waits
        && !LOCAL.contains(&path)
        && !path.ends_with("/wait")
}
