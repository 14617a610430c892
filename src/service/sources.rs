//! Sources: what their readers hand in, and how they stand.

use std::sync::Arc;

use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;

use super::objects::records;
use super::peers::forward;
use super::plans::planning;
use super::server::{Server, store_failed};
use super::wire::parse;
use crate::api::{ApiError, ApplyReply, ApplyRequest, Envelope, Kind, paths};
use crate::kinds::source::{SourceSpec, SourceStatus};
use crate::model::{Key, MemberName, Object};

pub fn found(server: &Server, name: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&Key::new("source", name)).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::not_found("Source not found"))
}

/// How a source stands; nothing yet when nobody has read it.
pub fn source_status(server: &Server, name: &str) -> Result<SourceStatus, ApiError> {
    match server.store().get(&SourceStatus::key(name)).map_err(store_failed)? {
        Some(object) => records::typed(&object),
        None => Ok(SourceStatus::default()),
    }
}

/// How a source stands, as whoever looks now has to take it: see [`SourceStatus::seen`].
pub fn source_status_now(server: &Server, source: &Object) -> Result<SourceStatus, ApiError> {
    let spec: SourceSpec = records::typed(source)?;
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
    records::commit(server, by, || {
        let object = server.store().get(&key).map_err(store_failed)?;
        let (before, expect) = match &object {
            Some(object) => (records::typed(object)?, records::unchanged(object)),
            None => (SourceStatus::default(), records::absent(&key)),
        };
        stored = edit(before.clone());
        if object.is_some() && stored == before {
            return Ok(records::Decision::default());
        }
        Ok((vec![expect], vec![records::record(key.clone(), records::spec_of(&stored)?)]))
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
        return planning::carry_out(server, parse(&body)?, by, None).await;
    };
    let envelope: Envelope<Value> = serde_json::from_slice(response.body())
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
