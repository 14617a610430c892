//! All paths and who answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use super::server::Server;
use super::strangers::STANDING;
use super::{
    audit, certificate_names, certificates, cluster, collection, confirm, current_reads, drift, events, gate, history,
    internal, join, judge, leave, machine, manage, members, metrics, operations, plans, present, raft, removal, root,
    seedbed, shared_certificate, sources, to_the_end, tokens, vacant, webhooks,
};
use crate::api::{ApiError, paths};

/// The whole API.
pub fn router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(root::versions))
        .route(paths::SERVER, get(root::show).put(root::replace).patch(root::replace))
        .merge(cluster_routes())
        .merge(collection::routes())
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
        .layer(from_fn(to_the_end::carry))
        .layer(from_fn_with_state(Arc::clone(server), gate::keep))
        .layer(from_fn_with_state(Arc::clone(server), present::tell))
        .with_state(Arc::clone(server))
}

/// What is served on `core.metrics_address`.
pub fn metrics_router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(root::versions))
        .route(paths::METRICS, get(metrics::show))
        .fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(server), gate::keep))
        .layer(from_fn_with_state(Arc::clone(server), present::tell))
        .with_state(Arc::clone(server))
}

fn cluster_routes() -> Router<Arc<Server>> {
    let member =
        get(members::show).put(members::replace).patch(members::replace).post(members::rename).delete(members::remove);
    Router::new()
        .route(paths::CLUSTER, get(cluster::show).put(cluster::put))
        .route(paths::CLUSTER_CERTIFICATE, put(shared_certificate::replace))
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
        .route(paths::OBJECTS, get(seedbed::objects).post(seedbed::named_objects))
        .merge(audit::routes())
        .merge(confirm::routes())
        .merge(drift::routes())
        .merge(judge::routes())
        .route(paths::HISTORY, get(history::list))
        .route(&format!("{}/{{revision}}", paths::HISTORY), get(history::show))
        .route(paths::INIT, post(seedbed::init))
        .route(paths::PLAN, post(seedbed::plan))
        .route(paths::APPLY, post(seedbed::apply))
        .route(paths::MANAGE, post(manage::manage))
        .route(paths::CLOCK, get(seedbed::clock))
        .route(paths::UNDELETE, post(removal::undelete))
}

fn internal_routes() -> Router<Arc<Server>> {
    Router::new()
        .route(join::CHALLENGE, get(join::challenge))
        .route(join::HELLO, post(join::hello))
        .route(join::OFFER, post(join::offer))
        .route(join::COMMIT, post(join::commit))
        .route(join::UNDO, post(join::undo))
        .route(shared_certificate::PATH, get(shared_certificate::show))
        .route(&format!("{STANDING}{{id}}"), get(internal::standing))
        .route(leave::RESET, post(internal::reset))
        .route(removal::SURVEY, post(removal::surveyed))
        .route(leave::RESIGN, post(leave::resigned))
        .route("/internal/liveness", put(internal::set_liveness).get(internal::liveness))
        .route("/internal/raft/{name}", post(raft::call))
        .route(gate::SNAPSHOT, post(raft::snapshot))
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is nothing at {}", uri.path()))
}

async fn not_allowed(uri: Uri) -> ApiError {
    ApiError::new(405, format!("{} does not take this method", uri.path()))
}
