//! Sources: what their readers hand in, how they stand, and what can be asked of them.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, parse};
use super::asked::Asked;
use super::caller::Caller;
use super::forward;
use super::seedbed;
use super::server::{Server, store_failed};
use super::write;
use crate::api::{ApiError, ApplyReply, ApplyRequest, Envelope, Kind, paths};
use crate::kinds::source::{SourceSpec, SourceStatus};
use crate::model::{Key, MemberName, Object, Timestamp};

/// Larger than any answer to an apply.
const ANSWER_BYTES_MAX: usize = 16 << 20;

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
) -> Outcome {
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
) -> Outcome {
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
) -> Outcome {
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
) -> Outcome {
    caller.trusted()?;
    change(&server, &caller, &name, |spec| spec.suspended_until = None).await
}

async fn change(server: &Server, caller: &Caller, name: &str, edit: impl Fn(&mut SourceSpec)) -> Outcome {
    write::commit(server, &caller.audit(), || {
        let object = found(server, name)?;
        let mut spec: SourceSpec = write::typed(&object)?;
        edit(&mut spec);
        let put =
            write::revised(&object, write::readmitted(&object, write::spec_of(&spec)?)?, write::placements(&object));
        Ok((vec![write::unchanged(&object)], vec![put]))
    })
    .await?;
    Answer::done()
}

fn found(server: &Server, name: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&Key::new("source", name)).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::not_found("Source not found"))
}

/// How a source stands; nothing yet when nobody has read it.
pub fn source_status(server: &Server, name: &str) -> Result<SourceStatus, ApiError> {
    match server.store().get(&SourceStatus::key(name)).map_err(store_failed)? {
        Some(object) => write::typed(&object),
        None => Ok(SourceStatus::default()),
    }
}

/// How a source stands, as whoever looks now has to take it: see [`SourceStatus::seen`].
pub fn source_status_now(server: &Server, source: &Object) -> Result<SourceStatus, ApiError> {
    let spec: SourceSpec = write::typed(source)?;
    let members = server.members()?.into_iter().map(|member| MemberName(member.key.name)).collect::<Vec<_>>();
    let heard = server.liveness().members;
    Ok(source_status(server, &source.key.name)?.seen(&spec, &members, &heard))
}

/// Changes how a source stands, and gives what is stored then. Nothing is written when nothing changes.
///
/// # Errors
/// When the cluster takes no writes.
pub async fn set_source_status(
    server: &Server,
    name: &str,
    by: &str,
    edit: impl Fn(SourceStatus) -> SourceStatus,
) -> Result<SourceStatus, ApiError> {
    let key = SourceStatus::key(name);
    let mut stored = SourceStatus::default();
    write::commit(server, by, || {
        let object = server.store().get(&key).map_err(store_failed)?;
        let (before, expect) = match &object {
            Some(object) => (write::typed(object)?, write::unchanged(object)),
            None => (SourceStatus::default(), write::absent(&key)),
        };
        stored = edit(before.clone());
        if object.is_some() && stored == before {
            return Ok(write::Decision::default());
        }
        Ok((vec![expect], vec![write::record(key.clone(), write::spec_of(&stored)?)]))
    })
    .await?;
    Ok(stored)
}

/// Takes in what a source declares, in its name: the leader plans and commits, as for any client.
///
/// # Errors
/// What the cluster says.
pub async fn hand_over(server: &Arc<Server>, by: &str, request: &ApplyRequest) -> Result<ApplyReply, ApiError> {
    let body = serde_json::to_vec(request)
        .map_err(|cause| ApiError::failed(format!("cannot write the desired state as JSON: {cause}")))?;
    let body = Bytes::from(body);
    let Some(response) = forward::to_leader(server, Method::POST, paths::APPLY, by, body.clone()).await? else {
        return seedbed::carry_out(server, parse(&body)?, by, &Asked::default()).await;
    };
    let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = bytes.map_err(|cause| ApiError::unavailable(format!("the leader's answer broke off: {cause}")))?;
    let envelope: Envelope<Value> = serde_json::from_slice(&bytes)
        .map_err(|cause| ApiError::failed(format!("the leader's answer cannot be read: {cause}")))?;
    let metadata = envelope.metadata.unwrap_or_default();
    if envelope.kind == Kind::Error {
        // A refusal keeps its findings: they say what is wrong with the set.
        let findings = metadata.get("findings").cloned().unwrap_or_default();
        let findings = serde_json::from_value(findings).unwrap_or_default();
        return Err(ApiError::new(envelope.error_code, envelope.error).with_findings(findings));
    }
    serde_json::from_value(metadata)
        .map_err(|cause| ApiError::unavailable(format!("the leader's answer cannot be read: {cause}")))
}
