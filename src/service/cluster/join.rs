//! A join, on the leader. One entry of the log makes the new member real, and it is the only commit point. Until then
//! everything can be undone, and is: by the joiner, by the failing step itself, or by the leader's loop when nobody is heard
//! of any more.

use std::sync::Arc;

use super::admission;
use super::configuration::configuration;
use super::removal::{self, id_of};
use crate::api::{ApiError, JoinEnd, JoinOffer, JoinProof, JoinRequest, PeerInfo};
use crate::client::fingerprint;
use crate::kinds;
use crate::kinds::member::Member;
use crate::model::{Change, Key, MemberId, MemberName, Object, Phase, Put, Rollout, Stage};
use crate::service::access::caller::Caller;
use crate::service::access::password;
use crate::service::access::tokens;
use crate::service::failpoints::Failpoint;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};
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

/// Takes a place back that has not become a member. Both answers are final: the log has decided. Whose place it is not
/// learns nothing about it: for them there is none.
pub async fn end(server: &Server, id: MemberId, may: impl Fn(&Object) -> bool) -> Result<JoinEnd, ApiError> {
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
        match records::submit_as(server, "join".to_owned(), vec![records::unchanged(&record)], change).await {
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
pub fn own_certificate(caller: &Caller, request: &JoinRequest) -> Result<String, ApiError> {
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

pub fn stored_password(server: &Server) -> Result<Option<String>, ApiError> {
    let config = configuration(server, &server.node().name)?;
    Ok(config.value(kinds::server::TRUST_PASSWORD).map(str::to_owned))
}

pub fn check_proof(server: &Server, name: &MemberName, proof: &JoinProof, print: &str) -> Result<(), ApiError> {
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
pub fn own_print(server: &Server, name: &MemberName) -> Result<String, ApiError> {
    let record = server.store().get(&Key::member(name)).map_err(store_failed)?.ok_or_else(ApiError::forbidden)?;
    fingerprint(record.spec.text("certificate")).map_err(|error| ApiError::failed(error.to_string()))
}

/// Drops what an earlier join of the same machine left.
pub async fn replace(server: &Server, caller: &Caller, earlier: &Object) -> Result<(), ApiError> {
    match earlier.phase {
        Phase::Pending => end(server, id_of(earlier), |_| true).await.map(|_| ()),
        Phase::Created | Phase::Creating | Phase::Errored | Phase::Deleting => {
            removal::forget(server, caller, earlier).await
        }
    }
}

/// The record of the new member, Pending until its join is committed.
pub async fn write_down(server: &Server, request: &JoinRequest, print: &str) -> Result<Object, ApiError> {
    let key = Key::member(&request.server_name);
    let put = Put {
        key: key.clone(),
        rollout: Rollout::RecordOnly,
        stage: Stage::Define,
        spec: records::spec_of(&admission::record(request, MemberId(0)))?,
        applied: None,
        management: None,
        placements: Default::default(),
    };
    records::submit_as(server, print.to_owned(), vec![records::absent(&key)], vec![Change::Put(put)]).await?;
    let found = server.store().get(&key).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::conflict("the join was undone in between; try again"))
}

pub fn place(server: &Server, id: MemberId) -> Result<JoinOffer, ApiError> {
    Ok(JoinOffer { id, members: server.members()?.iter().map(peer).collect::<Result<_, _>>()? })
}

fn peer(object: &Object) -> Result<PeerInfo, ApiError> {
    let record: Member = records::typed(object)?;
    Ok(PeerInfo {
        name: MemberName(object.key.name.clone()),
        id: id_of(object),
        address: record.address,
        certificate: record.certificate,
    })
}

pub async fn follow_and_commit(
    server: &Arc<Server>,
    request: &JoinRequest,
    id: MemberId,
    print: &str,
) -> Result<crate::model::Revision, ApiError> {
    check_pending(server, &request.server_name, id, print)?;
    server.peers.forget_address(&request.address);
    server.store().add_learner(Peer { id, address: request.address.clone() }).await.map_err(store_failed)?;
    server.crash.at(Failpoint::Seated);
    let revision = admission::commit(server, request, id, print).await?;
    server.crash.at(Failpoint::Admitted);
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
pub async fn give_up(server: &Server, name: &MemberName, id: MemberId) {
    if let Err(error) = end(server, id, |_| true).await {
        tracing::warn!(member = %name, error = %error.message, "a failed join is not undone yet; it will be");
    }
}
