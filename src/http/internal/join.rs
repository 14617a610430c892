//! Routes of a join: challenge, hello, offer, commit and undo, as a joining member asks for them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Response};

use crate::api::{
    ApiError, JoinChallenge, JoinCommit, JoinHello, JoinProof, JoinRequest, JoinUndo, JoinWelcome, Secret,
};
use crate::client::fingerprint;
use crate::http::server::response::{Answer, ApiResult, passed_on};
use crate::model::{Key, MemberId, Object, Phase};
use crate::service::access::caller::Caller;
use crate::service::access::password;
use crate::service::cluster::admission;
use crate::service::cluster::join::{
    COMMIT, OFFER, UNDO, check_proof, end, follow_and_commit, give_up, own_certificate, own_print, place, replace,
    stored_password, write_down,
};
use crate::service::failpoints::Failpoint;
use crate::service::peers::forward;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;

/// `GET /internal/cluster/challenge`: what anybody may know.
pub async fn challenge(State(server): State<Arc<Server>>) -> ApiResult {
    let stored = stored_password(&server)?;
    let parameters = stored.as_deref().map(password::challenge).transpose()?.unwrap_or_default();
    Answer::of(&JoinChallenge { enabled: server.is_clustered()?, parameters })
}

/// `POST /internal/cluster/join/hello`: whoever has shown here that it may join may send what it wants to join with.
pub async fn hello(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
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
        return Ok(passed_on(answer));
    }
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    let earlier = server.store().get(&Key::member(&request.server_name)).map_err(store_failed)?;
    let earlier = earlier.filter(|record| admission::is_same_machine(&request, record));
    // A member's own certificate is proof enough: its token went with the join that it knows nothing of.
    if earlier.as_ref().is_none_or(|record| record.phase != Phase::Created) {
        check_proof(&server, &request.server_name, &request.proof, &print)?;
    }
    admission::check(&server, &request)?;
    if let Some(earlier) = earlier {
        replace(&server, &caller, &earlier).await?;
    }
    let record = write_down(&server, &request, &print).await?;
    server.trust.refresh(&server.store());
    let id = MemberId(record.uid.0);
    server.crash.at(Failpoint::Recorded);
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
        return Ok(passed_on(answer));
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
        return Ok(passed_on(answer));
    }
    let is_its_own = |record: &Object| fingerprint(record.spec.text("certificate")).is_ok_and(|own| own == print);
    Ok(Answer::of(&end(&server, id, is_its_own).await?)?.into_response())
}
