//! `/1.0/webhooks/X/…`: status of a webhook, and a message to try it out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::json;

use crate::api::{ApiError, paths};
use crate::http::server::response::{Answer, ApiResult, passed_on};
use crate::kinds::webhook::WebhookSpec;
use crate::service::access::caller::Caller;
use crate::service::message;
use crate::service::objects::records;
use crate::service::peers::forward;
use crate::service::server::{Server, store_failed};
use crate::service::webhooks::{found, webhook_status};

/// What can be asked of a webhook besides what any object takes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/1.0/webhooks/{name}/status", get(status)).route("/1.0/webhooks/{name}/test", post(test))
}

/// `GET /1.0/webhooks/NAME/status`.
async fn status(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
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
        return Ok(passed_on(answer));
    }
    // The webhook may have been added through another member just now.
    server.store().barrier().await.map_err(store_failed)?;
    let spec: WebhookSpec = records::typed(&found(&server, &name)?)?;
    let key = spec.key().ok_or_else(|| ApiError::bad_request("the webhook has no usable secret"))?;
    let to = message::other_end(&spec.url, &spec.ca)?;
    let sent = message::trial(server.now(), &caller.audit()).send(&server, &to, &key, 0).await;
    sent.map_err(|why| ApiError::new(502, format!("the message was not taken: {why}")))?;
    Ok(Answer::done()?.into_response())
}
