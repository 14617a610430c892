//! The route by which a member is asked to try changes out on its host; nothing is changed by that.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};

use crate::http::server::response::{Answer, ApiResult};
use crate::service::access::caller::Caller;
use crate::service::objects::trial::{Case, PATH, look};
use crate::service::server::Server;
use crate::service::wire::parse;

/// Where members are asked.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(PATH, post(judge))
}

/// `POST /internal/judge`: what this member's host would not take.
async fn judge(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.member()?;
    let cases: Vec<Case> = parse(&body)?;
    Answer::of(&look(&server, &cases).await)
}
