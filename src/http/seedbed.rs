//! Seedbed's own endpoints: the stored objects with their placements, plans, and forming clusters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use super::answer::{Answer, Outcome, parse};
use super::asked::Asked;
use super::caller::Caller;
use super::carry::{self, Order, Terms};
use super::confirm;
use super::heavy;
use super::history;
use super::server::{Server, store_failed};
use crate::api::{ApiError, ApplyReply, ApplyRequest, ClusterTime, InitRequest, ObjectsReply, PlanRequest};
use crate::kinds;
use crate::manifest::{self, Source};
use crate::model::{Claim, ClusterState, Desired, Extent, Key, KindName, Object, Revision, Selection};
use crate::plan::{Mode, Plan, read_set, users};
use crate::store::Store;

/// No client waits longer for news than this.
const WAIT_MS_MAX: u64 = 600_000;
/// How long a waiting apply waits when it does not say.
const WAIT_MS: u64 = 60_000;

/// `GET /1.0/seedbed/objects`.
pub async fn objects(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, asked: Asked) -> Outcome {
    caller.trusted()?;
    let keys = asked.values("key").map(|text| text.parse::<Key>()).collect::<Result<_, _>>();
    let keys: BTreeSet<Key> = keys.map_err(|error| ApiError::bad_request(error.to_string()))?;
    wait_for_news(&server, &asked).await;
    let store = server.store();
    heavy::apart(|| {
        let state = if keys.is_empty() { store.state().map_err(store_failed)? } else { these(&store, &keys)? };
        shown(&server, state, &keys)
    })
}

/// `POST /1.0/seedbed/objects`: the same for more keys than the line of a request holds.
pub async fn named_objects(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
    body: Bytes,
) -> Outcome {
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
async fn wait_for_news(server: &Server, asked: &Asked) {
    let Some(after) = asked.number("after").map(Revision) else { return };
    let limit = asked.number("timeout_ms").unwrap_or(30_000).min(WAIT_MS_MAX);
    let mut applied = server.store().applied();
    let newer = applied.wait_for(|revision| *revision > after);
    drop(tokio::time::timeout(Duration::from_millis(limit), newer).await);
}

/// These objects and the members.
fn these(store: &Store, keys: &BTreeSet<Key>) -> Result<ClusterState, ApiError> {
    let kinds = BTreeSet::from([KindName::from(Key::MEMBER)]);
    let extent = Extent { keys: keys.clone(), kinds, ..Extent::default() };
    store.part(&|_| extent.clone()).map_err(store_failed)
}

fn shown(server: &Server, state: ClusterState, keys: &BTreeSet<Key>) -> Outcome {
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
pub async fn clock(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    Answer::of(&ClusterTime { now: server.now() })
}

/// `POST /1.0/seedbed/plan`.
pub async fn plan(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    caller.trusted()?;
    let request = heavy::plan(|| parse(&body)).await?;
    Answer::of(&planned(&server, request).await?)
}

/// What applying would do, with who uses what changes.
///
/// # Errors
/// Findings, or why the cluster cannot be asked.
pub async fn planned(server: &Server, request: PlanRequest) -> Result<Plan, ApiError> {
    let PlanRequest { desired, merge, selection, claim, back_to, whole } = request;
    let claim = of_part(claim, &selection);
    current(server).await?;
    if let Some(revision) = back_to {
        return heavy::plan(|| with_users(server, history::planned(server, revision, None)?.0)).await;
    }
    let mut selected = heavy::plan(|| carry::selected(server, &desired, &selection, mode(merge))).await?;
    carry::hide_secrets(server, &mut selected.desired).await?;
    let terms = Terms { mode: mode(merge), claim: &claim };
    heavy::plan(|| {
        let plan = match whole {
            true => carry::whole(server, &selected.desired, terms),
            false => carry::planned(server, &selected.desired, terms),
        };
        with_users(server, plan?.of_part(&selected))
    })
    .await
}

fn with_users(server: &Server, plan: Plan) -> Result<Plan, ApiError> {
    let keys = plan.changing();
    let state = server.store().part(&|known| {
        let mut extent = read_set::of_users(&keys, known);
        extent.kinds.insert(Key::MEMBER.into());
        extent.keys.extend(keys.iter().cloned());
        extent
    });
    let state = state.map_err(store_failed)?;
    Ok(plan.with_users(users(&keys, &state)).with_cut_offs(&state))
}

/// `POST /1.0/seedbed/apply`.
pub async fn apply(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
    body: Bytes,
) -> Outcome {
    caller.trusted()?;
    let request = heavy::plan(|| parse(&body)).await?;
    Answer::of(&carry_out(&server, request, &caller.audit(), &asked).await?)
}

/// Plans, commits, and waits where that is asked for, in the name of `by`.
///
/// # Errors
/// Findings, a stale plan, or why the cluster takes no writes.
pub async fn carry_out(
    server: &Arc<Server>,
    request: ApplyRequest,
    by: &str,
    asked: &Asked,
) -> Result<ApplyReply, ApiError> {
    let ApplyRequest { desired, yaml, merge, selection, claim, back_to, expect, confirm_ms } = request;
    let order = Order { by, expect: expect.as_deref(), confirm: confirm::limit(confirm_ms)? };
    let claim = of_part(claim, &selection);
    let desired = match yaml {
        Some(text) => heavy::plan(|| loaded(&text)).await?,
        None => desired,
    };
    current(server).await?;
    let applied = if let Some(revision) = back_to {
        history::apply(server, revision, order).await?
    } else {
        let mut desired = heavy::plan(|| carry::selected(server, &desired, &selection, mode(merge))).await?.desired;
        carry::hide_secrets(server, &mut desired).await?;
        let terms = Terms { mode: mode(merge), claim: &claim };
        carry::apply(server, &desired, terms, order).await?
    };
    if asked.is_set("wait") {
        let limit = asked.number("timeout_ms").unwrap_or(WAIT_MS).min(WAIT_MS_MAX);
        carry::settle(server, &applied.keys, Duration::from_millis(limit)).await?;
    }
    let carry::Applied { revision, notes, confirm_until, .. } = applied;
    Ok(ApplyReply { revision, notes, confirm_until })
}

/// A plan against yesterday's state may say that there is nothing to do: the local copy catches up first.
async fn current(server: &Server) -> Result<(), ApiError> {
    server.store().barrier().await.map(drop).map_err(store_failed)
}

// What a part of the files leaves out is declared all the same: nothing of it is pruned.
fn of_part(claim: Claim, selection: &Selection) -> Claim {
    Claim { prune: claim.prune.filter(|_| selection.is_everything()), ..claim }
}

fn mode(merge: bool) -> Mode {
    if merge { Mode::Merge } else { Mode::Declarative }
}

/// A manifest that came as text.
fn loaded(text: &str) -> Result<Desired, ApiError> {
    let loaded = manifest::load(&[Source::new("request", text)], &manifest::Options::default());
    if loaded.is_usable() {
        return Ok(loaded.desired);
    }
    Err(ApiError::bad_request("the manifest has errors: nothing was changed").with_findings(loaded.findings))
}

/// `POST /1.0/seedbed/init`.
pub async fn init(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    caller.trusted()?;
    let request: InitRequest = parse(&body)?;
    Answer::of(&server.former.init(&server, request, &caller.audit()).await?)
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
