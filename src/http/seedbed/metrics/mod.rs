//! `GET /1.0/metrics`: what a monitoring system asks every few seconds, in OpenMetrics.
//!
//! Everything is worked out when it is asked for, from what this member knows: nothing is counted twice, and a
//! cluster that nobody monitors pays nothing. Objects that are as they should be are only counted; each one that is
//! not has a line of its own.

mod exposition;
mod figures;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use self::exposition::text;
use self::figures::Snapshot;
use crate::api::ApiError;
use crate::service::access::caller::Caller;
use crate::service::blocking;
use crate::service::server::{Server, store_failed};

/// The type that OpenMetrics 1.0 prescribes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /1.0/metrics`.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let node = server.node();
    let leadership = node.store.leadership().borrow().clone();
    let outdated = server.outdated();
    let snapshot = Snapshot {
        version: server.environment.server_version.clone(),
        member: node.name.clone(),
        state: blocking::apart(|| node.store.state()).map_err(store_failed)?,
        liveness: server.liveness(),
        outdated_ms: outdated.as_ref().map(|outdated| outdated.age_ms),
        is_leader: leadership.is_me && outdated.is_none(),
        term: leadership.term.0,
        last_log_index: node.store.last_log_index(),
        tally: server.tally.borrow().clone(),
        now: server.now(),
    };
    let text = text(&snapshot).map_err(|cause| ApiError::failed(format!("cannot write the metrics: {cause}")))?;
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
    Ok(response)
}
