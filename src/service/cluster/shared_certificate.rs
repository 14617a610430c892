//! The certificate that all members answer clients with. The log says which one it is. Its key goes from member to
//! member and never into the log, which somebody who is still joining receives, too.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::removal;
use crate::api::{ApiError, ClusterCertificatePut, SharedPair};
use crate::client::fingerprint;
use crate::model::{Change, Key, MemberName, Object, Spec};
use crate::service::access::credentials::Pair;
use crate::service::access::trust::CLUSTER_CERTIFICATE;
use crate::service::objects::records;
use crate::service::peers::connections::Channel;
use crate::service::server::{Server, store_failed};

/// Where members get the certificate and its key from each other.
pub const PATH: &str = "/internal/cluster/certificate";

const ASK_LIMIT: Duration = Duration::from_secs(2);

/// Members take the new certificate within moments; those that are away take it when they are back.
const FOLLOW_LIMIT: Duration = Duration::from_secs(10);

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whoever commits at the same moment gets in between; more often than this in a row they do not.
const TRIES: usize = 5;

/// Takes the certificate that the log names from a member that has it. Whether this member answers with it now.
///
/// # Errors
/// When the store cannot be read, or the certificate cannot be kept.
pub async fn follow(server: &Server) -> Result<bool, ApiError> {
    let Some(wanted) = wanted(server)? else { return Ok(true) };
    if server.credentials.presented().certificate == wanted {
        return Ok(true);
    }
    let pair = match server.credentials.shared_as(&wanted) {
        Some(pair) => Some(Pair::clone(&pair)),
        None => ask_around(server, &wanted).await?,
    };
    let Some(pair) = pair else { return Ok(false) };
    server.lifecycle.adopt(server, pair)?;
    tracing::info!(fingerprint = print_of(&wanted)?, "this member answers with the cluster's new certificate");
    Ok(true)
}

/// Makes another certificate the cluster's. Tokens name the one before: they go.
///
/// # Errors
/// When the log does not take it.
pub async fn renew(server: &Server, by: &str, pair: Pair) -> Result<(), ApiError> {
    server.credentials.set_next(pair.clone());
    let mut last = None;
    for _ in 0..TRIES {
        let membership = removal::membership(server)?;
        let (spec, mut changes) = renewal(server, &membership, &pair)?;
        changes.push(records::revised(&membership, spec, Default::default()));
        match records::submit_as(server, by.to_owned(), vec![records::unchanged(&membership)], changes).await {
            Ok(_) => return server.lifecycle.adopt(server, pair),
            Err(error) if error.status == 409 => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| ApiError::conflict("the cluster changes too fast; try again")))
}

/// The member list's record with this certificate, and what else changes with it.
pub fn renewal(server: &Server, membership: &Object, pair: &Pair) -> Result<(Spec, Vec<Change>), ApiError> {
    let mut spec = membership.spec.clone();
    spec.0.insert(CLUSTER_CERTIFICATE.to_owned(), pair.certificate.clone().into());
    let tokens = server.store().list("token").map_err(store_failed)?;
    Ok((spec, tokens.into_iter().map(|token| Change::Forget { key: token.key }).collect()))
}

/// The certificate that the log names; none while this member stands alone.
pub fn wanted(server: &Server) -> Result<Option<String>, ApiError> {
    let membership = server.store().get(&Key::membership()).map_err(store_failed)?;
    let text = membership.map(|record| record.spec.text(CLUSTER_CERTIFICATE).to_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

pub fn given(server: &Server, request: ClusterCertificatePut) -> Result<Option<Pair>, ApiError> {
    let ClusterCertificatePut { cluster_certificate: certificate, cluster_certificate_key: key } = request;
    if certificate.is_empty() && key.is_empty() {
        return Ok(None);
    }
    let pair = Pair { certificate, key };
    server.lifecycle.check_pair(&pair)?;
    let own = print_of(&pair.certificate)?;
    let who = [("member", Key::MEMBER), ("client", "certificate")];
    for (word, kind) in who {
        let known = server.store().list(kind).map_err(store_failed)?;
        let is_it = |object: &Object| fingerprint(object.spec.text("certificate")).is_ok_and(|print| print == own);
        if let Some(object) = known.iter().find(|object| object.key.name == own || is_it(object)) {
            let text = format!("the certificate is that of the {word} {}: the cluster needs its own", object.key.name);
            return Err(ApiError::bad_request(text));
        }
    }
    Ok(Some(pair))
}

async fn ask_around(server: &Server, wanted: &str) -> Result<Option<Pair>, ApiError> {
    let me = server.node().name.clone();
    let others = server.members()?.into_iter().filter(|member| member.key.name != me.as_str());
    let mut asked: FuturesUnordered<_> = others.map(|member| held_by(server, member)).collect();
    while let Some(answer) = asked.next().await {
        if let Some(SharedPair { certificate, key }) = answer.filter(|pair| pair.certificate == wanted) {
            let pair = Pair { certificate, key };
            server.lifecycle.check_pair(&pair)?;
            return Ok(Some(pair));
        }
    }
    Ok(None)
}

async fn held_by(server: &Server, member: Object) -> Option<SharedPair> {
    let client = server.peers.client(member.spec.text("address"), Channel::Calls).ok()?;
    let answer = client.with_timeout(ASK_LIMIT).get::<SharedPair>(PATH).await;
    answer.inspect_err(|error| tracing::debug!(member = %member.key.name, %error, "gives no certificate")).ok()
}

/// The reachable members that do not answer with it yet, once most had the time to take it.
pub async fn late(server: &Server) -> Result<Vec<MemberName>, ApiError> {
    let (me, deadline) = (server.node().name.clone(), Instant::now() + FOLLOW_LIMIT);
    let liveness = server.liveness();
    let mut others = server.members()?;
    others
        .retain(|member| member.key.name != me.as_str() && liveness.is_reachable(&MemberName(member.key.name.clone())));
    loop {
        let held = join_all(others.iter().map(|member| held_by(server, member.clone()))).await;
        let late: Vec<MemberName> = (others.iter().zip(held))
            .filter(|(_, held)| held.is_none())
            .map(|(member, _)| MemberName(member.key.name.clone()))
            .collect();
        if late.is_empty() || Instant::now() > deadline {
            return Ok(late);
        }
        sleep(LOOK_EVERY).await;
    }
}

pub fn print_of(certificate: &str) -> Result<String, ApiError> {
    fingerprint(certificate).map_err(|error| ApiError::bad_request(error.to_string()))
}
