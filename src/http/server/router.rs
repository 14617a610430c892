//! All paths and who answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use super::{access, current_reads, outdated_header, uncancelled};
use crate::api::{ApiError, paths};
use crate::http::internal::{join, liveness, raft, resign, trial};
use crate::http::lxd::{
    certificate_names, certificates, cluster, cluster_certificate, events, machine, members, objects, operations, root,
    tokens, vacant,
};
use crate::http::seedbed::{
    apply, audit, confirm, drift, history, metrics, ownership, plans, sources, undelete, webhooks,
};
use crate::service;
use crate::service::access::strangers::STANDING;
use crate::service::server::Server;

/// The whole API.
pub fn router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(root::versions))
        .route(paths::SERVER, get(root::show).put(root::replace).patch(root::replace))
        .merge(cluster_routes())
        .merge(objects::routes())
        .route("/1.0/storage-pools/{name}/resources", get(machine::resources))
        .route("/1.0/networks/{name}/state", get(machine::state))
        .route("/1.0/networks/{name}/leases", get(machine::leases))
        .merge(vacant::routes())
        .merge(own_routes())
        .merge(sources::routes())
        .merge(webhooks::routes())
        .merge(plans::routes())
        .merge(internal_routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        // The gate has read the body by then, within the limits of whoever asks.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(server), current_reads::catch_up))
        .layer(from_fn(uncancelled::carry))
        .layer(from_fn_with_state(Arc::clone(server), access::keep))
        .layer(from_fn_with_state(Arc::clone(server), outdated_header::tell))
        .with_state(Arc::clone(server))
}

/// What is served on `core.metrics_address`.
pub fn metrics_router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(root::versions))
        .route(paths::METRICS, get(metrics::show))
        .fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(server), access::keep))
        .layer(from_fn_with_state(Arc::clone(server), outdated_header::tell))
        .with_state(Arc::clone(server))
}

fn cluster_routes() -> Router<Arc<Server>> {
    let member =
        get(members::show).put(members::replace).patch(members::replace).post(members::rename).delete(members::remove);
    Router::new()
        .route(paths::CLUSTER, get(cluster::show).put(cluster::put))
        .route(paths::CLUSTER_CERTIFICATE, put(cluster_certificate::replace))
        .route(paths::MEMBERS, get(members::list).post(tokens::add))
        .route(&format!("{}/{{name}}", paths::MEMBERS), member)
        .route(paths::CERTIFICATES, get(certificates::list).post(certificates::add))
        .route(
            &format!("{}/{{fingerprint}}", paths::CERTIFICATES),
            get(certificates::show)
                .put(certificate_names::replace)
                .patch(certificate_names::replace)
                .delete(certificates::remove),
        )
        .route(paths::OPERATIONS, get(operations::list))
        .route(&format!("{}/{{id}}", paths::OPERATIONS), get(operations::show).delete(operations::cancel))
        .route(&format!("{}/{{id}}/wait", paths::OPERATIONS), get(operations::wait))
        .route(paths::EVENTS, get(events::stream))
}

fn own_routes() -> Router<Arc<Server>> {
    Router::new()
        .route(paths::METRICS, get(metrics::show))
        .route(paths::OBJECTS, get(apply::objects).post(apply::named_objects))
        .merge(audit::routes())
        .merge(confirm::routes())
        .merge(drift::routes())
        .merge(trial::routes())
        .route(paths::HISTORY, get(history::list))
        .route(&format!("{}/{{revision}}", paths::HISTORY), get(history::show))
        .route(paths::INIT, post(apply::init))
        .route(paths::PLAN, post(apply::plan))
        .route(paths::APPLY, post(apply::apply))
        .route(paths::MANAGE, post(ownership::manage))
        .route(paths::CLOCK, get(apply::clock))
        .route(paths::UNDELETE, post(undelete::undelete))
}

fn internal_routes() -> Router<Arc<Server>> {
    Router::new()
        .route(service::cluster::join::CHALLENGE, get(join::challenge))
        .route(service::cluster::join::HELLO, post(join::hello))
        .route(service::cluster::join::OFFER, post(join::offer))
        .route(service::cluster::join::COMMIT, post(join::commit))
        .route(service::cluster::join::UNDO, post(join::undo))
        .route(service::cluster::shared_certificate::PATH, get(cluster_certificate::show))
        .route(&format!("{STANDING}{{id}}"), get(liveness::standing))
        .route(service::cluster::removal::RESET, post(liveness::reset))
        .route(service::objects::removal_check::SURVEY, post(undelete::surveyed))
        .route(service::cluster::removal::RESIGN, post(resign::resigned))
        .route("/internal/liveness", put(liveness::set_liveness).get(liveness::liveness))
        .route("/internal/raft/{name}", post(raft::call))
        .route(access::SNAPSHOT, post(raft::snapshot))
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is nothing at {}", uri.path()))
}

async fn not_allowed(uri: Uri) -> ApiError {
    ApiError::new(405, format!("{} does not take this method", uri.path()))
}
