//! The joiner's side of a join. Everything is prepared beside what stands; only when the cluster has committed, the new
//! database takes the place of the old one. The cluster's one log entry decides, and nothing on this side does.

use crate::service;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::super::machine;
use super::super::state_dir::Belongs;
use super::apply::limit;
use super::failed;
use super::in_doubt;
use super::join_client::{self, JoinClient};
use super::part::{Endpoints, Part};
use crate::api::{ApiError, InitOutcome, InitReply, JoinCommit, JoinEnd, JoinOffer, JoinRequest, JoinUndo};
use crate::daemon::context::DaemonContext;
use crate::daemon::join_journal::{Contacts, Prepared};
use crate::kinds::server::TRUST_PASSWORD;
use crate::model::{Desired, Key, MemberName, Object, Phase, PlacementPhase, ReadSet, Revision};
use crate::service::{Failpoint, Server, store_failed};

const COMMIT_LIMIT: Duration = Duration::from_secs(50);
const UNDO_LIMIT: Duration = Duration::from_secs(5);
/// How long the cluster's state may take to arrive once the join is committed, before the cluster is asked again.
const ARRIVE_LIMIT: Duration = Duration::from_secs(2);
/// How long whoever started the join waits for its outcome; the daemon waits for ever.
const DECIDE_LIMIT: Duration = Duration::from_secs(20);

/// Joins, or leaves both sides as they were.
pub async fn join(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    part: &Part,
    doors: &Endpoints,
    desired: Desired,
    timeout_ms: Option<u64>,
) -> Result<InitReply, ApiError> {
    refuse_if_not_empty(server)?;
    let identity = server.credentials.identity()?;
    let contact =
        join_client::reach(doors, (&part.name, &server.passwords), &identity, &server.credentials.server().certificate)
            .await?;
    let request = request(server, part, desired, &contact);
    let own = request.desired.objects.get(&Key::server()).map(|server| server.of(&part.name)).unwrap_or_default();
    server.lifecycle.listen(server, &own).await?;
    let outcome = match contact.ask(&request).await {
        Ok(offer) => enter(daemon, server, &contact, request, offer).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        if server.undecided.borrow().is_none() {
            server.lifecycle.listen(server, &service::configuration(server, &server.node().name)?).await?;
        }
        return Err(error);
    }
    server.store().sync().await.map_err(store_failed)?;
    settle(server, "has joined", limit(timeout_ms)).await?;
    let revision = Some(*server.store().applied().borrow());
    Ok(InitReply { outcome: InitOutcome::Joined, server_name: part.name.clone(), revision })
}

fn request(server: &Server, part: &Part, mut desired: Desired, contact: &JoinClient) -> JoinRequest {
    // The password is proven, never sent; and the cluster compares it with nothing.
    if let Some(declared) = desired.objects.get_mut(&Key::server()) {
        let mut config = declared.spec.config();
        config.remove(TRUST_PASSWORD);
        declared.spec.set_config(&config);
    }
    JoinRequest {
        server_name: part.name.clone(),
        address: part.address.clone(),
        certificate: server.credentials.server().certificate.clone(),
        proof: contact.proof.clone(),
        desired,
        architecture: machine::environment().architectures.into_iter().next().unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: service::SCHEMA,
        api_extensions: service::EXTENSIONS.names.len() as u64,
        extensions_digest: service::EXTENSIONS.digest.clone(),
        failure_domain: part.declared.failure_domain.clone(),
    }
}

/// A join starts from nothing: what this member has would be lost.
fn refuse_if_not_empty(server: &Server) -> Result<(), ApiError> {
    let state = server.store().state().map_err(store_failed)?;
    let is_first = |object: &Object| {
        let key = &object.key;
        key.name == "default" && matches!(key.kind.as_str(), "project" | "profile")
    };
    let own = |object: &&Object| !matches!(object.key.kind.as_str(), "member" | "cluster" | "config" | "certificate");
    let kept: Vec<String> = state
        .objects
        .values()
        .filter(own)
        .filter(|object| !is_first(object))
        .map(|object| object.key.to_string())
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "this member has objects of its own, which joining would lose: {}; delete them first",
        kept.join(", ")
    )))
}

/// From the offer on: writes down what is needed to come back, asks the cluster to commit, and learns how it ended.
async fn enter(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    contact: &JoinClient,
    request: JoinRequest,
    offer: JoinOffer,
) -> Result<(), ApiError> {
    server.crash.at(Failpoint::Offered);
    let prepared = prepared(&request, offer);
    let undo = JoinUndo { id: prepared.belongs.id, server_name: prepared.contacts.name.clone() };
    if let Err(error) = follow(daemon, server, &prepared).await {
        let client = contact.client.with_timeout(UNDO_LIMIT);
        if let Err(undone) = client.post::<JoinEnd>(service::UNDO, &undo).await {
            tracing::warn!(error = %undone, "the cluster could not be told that the join failed; it forgets by itself");
        }
        in_doubt::move_out(daemon, server).await?;
        return Err(error);
    }
    let commit = JoinCommit { id: prepared.belongs.id, request };
    let client = contact.client.with_timeout(COMMIT_LIMIT);
    let asked = client.post::<Revision>(service::COMMIT, &commit).await.map_err(join_client::refused);
    // After a good answer the cluster's state is on its way; after any other one nobody knows what was committed.
    let patience = if asked.is_ok() { ARRIVE_LIMIT } else { Duration::ZERO };
    let end = timeout(DECIDE_LIMIT, in_doubt::end(server, &prepared, Instant::now() + patience)).await;
    match end {
        Ok(Some(end)) => {
            in_doubt::conclude(daemon, server, &prepared, end).await?;
            match (end, asked) {
                (JoinEnd::Member, _) => Ok(()),
                (JoinEnd::Undone, Err(error)) => Err(error),
                (JoinEnd::Undone, Ok(_)) => Err(ApiError::conflict("this member was removed again at once")),
            }
        }
        Ok(None) => Err(ApiError::unavailable("the daemon is shutting down; the join goes on at its next start")),
        Err(_) => {
            let text = in_doubt::waits_for(&prepared);
            server.undecided.send_replace(Some(text.clone()));
            let server = Arc::clone(server);
            tokio::spawn(async move { server.lifecycle.resume(&server).await });
            Err(ApiError::unavailable(text))
        }
    }
}

fn prepared(request: &JoinRequest, offer: JoinOffer) -> Prepared {
    let own = request.desired.objects.get(&Key::server()).map(|server| server.of(&request.server_name));
    let listen = own.map(|own| service::listen_keys(&own)).unwrap_or_default();
    let (address, name) = (request.address.clone(), Some(request.server_name.clone()));
    Prepared {
        belongs: Belongs { id: offer.id, address, name, listen: listen.clone() },
        contacts: Contacts { name: request.server_name.clone(), listen, members: offer.members },
    }
}

/// Writes down that the join may be committed from now on, and answers as the member that this one may become.
async fn follow(daemon: &DaemonContext, server: &Arc<Server>, prepared: &Prepared) -> Result<(), ApiError> {
    daemon.dir.prepare(prepared).map_err(failed)?;
    server.crash.at(Failpoint::Prepared);
    in_doubt::stand_by(daemon, server, prepared).await?;
    server.crash.at(Failpoint::Following);
    Ok(())
}

/// Waits until this member has everything that the cluster has. Another one that is away holds up nobody.
///
/// # Errors
/// What it has not, and that it is a member all the same: `done` says what was done before.
pub async fn settle(server: &Server, done: &str, limit: Duration) -> Result<(), ApiError> {
    let node = server.node();
    let (mut applied, deadline) = (node.store.applied(), Instant::now() + limit);
    loop {
        applied.borrow_and_update();
        let state = node.store.part(&|_| ReadSet { placed: true, ..ReadSet::default() }).map_err(store_failed)?;
        let left: Vec<&Object> = state.objects.values().filter(|object| is_awaited(object, &node.name)).collect();
        let troubles: Vec<String> = left.iter().filter_map(|object| trouble(object, &node.name)).collect();
        if troubles.len() == left.len() {
            return if left.is_empty() { Ok(()) } else { Err(without(&node.name, done, &troubles)) };
        }
        if !matches!(timeout_at(deadline, applied.changed()).await, Ok(Ok(()))) {
            let names: Vec<String> = left.iter().map(|object| object.key.to_string()).collect();
            return Err(without(&node.name, done, &names));
        }
    }
}

/// As `seedbed status` ends: not everything stands.
fn without(me: &MemberName, done: &str, missing: &[String]) -> ApiError {
    let missing = missing.join("; ");
    ApiError::new(
        504,
        format!(
            "{me} {done}, but not everything stands on it yet, and is tried on: {missing}; seedbed status shows it"
        ),
    )
}

/// Whether the member still has to make something, or cannot.
fn is_awaited(object: &Object, me: &MemberName) -> bool {
    let placement = object.placements.get(me).filter(|_| object.phase != Phase::Pending);
    placement.is_some_and(|own| own.observed < object.generation || own.phase == PlacementPhase::Errored)
}

fn trouble(object: &Object, me: &MemberName) -> Option<String> {
    let own = object.placements.get(me).filter(|own| own.observed == object.generation)?;
    Some(format!("{} on {me}: {}", object.key, own.condition.message))
}
