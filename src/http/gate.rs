//! While a join is under way this member is about to be replaced: what it was told meanwhile would be lost. And after a
//! join that was interrupted it does not know whether it stands alone.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::caller::Caller;
use super::server::Server;
use crate::api::{ApiError, paths};

/// What members say to each other goes through, and so does the news of the join itself.
const OPEN: [&str; 3] = ["/internal/", paths::OPERATIONS, paths::EVENTS];

/// Lets a request in, or says what it would have to wait for.
pub async fn keep(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match refused(&server, &request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn refused(server: &Server, request: &Request) -> Option<ApiError> {
    let path = request.uri().path();
    if OPEN.iter().any(|open| path.starts_with(open)) {
        return None;
    }
    if let Some(text) = server.undecided.borrow().as_ref() {
        // The members' addresses are not for everybody.
        let is_trusted = request.extensions().get::<Caller>().is_some_and(Caller::is_trusted);
        let text = if is_trusted { text } else { "this member is joining a cluster" };
        return Some(ApiError::unavailable(text));
    }
    let is_joining = server.joining.borrow().is_some();
    (is_joining && request.method() != Method::GET)
        .then(|| ApiError::unavailable("this member is joining a cluster: try again when it has"))
}
