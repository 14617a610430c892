//! `/1.0/seedbed`: stored objects with their placements, plans, applies, and forming clusters from a manifest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use crate::api::{ApiError, ClusterTime, InitRequest, ObjectsReply};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds;
use crate::model::{ClusterState, Key, KindName, Object, ReadSet, Revision};
use crate::service::access::caller::Caller;
use crate::service::blocking;
use crate::service::plans::planning::{carry_out, planned};
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;
use crate::store::Store;

/// No client waits longer for news than this.
const WAIT_MS_MAX: u64 = 600_000;

/// How long a waiting apply waits when it does not say.
const WAIT_MS: u64 = 60_000;

/// `GET /1.0/seedbed/objects`.
pub async fn objects(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
    caller.trusted()?;
    let keys = asked.values("key").map(|text| text.parse::<Key>()).collect::<Result<_, _>>();
    let keys: BTreeSet<Key> = keys.map_err(|error| ApiError::bad_request(error.to_string()))?;
    wait_for_news(&server, &asked).await;
    let store = server.store();
    blocking::apart(|| {
        let state = if keys.is_empty() { store.state().map_err(store_failed)? } else { these(&store, &keys)? };
        shown(&server, state, &keys)
    })
}

/// `POST /1.0/seedbed/objects`: the same for more keys than the line of a request holds.
pub async fn named_objects(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let keys: BTreeSet<Key> = parse(&body)?;
    if keys.is_empty() {
        return Err(ApiError::bad_request("no keys are given; GET shows all objects"));
    }
    wait_for_news(&server, &asked).await;
    let state = these(&server.store(), &keys)?;
    shown(&server, state, &keys)
}

/// The state is shown whether there is news or not.
async fn wait_for_news(server: &Server, asked: &RequestQuery) {
    let Some(after) = asked.number("after").map(Revision) else { return };
    let limit = asked.number("timeout_ms").unwrap_or(30_000).min(WAIT_MS_MAX);
    let mut applied = server.store().applied();
    let newer = applied.wait_for(|revision| *revision > after);
    drop(tokio::time::timeout(Duration::from_millis(limit), newer).await);
}

/// These objects and the members.
fn these(store: &Store, keys: &BTreeSet<Key>) -> Result<ClusterState, ApiError> {
    let kinds = BTreeSet::from([KindName::from(Key::MEMBER)]);
    let extent = ReadSet { keys: keys.clone(), kinds, ..ReadSet::default() };
    store.part(&|_| extent.clone()).map_err(store_failed)
}

fn shown(server: &Server, state: ClusterState, keys: &BTreeSet<Key>) -> ApiResult {
    // The table is some 500 ms old: a member may have left or got another name since.
    let members = state.members();
    let mut liveness = server.liveness().members;
    liveness.retain(|name, _| members.contains(name));
    let mut log_troubles = server.log_troubles();
    log_troubles.retain(|name, _| members.contains(name));
    let objects = state.objects.into_values().filter(|object| keys.is_empty() || keys.contains(&object.key));
    let objects: Vec<Object> = objects.collect();
    let hidden = objects.iter().map(|object| (object.key.to_string(), secrets(object)));
    let hidden = hidden.filter(|(_, keys)| !keys.is_empty()).collect();
    Answer::of(&ObjectsReply {
        revision: state.revision,
        last_log_index: server.store().last_log_index(),
        objects: objects.into_iter().map(without_secrets).collect(),
        liveness,
        outdated: server.outdated(),
        log_troubles,
        hidden,
    })
}

/// `GET /1.0/seedbed/clock`: the time by which everything ends that ends at a moment.
pub async fn clock(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    Answer::of(&ClusterTime { now: server.now() })
}

/// `POST /1.0/seedbed/plan`.
pub async fn plan(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let request = blocking::plan(|| parse(&body)).await?;
    Answer::of(&planned(&server, request).await?)
}

/// `POST /1.0/seedbed/apply`.
pub async fn apply(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let request = blocking::plan(|| parse(&body)).await?;
    let wait = asked.is_set("wait").then(|| asked.number("timeout_ms").unwrap_or(WAIT_MS).min(WAIT_MS_MAX));
    Answer::of(&carry_out(&server, request, &caller.audit(), wait.map(Duration::from_millis)).await?)
}

/// `POST /1.0/seedbed/init`.
pub async fn init(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let request: InitRequest = parse(&body)?;
    Answer::of(&server.lifecycle.init(&server, request, &caller.audit()).await?)
}

fn secrets(object: &Object) -> Vec<String> {
    let is_secret = |key: &String| kinds::is_secret(object.key.kind.as_str(), key);
    object.spec.config().0.into_keys().filter(is_secret).collect()
}

/// Hashes of passwords and tokens are nobody's business.
fn without_secrets(mut object: Object) -> Object {
    let kind = object.key.kind.clone();
    if kinds::records::history::is_sealed(kind.as_str()) {
        object.spec = Default::default();
    }
    // What members go on with until their turn may hold secrets, and is nothing that anybody asked for.
    let kept = object.management.waves.as_mut().map(|waves| waves.kept.values_mut()).into_iter().flatten();
    kept.for_each(|kept| *kept = Default::default());
    let secret = |key: &str| kinds::is_secret(kind.as_str(), key);
    for spec in [Some(&mut object.spec), object.applied.as_mut()].into_iter().flatten() {
        let mut config = spec.config();
        let before = config.len();
        config.retain(|key, _| !secret(key));
        if config.len() != before {
            spec.set_config(&config);
        }
        spec.0.retain(|field, _| !secret(field));
    }
    object
}
