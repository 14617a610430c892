//! Middleware: the header of answers from an old copy.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use crate::api::paths;
use crate::service::access::caller::Caller;
use crate::service::server::Server;

/// Says of every answer that is old that it is, to those who may know.
pub async fn tell(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let is_told = request.extensions().get::<Caller>().is_some_and(Caller::is_trusted)
        && !request.uri().path().starts_with("/internal/");
    let mut response = next.run(request).await;
    if is_told
        && let Some(outdated) = server.outdated()
        && let Ok(text) = serde_json::to_string(&outdated)
        && let Ok(value) = HeaderValue::from_str(&text)
    {
        response.headers_mut().insert(paths::OUTDATED, value);
    }
    response
}
