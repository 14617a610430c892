//! `/1.0/operations`: listed, waited for, cancelled; those of other members are asked for there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::api::{ApiError, paths};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult, passed_on};
use crate::model::MemberName;
use crate::service::access::caller::Caller;
use crate::service::access::tokens;
use crate::service::operations::{token, token_ended};
use crate::service::peers::forward;
use crate::service::server::Server;

/// `GET /1.0/operations`: those of this member and the cluster's tokens, by status as LXD groups them.
pub async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
    caller.trusted()?;
    let mut all = tokens::operations(&server)?;
    all.extend(server.operations.all());
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for operation in all {
        let shown = if asked.wants_objects() { json!(operation) } else { json!(paths::operation(&operation.id)) };
        groups.entry(operation.status.to_lowercase()).or_default().push(shown);
    }
    Answer::of(&groups)
}

/// `GET /1.0/operations/ID`, whichever member it runs on.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    if let Some(token) = token(&server, &id)? {
        return Ok(Answer::of(&token)?.into_response());
    }
    let Some(operation) = server.operations.find(&id) else {
        return elsewhere(&server, &caller, &paths::operation(&id)).await;
    };
    let operation = operation.borrow().clone();
    Ok(Answer::of(&operation)?.into_response())
}

/// `GET /1.0/operations/ID/wait`: answers at its end, or after `?timeout=` seconds.
pub async fn wait(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: RequestQuery,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let seconds = asked.number::<i64>("timeout").and_then(|seconds| u64::try_from(seconds).ok());
    if let Some(token) = token(&server, &id)? {
        return Ok(Answer::of(&token_ended(&server, token, seconds).await?)?.into_response());
    }
    let Some(mut operation) = server.operations.find(&id) else {
        let limit = seconds.map(|seconds| format!("?timeout={seconds}")).unwrap_or_default();
        return elsewhere(&server, &caller, &format!("{}/wait{limit}", paths::operation(&id))).await;
    };
    let ended = operation.wait_for(|operation| operation.status_code.is_final());
    match seconds {
        // The last state is shown either way.
        Some(seconds) => drop(tokio::time::timeout(Duration::from_secs(seconds), ended).await),
        None => drop(ended.await),
    }
    let operation = operation.borrow().clone();
    Ok(Answer::of(&operation)?.into_response())
}

/// An operation that another member runs. A member that was asked by one does not ask on.
async fn elsewhere(server: &Server, caller: &Caller, path: &str) -> Result<Response, ApiError> {
    if !matches!(caller, Caller::Forwarded { .. }) {
        let me = server.node().name.clone();
        for member in server.members()? {
            let name = MemberName(member.key.name);
            if name == me || !server.liveness().is_reachable(&name) {
                continue;
            }
            match forward::to_member(server, &name, Method::GET, path, caller, Bytes::new()).await {
                Ok(answer) if answer.status().is_success() => return Ok(passed_on(answer)),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = %error.message, member = %name, "cannot be asked for an operation")
                }
            }
        }
    }
    Err(ApiError::not_found("Operation not found"))
}

/// `DELETE /1.0/operations/ID`: takes a token back. Work under way cannot be cancelled.
pub async fn cancel(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    if tokens::revoke(&server, &id, &caller.audit()).await? {
        return Answer::done();
    }
    match server.operations.find(&id) {
        Some(_) => Err(ApiError::bad_request("This operation can't be cancelled")),
        None => Err(ApiError::not_found("Operation not found")),
    }
}
