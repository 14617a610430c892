//! Whether the cluster of a list was formed before. The first member asks all others: two clusters of one list would both
//! be obeyed. That it is empty itself proves nothing, its disk may be new.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::part::{Ask, Credential, Endpoints, List};
use crate::api::{ApiError, JoinChallenge};
use crate::client::{Client, Identity, fetch_certificate};
use crate::model::MemberName;
use crate::service::CHALLENGE;

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// What is known of another member of the list.
enum OtherMember {
    /// It is in a cluster.
    Clustered,
    /// It says that it is in none, or its machine says that nobody listens there: a daemon without a cluster has no port.
    Alone,
    /// Nothing, and why.
    Unknown(String),
}

/// What the first member of a list is to do. With `is_new`, members that do not answer are nobody.
///
/// # Errors
/// When it cannot be known, or when this member has no way into the cluster that is there.
pub async fn decide(list: List, is_new: bool, identity: &Identity) -> Result<Ask, ApiError> {
    let List { others, known, password } = list;
    let found = join_all(others.iter().map(|(_, address)| ask(address, identity))).await;
    let found: Vec<(&(MemberName, String), OtherMember)> = others.iter().zip(found).collect();
    let clustered = found.iter().filter(|(_, found)| matches!(found, OtherMember::Clustered));
    let clustered: Vec<&(MemberName, String)> = clustered.map(|(other, _)| *other).collect();
    if !clustered.is_empty() {
        refuse_beside(&clustered, is_new, password.is_empty())?;
        let addresses = clustered.into_iter().map(|(_, address)| address.clone()).collect();
        return Ok(Ask::Join(Endpoints {
            addresses,
            known,
            credential: Credential::Password(password),
            founder: None,
        }));
    }
    let unknown = found.iter().filter_map(|((name, _), found)| match found {
        OtherMember::Unknown(why) => Some(format!("{name} does not say ({why})")),
        OtherMember::Clustered | OtherMember::Alone => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if is_new || unknown.is_empty() {
        return Ok(Ask::Bootstrap);
    }
    Err(ApiError::unavailable(format!(
        "this member is the first of the list and forms its cluster, unless that was done before: {}; nothing was \
         changed. Try again when they answer. Only when this cluster never was: seedbed init --preseed --new-cluster FILE",
        unknown.join(", ")
    )))
}

fn refuse_beside(clustered: &[&(MemberName, String)], is_new: bool, is_locked_out: bool) -> Result<(), ApiError> {
    let names: Vec<&str> = clustered.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    let formed = if clustered.len() == 1 { "is in a cluster" } else { "are in a cluster" };
    if is_new {
        return Err(ApiError::conflict(format!(
            "{names} {formed} already: no second one is formed from this list; without --new-cluster this member joins"
        )));
    }
    if is_locked_out {
        return Err(ApiError::conflict(format!(
            "{names} {formed} already: to let this member join it, add cluster_password, or cluster_token from \
             `seedbed cluster add`"
        )));
    }
    Ok(())
}

async fn ask(address: &str, identity: &Identity) -> OtherMember {
    match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => {}
        Ok(Err(cause)) if cause.kind() == ErrorKind::ConnectionRefused => return OtherMember::Alone,
        Ok(Err(cause)) => return OtherMember::Unknown(cause.to_string()),
        Err(_) => return OtherMember::Unknown(format!("{address} does not answer")),
    }
    let challenge = async {
        let certificate = fetch_certificate(address).await?;
        Client::https(address, &certificate, Some(identity))?.get::<JoinChallenge>(CHALLENGE).await
    };
    match timeout(ANSWER_LIMIT, challenge).await {
        Ok(Ok(JoinChallenge { enabled: true, .. })) => OtherMember::Clustered,
        Ok(Ok(JoinChallenge { enabled: false, .. })) => OtherMember::Alone,
        Ok(Err(error)) => OtherMember::Unknown(error.to_string()),
        Err(_) => OtherMember::Unknown(format!("{address} does not answer")),
    }
}
