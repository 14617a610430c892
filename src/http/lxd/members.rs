//! `/1.0/cluster/members`: members, listed, changed, renamed and removed.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};

use crate::api::{ApiError, paths};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult, passed_on, url};
use crate::model::MemberName;
use crate::service::access::caller::Caller;
use crate::service::cluster::lifecycle::Leaving;
use crate::service::cluster::members::{COLLECTION, View, amended, check_roles, editable, revised};
use crate::service::cluster::removal;
use crate::service::objects::records;
use crate::service::peers::forward;
use crate::service::server::Server;
use crate::service::wire::{check_match, parse};

/// `GET /1.0/cluster/members`.
pub async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
    caller.trusted()?;
    let members = server.members()?;
    if !asked.wants_objects() {
        return Answer::of(&members.iter().map(|member| url(COLLECTION, &member.key.name)).collect::<Vec<_>>());
    }
    let view = View::new(&server)?;
    Answer::of(&members.iter().map(|member| view.show(member)).collect::<Result<Vec<_>, _>>()?)
}

/// `GET /1.0/cluster/members/X`.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
) -> ApiResult {
    caller.trusted()?;
    let member = server.member(&name)?;
    Ok(Answer::of(&View::new(&server)?.show(&member)?)?.tagged(&editable(&member)?))
}

/// `PUT` and `PATCH /1.0/cluster/members/X`: what people choose.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    records::commit(&server, &caller.audit(), || {
        let object = server.member(&name)?;
        let now = editable(&object)?;
        check_match(&headers, &now)?;
        let new = match method {
            Method::PATCH => amended(&now, &body)?,
            _ => parse(&body)?,
        };
        check_roles(&server, &object, &new)?;
        let spec = revised(&object, new)?;
        if spec == object.spec {
            return Ok(records::Decision::default());
        }
        Ok((vec![records::unchanged(&object)], vec![records::revised(&object, spec, Default::default())]))
    })
    .await?;
    Answer::done()
}

/// `POST /1.0/cluster/members/X`: a new name.
pub async fn rename(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
) -> ApiResult {
    caller.trusted()?;
    server.member(&name)?;
    Err(ApiError::new(
        501,
        format!(
            "member {name} keeps its name: remove it and let it join under the new one (seedbed cluster remove {name})"
        ),
    ))
}

/// `DELETE /1.0/cluster/members/X[?force=1]`.
pub async fn remove(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
    asked: RequestQuery,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let force = if asked.is_set("force") { removal::Force::Yes } else { removal::Force::No };
    let query = if asked.is_set("force") { "?force=1" } else { "" };
    let path = format!("{}{query}", paths::member(&name));
    records::not_protected(&server.member(&name)?)?;
    server.require_present().await?;
    let is_me = name == server.node().name;
    if is_me {
        if server.is_clustered()? && server.members()?.len() == 1 {
            // Nobody is left to let it go: it stands alone, as nothing of the cluster is anywhere else.
            server.lifecycle.leave(&server, Leaving::Asked).await?;
            return Ok(Answer::done()?.into_response());
        }
        removal::hand_over(&server).await?;
    }
    removal::refuse_last(&server)?;
    let elsewhere = match forward::to_leader(&server, Method::DELETE, &path, &caller.audit(), Bytes::new()).await {
        // Whoever is removed loses its leader before the answer comes.
        Err(_) if is_me && removal::stands_alone_soon(&server).await => return Ok(Answer::done()?.into_response()),
        elsewhere => elsewhere?,
    };
    if let Some(answer) = elsewhere {
        return Ok(passed_on(answer));
    }
    removal::remove(&server, &caller, &name, force).await?;
    Ok(Answer::done()?.into_response())
}
