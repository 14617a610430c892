//! `/1.0/cluster/certificate`, and the route by which members hand its key to each other.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::json;

use crate::api::{ApiError, ClusterCertificatePut, SharedPair};
use crate::http::server::response::{Answer, ApiResult};
use crate::model::{MemberName, Object};
use crate::service::access::caller::Caller;
use crate::service::cluster::shared_certificate::{given, late, print_of, renew, wanted};
use crate::service::server::Server;
use crate::service::wire::parse;

/// `PUT /1.0/cluster/certificate`: another certificate for all members, the given one or a new one.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let request: ClusterCertificatePut = if body.is_empty() { Default::default() } else { parse(&body)? };
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    let pair = match given(&server, request)? {
        Some(pair) => pair,
        None => server.lifecycle.new_pair()?,
    };
    // The caller may hang up; what has begun is brought to an end all the same.
    let work = tokio::spawn(async move {
        renew(&server, &caller.audit(), pair.clone()).await?;
        let late = late(&server).await?;
        Answer::of(&json!({"fingerprint": print_of(&pair.certificate)?, "late": late}))
    });
    work.await.unwrap_or_else(|_| Err(ApiError::unavailable("the daemon is shutting down")))
}

/// `GET /internal/cluster/certificate`: for another member, when this one has what the log names.
pub async fn show(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.member()?;
    // What is remembered of trust may be a moment old, and whoever was removed must not get the next key.
    let is_member = |member: &Object| caller == Caller::Member(MemberName(member.key.name.clone()));
    let wanted = wanted(&server)?;
    if !server.members()?.iter().any(is_member) {
        return Err(ApiError::forbidden());
    }
    let held = wanted.and_then(|wanted| server.credentials.shared_as(&wanted));
    let held = held.ok_or_else(|| ApiError::not_found("the cluster's certificate has not arrived here yet"))?;
    Answer::of(&SharedPair { certificate: held.certificate.clone(), key: held.key.clone() })
}
