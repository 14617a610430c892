//! Routes that ask the machine of one member: resources, usage of pools, state and leases of networks.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::host::{Link, PoolAsk};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult, passed_on};
use crate::model::Key;
use crate::service::access::caller::Caller;
use crate::service::machine::{INTERFACE_BYTES_MAX, failed, stored};
use crate::service::peers::forward;
use crate::service::server::Server;

/// What is asked about one object: by whom, of which member.
type Question = (State<Arc<Server>>, Extension<Caller>, Uri, Path<String>, RequestQuery);

/// `GET /1.0/storage-pools/X/resources`.
pub async fn resources(question: Question) -> Result<Response, ApiError> {
    answered(question, usage).await
}

async fn usage(server: Arc<Server>, name: String) -> ApiResult {
    let pool = stored(&server, &Key::new("storage-pool", &name), "Storage pool not found")?;
    let me = server.node().name.clone();
    let own = pool.placements.get(&me).map(|placement| placement.config.clone()).unwrap_or_default();
    let ask = PoolAsk {
        name,
        uid: pool.uid,
        driver: pool.spec.text("driver").to_owned(),
        config: pool.spec.config().overlaid(&own),
    };
    let usage = server.host.storage.usage(&ask).await.map_err(failed)?;
    let answer = json!({
        "space": {"used": usage.used, "total": usage.total},
        "inodes": {"used": usage.inodes_used, "total": usage.inodes_total},
    });
    Answer::of(&answer)
}

/// `GET /1.0/networks/X/state`.
pub async fn state(question: Question) -> Result<Response, ApiError> {
    answered(question, link).await
}

async fn link(server: Arc<Server>, name: String) -> ApiResult {
    let missing = || ApiError::not_found(format!("Network interface {name:?} not found"));
    // The kernel calls a longer name out of range.
    if name.len() > INTERFACE_BYTES_MAX {
        return Err(missing());
    }
    let link = server.host.network.link(&name).await.map_err(failed)?;
    let link = link.ok_or_else(missing)?;
    Answer::of(&shown(&link))
}

/// `GET /1.0/networks/X/leases`.
pub async fn leases(question: Question) -> Result<Response, ApiError> {
    answered(question, leased).await
}

async fn leased(server: Arc<Server>, name: String) -> ApiResult {
    stored(&server, &Key::new("network", &name), "Network not found")?;
    let me = server.node().name.clone();
    let found = server.host.network.leases(&name).await.map_err(failed)?;
    let lease = |lease: &crate::host::Lease| {
        json!({
            "hostname": lease.hostname,
            "hwaddr": lease.hwaddr,
            "address": lease.address,
            "type": "dynamic",
            "location": me,
        })
    };
    Answer::of(&found.iter().map(lease).collect::<Vec<_>>())
}

/// The answer of this member, or of the one that `?target=` names.
async fn answered<F: Future<Output = ApiResult>>(
    (State(server), Extension(caller), uri, Path(name), asked): Question,
    here: impl FnOnce(Arc<Server>, String) -> F,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let Some(target) = asked.target().filter(|target| *target != server.node().name) else {
        return Ok(here(server, name).await?.into_response());
    };
    let path = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    Ok(passed_on(forward::to_member(&server, &target, Method::GET, &path, &caller, Bytes::new()).await?))
}

fn shown(link: &Link) -> Value {
    let addresses: Vec<Value> = link
        .addresses
        .iter()
        .map(|held| {
            let text = held.cidr.to_string();
            let (address, length) = text.split_once('/').unwrap_or((&text, ""));
            let family = if address.contains(':') { "inet6" } else { "inet" };
            json!({"family": family, "address": address, "netmask": length, "scope": held.scope})
        })
        .collect();
    json!({
        "addresses": addresses,
        "counters": link.counters,
        "hwaddr": link.hwaddr.map(|hwaddr| hwaddr.to_string()).unwrap_or_default(),
        "mtu": link.mtu,
        "state": if link.up { "up" } else { "down" },
        "type": if link.kind == "loopback" { "loopback" } else { "broadcast" },
    })
}
