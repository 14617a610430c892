//! Collections of LXD that this server has no members of yet: empty lists, so that clients list nothing instead of failing.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::Value;

use crate::api::ApiError;
use crate::http::server::response::{Answer, ApiResult};
use crate::model::Key;
use crate::service::access::caller::Caller;
use crate::service::server::{Server, store_failed};

/// The collections, and what one of their members is called.
const COLLECTIONS: [(&str, &str); 8] = [
    ("instances", "Instance"),
    ("containers", "Instance"),
    ("virtual-machines", "Instance"),
    ("images", "Image"),
    ("images/aliases", "Image alias"),
    ("warnings", "Warning"),
    ("network-acls", "Network ACL"),
    ("network-zones", "Network zone"),
];

/// Collections below an object: of its kind, in its collection, called so.
const INNER: [(&str, &str, &str); 7] = [
    ("storage-pool", "storage-pools", "volumes"),
    ("storage-pool", "storage-pools", "volumes/custom"),
    ("storage-pool", "storage-pools", "volumes/image"),
    ("storage-pool", "storage-pools", "volumes/container"),
    ("storage-pool", "storage-pools", "volumes/virtual-machine"),
    ("storage-pool", "storage-pools", "buckets"),
    ("network", "networks", "forwards"),
];

/// One list for each, which nothing can be added to.
pub fn routes() -> Router<Arc<Server>> {
    let mut router = Router::new();
    for (collection, noun) in COLLECTIONS {
        let all = get(none).post(move |caller| unserved(noun, caller));
        let one = get(move |caller| missing(noun, caller))
            .put(move |caller| missing(noun, caller))
            .patch(move |caller| missing(noun, caller))
            .delete(move |caller| missing(noun, caller));
        router = router.route(&format!("/1.0/{collection}"), all).route(&format!("/1.0/{collection}/{{name}}"), one);
    }
    for (kind, collection, inner) in INNER {
        let list = get(move |server, caller, name| none_of(kind, server, caller, name));
        router = router.route(&format!("/1.0/{collection}/{{name}}/{inner}"), list);
    }
    router
}

async fn none(Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    Answer::of(&Vec::<Value>::new())
}

async fn none_of(
    kind: &'static str,
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    if server.store().get(&Key::new(kind, &name)).map_err(store_failed)?.is_none() {
        let text = if kind == "network" { "Network not found" } else { "Storage pool not found" };
        return Err(ApiError::not_found(text));
    }
    Answer::of(&Vec::<Value>::new())
}

async fn missing(noun: &'static str, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    Err(ApiError::not_found(format!("{noun} not found")))
}

async fn unserved(noun: &'static str, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    Err(ApiError::new(501, format!("{noun}: this version of Seedbed does not make any")))
}
