//! The joiner's side of a join. Everything is prepared beside what stands; only when the cluster has committed, the new
//! database takes the place of the old one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::hub::Hub;
use super::super::machine;
use super::super::state_dir::Belongs;
use super::apply::limit;
use super::contact::{self, Contact};
use super::failed;
use super::part::{Doors, Part};
use crate::api::{ApiError, EXTENSIONS, InitOutcome, InitReply, JoinCommit, JoinOffer, JoinRequest, JoinUndo};
use crate::client::fingerprint;
use crate::http::{self, Node, Pair, Server, store_failed};
use crate::kinds::server::TRUST_PASSWORD;
use crate::model::{Desired, Key, MemberName, Object, Phase, Revision, Rollout};

const COMMIT_LIMIT: Duration = Duration::from_secs(50);
const UNDO_LIMIT: Duration = Duration::from_secs(5);
const CATCH_UP_LIMIT: Duration = Duration::from_secs(20);

/// Joins, or leaves both sides as they were.
pub async fn join(
    hub: &Hub,
    server: &Arc<Server>,
    part: &Part,
    doors: &Doors,
    desired: Desired,
    timeout_ms: Option<u64>,
) -> Result<InitReply, ApiError> {
    refuse_if_not_empty(server)?;
    let identity = server.credentials.identity()?;
    let contact = contact::reach(doors, &identity, &server.credentials.server().certificate).await?;
    let request = request(server, part, desired, &contact);
    let own = request.desired.objects.get(&Key::server()).map(|server| server.of(&part.name)).unwrap_or_default();
    let before = http::configuration(server, &server.node().name)?.value(http::HTTPS_ADDRESS).map(str::to_owned);
    server.former.listen(server, own.value(http::HTTPS_ADDRESS)).await?;
    let outcome = match contact.ask(&request).await {
        Ok(offer) => enter(hub, server, &contact, request, offer).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(revision) => {
            settle(server, limit(timeout_ms)).await?;
            Ok(InitReply { outcome: InitOutcome::Joined, server_name: part.name.clone(), revision: Some(revision) })
        }
        Err(error) => {
            server.former.listen(server, before.as_deref()).await?;
            Err(error)
        }
    }
}

fn request(server: &Server, part: &Part, mut desired: Desired, contact: &Contact) -> JoinRequest {
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
        schema: http::SCHEMA,
        api_extensions: EXTENSIONS.len() as u64,
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

/// From the offer on: whatever fails is undone here and there.
async fn enter(
    hub: &Hub,
    server: &Arc<Server>,
    contact: &Contact,
    request: JoinRequest,
    offer: JoinOffer,
) -> Result<Revision, ApiError> {
    let (id, name) = (offer.id, request.server_name.clone());
    let outcome = follow(hub, server, contact, request, &offer).await;
    let joining = server.joining.send_replace(None);
    if let Some(joining) = &joining {
        joining.store.shutdown().await;
    }
    match outcome {
        Ok(revision) => {
            let pair = Pair { certificate: offer.cluster_certificate, key: offer.cluster_key };
            move_in(hub, server, &name, id, pair, revision).await?;
            Ok(revision)
        }
        Err(error) => {
            let undo = contact.client.with_timeout(UNDO_LIMIT);
            if let Err(undone) = undo.post::<serde_json::Value>(http::UNDO, &JoinUndo { id, server_name: name }).await {
                tracing::warn!(error = %undone, "the cluster could not be told that the join failed; it forgets by itself");
            }
            server.trust.offer(HashMap::new());
            server.credentials.set_cluster(None);
            server.peers.forget();
            hub.dir.drop_joining().map_err(failed)?;
            Err(error)
        }
    }
}

/// Listens as a member and lets the cluster send its state; returns when the cluster has committed the join.
async fn follow(
    hub: &Hub,
    server: &Arc<Server>,
    contact: &Contact,
    request: JoinRequest,
    offer: &JoinOffer,
) -> Result<Revision, ApiError> {
    let print = |certificate: &str| fingerprint(certificate).map_err(|error| ApiError::failed(error.to_string()));
    let mut members = HashMap::new();
    for member in &offer.members {
        members.insert(print(&member.certificate)?, member.name.clone());
    }
    server.trust.offer(members);
    server
        .credentials
        .set_cluster(Some(Pair { certificate: offer.cluster_certificate.clone(), key: offer.cluster_key.clone() }));
    server.peers.forget();
    let belongs = Belongs { id: offer.id, address: request.address.clone() };
    hub.dir.drop_joining().map_err(failed)?;
    hub.dir.set_belongs(&hub.dir.joining(), &belongs).map_err(failed)?;
    let store = hub.open_store(&hub.dir.joining(), &belongs).await.map_err(store_failed)?;
    let name = request.server_name.clone();
    server.joining.send_replace(Some(Arc::new(Node { store: store.clone(), name, id: offer.id })));
    let commit = JoinCommit { id: offer.id, request };
    let client = contact.client.with_timeout(COMMIT_LIMIT);
    let revision: Revision = client.post(http::COMMIT, &commit).await.map_err(contact::refused)?;
    let mut applied = store.applied();
    let caught_up = applied.wait_for(|applied| *applied >= revision);
    match timeout(CATCH_UP_LIMIT, caught_up).await {
        Ok(Ok(_)) => {}
        // It is a member all the same: the rest arrives after the restart of its store.
        Ok(Err(_)) | Err(_) => tracing::warn!("the cluster's state has not arrived yet; it follows"),
    }
    Ok(revision)
}

/// Puts the joined database in the place of the old one.
async fn move_in(
    hub: &Hub,
    server: &Arc<Server>,
    name: &MemberName,
    id: crate::model::MemberId,
    pair: Pair,
    revision: Revision,
) -> Result<(), ApiError> {
    hub.end_loops().await;
    server.node().store.shutdown().await;
    hub.dir.set_pair("cluster", Some(&pair)).map_err(failed)?;
    hub.dir.replace_database().map_err(failed)?;
    let database = hub.dir.database();
    let belongs = hub.dir.belongs(&database).map_err(failed)?;
    let belongs =
        belongs.ok_or_else(|| ApiError::failed("the joined database has lost its name; restart the daemon"))?;
    let store = hub.open_store(&database, &belongs).await.map_err(store_failed)?;
    let mut applied = store.applied();
    let caught_up = applied.wait_for(|applied| *applied >= revision);
    if timeout(CATCH_UP_LIMIT, caught_up).await.is_err() {
        tracing::warn!("the cluster's state has not arrived yet; it follows");
    }
    server.node.send_replace(Arc::new(Node { store: store.clone(), name: name.clone(), id }));
    server.trust.offer(HashMap::new());
    server.trust.refresh(&store);
    hub.restart_loops(server).await;
    Ok(())
}

/// Waits until this member has everything that the cluster has.
async fn settle(server: &Server, limit: Duration) -> Result<(), ApiError> {
    let state = server.store().state().map_err(store_failed)?;
    let everywhere = |object: &&Object| object.rollout == Rollout::EveryMember && object.phase != Phase::Pending;
    let keys: Vec<Key> = state.objects.values().filter(everywhere).map(|object| object.key.clone()).collect();
    http::settle(server, &keys, limit).await
}
