//! Webhooks: how they stand, and a message to try one out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::caller::Caller;
use super::server::{Server, store_failed};
use super::{forward, letter, write};
use crate::api::{ApiError, paths};
use crate::kinds::webhook::{WebhookSpec, WebhookStatus};
use crate::model::{Expect, Generation, Key, Object};

/// What can be asked of a webhook besides what any object takes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/1.0/webhooks/{name}/status", get(status)).route("/1.0/webhooks/{name}/test", post(test))
}

/// `GET /1.0/webhooks/NAME/status`.
async fn status(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Outcome {
    caller.trusted()?;
    found(&server, &name)?;
    let status = webhook_status(&server, &name)?;
    let mut shown = json!(status);
    shown["state"] = json!(status.word());
    Answer::of(&shown)
}

/// `POST /1.0/webhooks/NAME/test`: sends a message now, once, from the leader like all of them.
async fn test(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let path = format!("/1.0/webhooks/{}/test", paths::escape(&name));
    if let Some(answer) = forward::to_leader(&server, Method::POST, &path, &caller.audit(), Bytes::new()).await? {
        return Ok(answer);
    }
    // The webhook may have been added through another member just now.
    server.store().barrier().await.map_err(store_failed)?;
    let spec: WebhookSpec = write::typed(&found(&server, &name)?)?;
    let key = spec.key().ok_or_else(|| ApiError::bad_request("the webhook has no usable secret"))?;
    let to = letter::other_end(&spec.url, &spec.ca)?;
    let sent = letter::trial(server.now(), &caller.audit()).send(&server, &to, &key, 0).await;
    sent.map_err(|why| ApiError::new(502, format!("the message was not taken: {why}")))?;
    Ok(Answer::done()?.into_response())
}

fn found(server: &Server, name: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&Key::new("webhook", name)).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::not_found("Webhook not found"))
}

/// How a webhook stands; nothing yet when nothing was sent.
fn webhook_status(server: &Server, name: &str) -> Result<WebhookStatus, ApiError> {
    match server.store().get(&WebhookStatus::key(name)).map_err(store_failed)? {
        Some(object) => write::typed(&object),
        None => Ok(WebhookStatus::default()),
    }
}

/// Writes down how a webhook stands, over what was written as generation `before`: what another leader has written since
/// then stays.
///
/// # Errors
/// When the cluster takes no writes, or when the webhook or its status has changed meanwhile.
pub async fn set_webhook_status(
    server: &Server,
    webhook: &Object,
    before: Option<Generation>,
    status: &WebhookStatus,
) -> Result<(), ApiError> {
    let key = WebhookStatus::key(&webhook.key.name);
    let expect = vec![write::unchanged(webhook), Expect::at(key.clone(), before)];
    let record = write::record(key, write::spec_of(status)?);
    write::submit_as(server, "webhooks".to_owned(), expect, vec![record]).await.map(drop)
}
