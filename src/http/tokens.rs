//! Join tokens: made here, shown once as an operation, kept as a hash, used up when a join is committed.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::answer::{Answer, Outcome, hex, parse};
use super::caller::Caller;
use super::events::rfc3339;
use super::operations::Subject;
use super::password::is_same;
use super::server::{Server, store_failed};
use super::write;
use crate::api::{ApiError, Operation, OperationClass};
use crate::kinds::token::TokenSpec;
use crate::model::{Change, Expect, Key, MemberName, Object, Timestamp};

const KIND: &str = "token";
const SECRET_BYTES: usize = 32;
const HOUR_MS: i64 = 3_600_000;

#[derive(Deserialize)]
struct TokenAsked {
    server_name: MemberName,
}

/// `POST /1.0/cluster/members`: a token for a new member. An older one for the same name is taken back.
pub async fn add(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    caller.trusted()?;
    let TokenAsked { server_name } = parse(&body)?;
    check(&server, &server_name)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|cause| ApiError::failed(format!("the system gives no random numbers: {cause}")))?;
    let secret = hex(&bytes);
    let spec = TokenSpec {
        member: server_name.clone(),
        secret_hash: hash(&secret),
        created_at: server.now(),
        expires_at: Timestamp(server.now().0 + expiry_ms(&server)?),
        addresses: addresses(&server)?,
    };
    let key = Key::new(KIND, &uuid::Uuid::new_v4().to_string());
    write::commit(&server, &caller.audit(), || {
        let older = server.store().list(KIND).map_err(store_failed)?;
        let older: Vec<_> =
            older.into_iter().filter(|token| token.spec.text("member") == server_name.as_str()).collect();
        let mut expect: Vec<Expect> = older.iter().map(write::unchanged).collect();
        expect.push(write::absent(&key));
        let mut changes: Vec<Change> = older.into_iter().map(|token| Change::Forget { key: token.key }).collect();
        changes.push(write::record(key.clone(), write::spec_of(&spec)?));
        Ok((expect, changes))
    })
    .await?;
    let subject = Subject {
        description: "Executing operation",
        resources: [("cluster".to_owned(), json!([]))].into_iter().collect(),
        location: server.node().name.clone(),
        at: server.now(),
    };
    let operation = server.operations.show(&server.events, subject, metadata(&server, &spec, &secret)?);
    Answer::operation(&operation)
}

/// Takes the token of an operation back.
pub async fn revoke(server: &Server, operation: &Operation, by: &str) -> Result<(), ApiError> {
    let secret = operation.metadata.as_ref().and_then(|metadata| metadata.get("secret")?.as_str());
    let Some(secret) = secret else { return Ok(()) };
    let wanted = hash(secret);
    let tokens = server.store().list(KIND).map_err(store_failed)?;
    let Some(token) = tokens.into_iter().find(|token| token.spec.text("secret_hash") == wanted) else { return Ok(()) };
    let changes = vec![Change::Forget { key: token.key }];
    write::submit_as(server, by.to_owned(), Vec::new(), changes).await.map(|_| ())
}

/// Whether an operation shows a token that a join has used, or that somebody took back.
pub fn is_used_up(server: &Server, operation: &Operation) -> bool {
    let secret = operation.metadata.as_ref().and_then(|metadata| metadata.get("secret")?.as_str());
    let Some(secret) = secret.filter(|_| operation.class == OperationClass::Token) else { return false };
    let wanted = hash(secret);
    let tokens = server.store().list(KIND);
    tokens.is_ok_and(|tokens| tokens.iter().all(|token| token.spec.text("secret_hash") != wanted))
}

/// The token that this secret belongs to, when it is for this member and still good.
pub fn find(server: &Server, member: &MemberName, secret: &str) -> Result<Object, ApiError> {
    let wanted = hash(secret);
    for token in server.store().list(KIND).map_err(store_failed)? {
        let spec: TokenSpec = write::typed(&token)?;
        if !is_same(spec.secret_hash.as_bytes(), wanted.as_bytes()) {
            continue;
        }
        if spec.member != *member {
            let text = format!("the token is for a member named {}, not {member}", spec.member);
            return Err(ApiError::forbidden_because(text));
        }
        if spec.expires_at < server.now() {
            let text = "the token has expired: make a new one with `seedbed cluster add`";
            return Err(ApiError::forbidden_because(text));
        }
        return Ok(token);
    }
    let text = "the token is not known: it was used, revoked or replaced; make a new one with `seedbed cluster add`";
    Err(ApiError::forbidden_because(text))
}

fn check(server: &Server, name: &MemberName) -> Result<(), ApiError> {
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    if name.as_str().is_empty() {
        return Err(ApiError::bad_request("ServerName must be provided"));
    }
    if server.store().get(&Key::member(name)).map_err(store_failed)?.is_some() {
        return Err(ApiError::conflict(format!("The cluster already has a member with name: {name}")));
    }
    Ok(())
}

fn metadata(server: &Server, spec: &TokenSpec, secret: &str) -> Result<Map<String, Value>, ApiError> {
    let fingerprint = server.credentials.fingerprint()?;
    let text = json!({
        "serverName": spec.member,
        "secret": secret,
        "fingerprint": fingerprint,
        "addresses": spec.addresses,
        "expiresAt": rfc3339(spec.expires_at),
    });
    match text {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// The members that answer now: those that a joiner should try.
fn addresses(server: &Server) -> Result<Vec<String>, ApiError> {
    let me = server.node().name.clone();
    let liveness = server.liveness();
    let members = server.members()?;
    let answers = |name: &str| name == me.as_str() || liveness.is_reachable(&MemberName::from(name));
    let online = members.iter().filter(|member| answers(&member.key.name));
    Ok(online.map(|member| member.spec.text("address").to_owned()).collect())
}

fn expiry_ms(server: &Server) -> Result<i64, ApiError> {
    let config = super::root::configuration(server, &server.node().name)?;
    let text = config.value("cluster.join_token_expiry").unwrap_or("3H");
    Ok(text.split_whitespace().filter_map(part_ms).sum::<i64>().max(60_000))
}

/// One part of an expiry in LXD's form: `3H`, `30M`, `1d`.
fn part_ms(part: &str) -> Option<i64> {
    let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: i64 = digits.parse().ok()?;
    let unit = match part.get(digits.len()..)? {
        "S" => 1_000,
        "M" => 60_000,
        "H" => HOUR_MS,
        "d" => 24 * HOUR_MS,
        "w" => 7 * 24 * HOUR_MS,
        "m" => 30 * 24 * HOUR_MS,
        "y" => 365 * 24 * HOUR_MS,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_read_as_lxd_writes_them() {
        for (text, expected) in
            [("3H", Some(3 * HOUR_MS)), ("30M", Some(HOUR_MS / 2)), ("1d", Some(24 * HOUR_MS)), ("soon", None)]
        {
            assert_eq!(part_ms(text), expected, "{text}");
        }
    }
}
