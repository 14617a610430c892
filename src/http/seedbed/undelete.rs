//! `POST /1.0/seedbed/undelete`, and the route by which members look whether they could let go of something.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use crate::api::{ApiError, UndeleteRequest};
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds;
use crate::model::Object;
use crate::service::access::caller::Caller;
use crate::service::objects::change;
use crate::service::objects::path::ObjectPath;
use crate::service::objects::removal_check::survey;
use crate::service::server::Server;
use crate::service::wire::parse;

/// `POST /internal/removal`.
pub async fn surveyed(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> ApiResult {
    caller.member()?;
    let objects: Vec<Object> = parse(&body)?;
    Answer::of(&survey(&server, &objects).await)
}

/// `POST /1.0/seedbed/undelete`: what is being removed stays, or is made anew where it has gone already.
pub async fn undelete(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let UndeleteRequest { keys } = parse(&body)?;
    if keys.is_empty() {
        return Err(ApiError::bad_request("this names no object"));
    }
    for key in keys {
        let kind = kinds::find(key.kind.as_str()).ok_or_else(|| ApiError::not_found(format!("there is no {key}")))?;
        let path = ObjectPath { kind, project: key.project, name: key.name };
        change::undelete(&server, &caller, &path).await?;
    }
    Answer::done()
}
