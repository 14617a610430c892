//! `/1.0/sources/X/…`: status, sync, suspend and resume of a source.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;

use crate::api::ApiError;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::source::{SourceSpec, SourceStatus};
use crate::model::Timestamp;
use crate::service::access::caller::Caller;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};
use crate::service::sources::{found, set_source_status, source_status_now};
use crate::service::wire::parse;

/// What can be asked of a source besides what any object takes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/1.0/sources/{name}/status", get(status))
        .route("/1.0/sources/{name}/sync", post(sync))
        .route("/1.0/sources/{name}/suspend", post(suspend))
        .route("/1.0/sources/{name}/resume", post(resume))
}

/// `GET /1.0/sources/NAME/status`.
async fn status(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    let object = found(&server, &name)?;
    let status = source_status_now(&server, &object)?;
    let mut shown = json!(status);
    shown["conditions"] = json!(status.conditions());
    Answer::of(&shown)
}

/// `POST /1.0/sources/NAME/sync`: a round now. The answer names the round; the status says when it has ended.
async fn sync(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    if found(&server, &name).is_err() {
        // It may have been added through another member just now.
        server.store().barrier().await.map_err(store_failed)?;
        found(&server, &name)?;
    }
    let ask = |status: SourceStatus| SourceStatus { requested: status.requested + 1, ..status };
    let status = set_source_status(&server, &name, &caller.audit(), ask).await?;
    Answer::of(&json!({ "requested": status.requested }))
}

#[derive(Deserialize)]
struct SuspendAsked {
    until: Timestamp,
}

/// `POST /1.0/sources/NAME/suspend`: nobody reads it until then.
async fn suspend(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let SuspendAsked { until } = parse(&body)?;
    if until <= server.now() {
        return Err(ApiError::bad_request("a source cannot be suspended until a moment that has passed"));
    }
    change(&server, &caller, &name, |spec| spec.suspended_until = Some(until)).await
}

/// `POST /1.0/sources/NAME/resume`.
async fn resume(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    change(&server, &caller, &name, |spec| spec.suspended_until = None).await
}

async fn change(server: &Server, caller: &Caller, name: &str, edit: impl Fn(&mut SourceSpec)) -> ApiResult {
    records::commit(server, &caller.audit(), || {
        let object = found(server, name)?;
        let mut spec: SourceSpec = records::typed(&object)?;
        edit(&mut spec);
        let put = records::revised(
            &object,
            records::readmitted(&object, records::spec_of(&spec)?)?,
            records::placements(&object),
        );
        Ok((vec![records::unchanged(&object)], vec![put]))
    })
    .await?;
    Answer::done()
}
