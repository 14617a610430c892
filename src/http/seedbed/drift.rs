//! `POST /1.0/seedbed/drift`, and the route by which each host is looked at.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::api::{ApiError, DRIFT_FORMAT, DriftReport, DriftRequest, paths};
use crate::http::server::response::{Answer, ApiResult};
use crate::model::Key;
use crate::service::access::caller::Caller;
use crate::service::blocking;
use crate::service::peers::fanout;
use crate::service::plans::drift::{DriftScope, LIMIT, SURVEY, gone, look, on_hosts, stored, unfinished};
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;
use crate::store::AuditAsk;

/// What can be asked about drift.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(paths::DRIFT, post(drift)).route(SURVEY, get(survey))
}

/// `GET /internal/drift`: what stands otherwise on this member's host.
async fn survey(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.member()?;
    Answer::of(&look(&server).await?)
}

/// `POST /1.0/seedbed/drift`.
async fn drift(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let request: DriftRequest = parse(&body)?;
    server.store().barrier().await.map_err(store_failed)?;
    if let Some(name) = &request.source {
        let found = server.store().get(&Key::new("source", name)).map_err(store_failed)?;
        found.ok_or_else(|| ApiError::not_found("Source not found"))?;
    }
    let hosts = fanout::ask(&server, SURVEY, LIMIT, look(&server)).await?;
    let state = blocking::apart(|| server.store().state()).map_err(store_failed)?;
    let history = server.store().audit(&AuditAsk::default()).map_err(store_failed)?;
    let asked = DriftScope { request: &request };
    let mut report =
        DriftReport { format_version: DRIFT_FORMAT.to_owned(), revision: state.revision, ..DriftReport::default() };
    stored(&server, &state, &asked, &history, &mut report);
    gone(&state, &asked, &history, &mut report);
    on_hosts(&state, &asked, hosts, &mut report);
    unfinished(&state, &asked, &mut report);
    report.drift.sort_by(|one, other| (&one.key, &one.field).cmp(&(&other.key, &other.field)));
    Answer::of(&report)
}
