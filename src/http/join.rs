//! The cluster's side of a join, on the leader. One entry of the log makes the new member real, and it is the only
//! commit point of a join. Until then everything can be undone, and is: by the joiner, by the failing step itself, or
//! by the leader's loop when nobody is heard of any more.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Response};

use super::admit;
use super::answer::{Answer, Outcome, parse};
use super::caller::Caller;
use super::crash::CrashPoint;
use super::forward;
use super::leave::{self, id_of};
use super::password;
use super::root::configuration;
use super::server::{Server, store_failed};
use super::{tokens, write};
use crate::api::{
    ApiError, JoinChallenge, JoinCommit, JoinEnd, JoinHello, JoinOffer, JoinProof, JoinRequest, JoinUndo, JoinWelcome,
    PeerInfo, Secret,
};
use crate::client::fingerprint;
use crate::kinds;
use crate::kinds::member::Member;
use crate::model::{Change, Key, MemberId, MemberName, Object, Phase, Put, Rollout, Stage};
use crate::store::Peer;

/// What a joiner asks first.
pub const CHALLENGE: &str = "/internal/cluster/challenge";
/// Where both ends show that they are whom the other one looks for.
pub const HELLO: &str = "/internal/cluster/join/hello";
/// First half of a join.
pub const OFFER: &str = "/internal/cluster/join";
/// Second half of a join.
pub const COMMIT: &str = "/internal/cluster/join/commit";
/// How a join ended: undone, unless it was committed.
pub const UNDO: &str = "/internal/cluster/join/undo";

/// Whoever commits at the same moment gets in between; more often than this in a row they do not.
const TRIES: usize = 5;

/// `GET /internal/cluster/challenge`: what anybody may know.
pub async fn challenge(State(server): State<Arc<Server>>) -> Outcome {
    let stored = stored_password(&server)?;
    let parameters = stored.as_deref().map(password::challenge).transpose()?.unwrap_or_default();
    Answer::of(&JoinChallenge { enabled: server.is_clustered()?, parameters })
}

/// `POST /internal/cluster/join/hello`: whoever has shown here that it may join may send what it wants to join with.
pub async fn hello(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    let JoinHello { server_name, proof } = parse(&body)?;
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    let print = match &caller {
        Caller::Stranger { certificate: Some(used) } => used.fingerprint.clone(),
        // Its certificate is proof enough: its token went with the join that it knows nothing of.
        Caller::Member(name) | Caller::Joining(name) if *name == server_name => own_print(&server, name)?,
        _ => return Err(ApiError::forbidden()),
    };
    if matches!(caller, Caller::Stranger { .. }) {
        server.strangers.guess()?;
        check_proof(&server, &server_name, &proof, &print).inspect_err(|_| server.strangers.was_wrong())?;
        server.strangers.was_right();
        server.strangers.prove(&print);
    }
    let proof = match (&proof, stored_password(&server)?) {
        (JoinProof::Password(_), Some(stored)) => {
            password::welcome(&stored, &server.credentials.fingerprint()?, &print)?
        }
        (JoinProof::Password(_) | JoinProof::Token(_), _) => Secret::default(),
    };
    Answer::of(&JoinWelcome { proof })
}

/// `POST /internal/cluster/join`: checks everything, writes down who comes, and offers a place.
pub async fn offer(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: JoinRequest = parse(&body)?;
    let print = own_certificate(&caller, &request)?;
    if let Some(answer) = forward::to_leader(&server, Method::POST, OFFER, &print, body).await? {
        return Ok(answer);
    }
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    let earlier = server.store().get(&Key::member(&request.server_name)).map_err(store_failed)?;
    let earlier = earlier.filter(|record| admit::is_same_machine(&request, record));
    // A member's own certificate is proof enough: its token went with the join that it knows nothing of.
    if earlier.as_ref().is_none_or(|record| record.phase != Phase::Created) {
        check_proof(&server, &request.server_name, &request.proof, &print)?;
    }
    admit::check(&server, &request)?;
    if let Some(earlier) = earlier {
        replace(&server, &caller, &earlier).await?;
    }
    let record = write_down(&server, &request, &print).await?;
    server.trust.refresh(&server.store());
    let id = MemberId(record.uid.0);
    server.crash.at(CrashPoint::Recorded);
    Ok(Answer::of(&place(&server, id)?)?.into_response())
}

/// `POST /internal/cluster/join/commit`: the new member listens; it follows from now on, and is made real.
pub async fn commit(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let JoinCommit { id, request } = parse(&body)?;
    let print = own_certificate(&caller, &request)?;
    if let Some(answer) = forward::to_leader(&server, Method::POST, COMMIT, &print, body).await? {
        return Ok(answer);
    }
    // The joiner may hang up; what has begun is brought to an end all the same.
    let work = tokio::spawn(async move {
        let outcome = follow_and_commit(&server, &request, id, &print).await;
        if outcome.is_err() {
            give_up(&server, &request.server_name, id).await;
        }
        outcome
    });
    match work.await {
        Ok(outcome) => Ok(Answer::of(&outcome?)?.into_response()),
        Err(_) => Err(ApiError::unavailable("the leader is shutting down; try again")),
    }
}

/// `POST /internal/cluster/join/undo`: the joiner asks how its join ended, and ends it unless that has happened.
pub async fn undo(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let JoinUndo { id, server_name } = parse(&body)?;
    // Somebody who joins shows the cluster's certificate before the cluster counts it: such a one knows nothing.
    if !server.is_clustered()? {
        return Err(ApiError::unavailable("this member is in no cluster: ask another one"));
    }
    let print = match &caller {
        Caller::Stranger { certificate: Some(used) } => used.fingerprint.clone(),
        Caller::Member(name) | Caller::Joining(name) if *name == server_name => own_print(&server, name)?,
        _ => return Err(ApiError::forbidden()),
    };
    if let Some(answer) = forward::to_leader(&server, Method::POST, UNDO, &print, body).await? {
        return Ok(answer);
    }
    let is_its_own = |record: &Object| fingerprint(record.spec.text("certificate")).is_ok_and(|own| own == print);
    Ok(Answer::of(&end(&server, id, is_its_own).await?)?.into_response())
}

/// Takes a place back that has not become a member. Both answers are final: the log has decided. Whose place it is not
/// learns nothing about it: for them there is none.
async fn end(server: &Server, id: MemberId, may: impl Fn(&Object) -> bool) -> Result<JoinEnd, ApiError> {
    let store = server.store();
    let mut last = None;
    for _ in 0..TRIES {
        store.barrier().await.map_err(store_failed)?;
        let records = store.list(Key::MEMBER).map_err(store_failed)?;
        let its_own = records.into_iter().find(|record| id_of(record) == id).filter(|record| may(record));
        let Some(record) = its_own else { return Ok(JoinEnd::Undone) };
        if record.phase != Phase::Pending {
            return Ok(JoinEnd::Member);
        }
        // The leader's loop takes its seat in Raft away: a leader that dies here leaves nothing behind.
        let change = vec![Change::Forget { key: record.key.clone() }];
        match write::submit_as(server, "join".to_owned(), vec![write::unchanged(&record)], change).await {
            Ok(_) => {
                server.trust.refresh(&store);
                return Ok(JoinEnd::Undone);
            }
            Err(error) if error.status == 409 => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| ApiError::conflict("the join is being committed; ask again")))
}

/// The fingerprint of the joiner's certificate, which its connection must use.
fn own_certificate(caller: &Caller, request: &JoinRequest) -> Result<String, ApiError> {
    let given = fingerprint(&request.certificate).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let is_own = match caller {
        Caller::Stranger { certificate } => certificate.as_ref().is_some_and(|used| used.fingerprint == given),
        // Known since the first half, which compared the certificates.
        Caller::Member(name) | Caller::Joining(name) => *name == request.server_name,
        Caller::Forwarded { .. } => false,
        Caller::Client { fingerprint } => *fingerprint == given,
        Caller::Local { .. } => false,
    };
    if is_own { Ok(given) } else { Err(ApiError::forbidden()) }
}

fn stored_password(server: &Server) -> Result<Option<String>, ApiError> {
    let config = configuration(server, &server.node().name)?;
    Ok(config.value(kinds::server::TRUST_PASSWORD).map(str::to_owned))
}

fn check_proof(server: &Server, name: &MemberName, proof: &JoinProof, print: &str) -> Result<(), ApiError> {
    match proof {
        JoinProof::Token(secret) => tokens::find(server, name, secret.reveal()).map(|_| ()),
        JoinProof::Password(given) => {
            let Some(stored) = stored_password(server)? else {
                let text = "the cluster has no trust password: set core.trust_password there, or use a token";
                return Err(ApiError::forbidden_because(text));
            };
            if password::is_proven(&stored, &server.credentials.fingerprint()?, print, given)? {
                Ok(())
            } else {
                Err(ApiError::forbidden_because("the password is not the cluster's trust password"))
            }
        }
    }
}

/// The fingerprint of a member's own certificate.
fn own_print(server: &Server, name: &MemberName) -> Result<String, ApiError> {
    let record = server.store().get(&Key::member(name)).map_err(store_failed)?.ok_or_else(ApiError::forbidden)?;
    fingerprint(record.spec.text("certificate")).map_err(|error| ApiError::failed(error.to_string()))
}

/// Drops what an earlier join of the same machine left.
async fn replace(server: &Server, caller: &Caller, earlier: &Object) -> Result<(), ApiError> {
    match earlier.phase {
        Phase::Pending => end(server, id_of(earlier), |_| true).await.map(|_| ()),
        Phase::Created | Phase::Creating | Phase::Errored | Phase::Deleting => {
            leave::forget(server, caller, earlier).await
        }
    }
}

/// The record of the new member, Pending until its join is committed.
async fn write_down(server: &Server, request: &JoinRequest, print: &str) -> Result<Object, ApiError> {
    let key = Key::member(&request.server_name);
    let put = Put {
        key: key.clone(),
        rollout: Rollout::RecordOnly,
        stage: Stage::Define,
        spec: write::spec_of(&admit::record(request, MemberId(0)))?,
        applied: None,
        management: None,
        placements: Default::default(),
    };
    write::submit_as(server, print.to_owned(), vec![write::absent(&key)], vec![Change::Put(put)]).await?;
    let found = server.store().get(&key).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::conflict("the join was undone in between; try again"))
}

fn place(server: &Server, id: MemberId) -> Result<JoinOffer, ApiError> {
    Ok(JoinOffer { id, members: server.members()?.iter().map(peer).collect::<Result<_, _>>()? })
}

fn peer(object: &Object) -> Result<PeerInfo, ApiError> {
    let record: Member = write::typed(object)?;
    Ok(PeerInfo {
        name: MemberName(object.key.name.clone()),
        id: id_of(object),
        address: record.address,
        certificate: record.certificate,
    })
}

async fn follow_and_commit(
    server: &Arc<Server>,
    request: &JoinRequest,
    id: MemberId,
    print: &str,
) -> Result<crate::model::Revision, ApiError> {
    check_pending(server, &request.server_name, id, print)?;
    server.peers.forget_address(&request.address);
    server.store().add_learner(Peer { id, address: request.address.clone() }).await.map_err(store_failed)?;
    server.crash.at(CrashPoint::Seated);
    let revision = admit::commit(server, request, id, print).await?;
    server.crash.at(CrashPoint::Admitted);
    Ok(revision)
}

fn check_pending(server: &Server, name: &MemberName, id: MemberId, print: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&Key::member(name)).map_err(store_failed)?;
    let record = found.filter(|record| record.phase == Phase::Pending && record.uid.0 == id.0);
    let record = record.ok_or_else(|| ApiError::conflict("the place of this join was taken back; try again"))?;
    let known = fingerprint(record.spec.text("certificate")).map_err(|error| ApiError::failed(error.to_string()))?;
    if known == print { Ok(record) } else { Err(ApiError::forbidden()) }
}

/// After a failure: what cannot be undone now, the joiner or the leader's loop undoes.
async fn give_up(server: &Server, name: &MemberName, id: MemberId) {
    if let Err(error) = end(server, id, |_| true).await {
        tracing::warn!(member = %name, error = %error.message, "a failed join is not undone yet; it will be");
    }
}
