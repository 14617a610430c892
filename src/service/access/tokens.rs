//! Join tokens: kept by the cluster as a hash, shown by every member as an operation, used up when a join is committed.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::password::is_same;
use crate::api::{ApiError, Operation, OperationClass, OperationStatus};
use crate::kinds;
use crate::kinds::token::TokenSpec;
use crate::model::{Change, Key, MemberName, Object};
use crate::service::events::rfc3339;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};
use crate::service::wire::hex;

const KIND: &str = "token";

pub const SECRET_BYTES: usize = 32;

/// So many members are not added at a time; who asks for more than that has lost control of a script.
const TOKENS_MAX: usize = 100;

const HOUR_MS: i64 = 3_600_000;

/// The new token, without those that it replaces or that have expired.
pub fn entry(server: &Server, spec: &TokenSpec) -> Result<records::Decision, ApiError> {
    // One name, one token: two that are asked for at once meet here.
    let key = Key::new(KIND, spec.member.as_str());
    let all = server.store().list(KIND).map_err(store_failed)?;
    let mut good = 0;
    let (mut expect, mut changes) = (vec![records::absent(&key)], Vec::new());
    for token in &all {
        if token.key == key {
            expect[0] = records::unchanged(token);
        } else if records::typed::<TokenSpec>(token)?.expires_at < spec.created_at {
            expect.push(records::unchanged(token));
            changes.push(Change::Forget { key: token.key.clone() });
        } else {
            good += 1;
        }
    }
    if good >= TOKENS_MAX {
        let text = format!("{TOKENS_MAX} join tokens are unused: take some back (seedbed cluster revoke-token)");
        return Err(ApiError::conflict(text));
    }
    changes
        .push(records::record(key, records::admitted(&Key::new(KIND, spec.member.as_str()), records::spec_of(spec)?)?));
    Ok((expect, changes))
}

/// The tokens that can still be used, as the operations that LXD shows them as. The secrets are shown once, in the
/// answer to who made them: the cluster does not keep them.
pub fn operations(server: &Server) -> Result<Vec<Operation>, ApiError> {
    let specs = server.store().list(KIND).map_err(store_failed)?;
    let specs: Vec<TokenSpec> = specs.iter().map(records::typed).collect::<Result<_, _>>()?;
    let now = server.now();
    specs.iter().filter(|spec| spec.expires_at >= now).map(|spec| operation(server, spec, "")).collect()
}

/// Takes back the token that this operation shows. False when there is none.
pub async fn revoke(server: &Server, operation: &str, by: &str) -> Result<bool, ApiError> {
    let revoked = records::commit(server, by, || {
        let all = server.store().list(KIND).map_err(store_failed)?;
        let Some(token) = all.into_iter().find(|token| token.spec.text("operation") == operation) else {
            return Ok(records::Decision::default());
        };
        Ok((vec![records::unchanged(&token)], vec![Change::Forget { key: token.key }]))
    });
    Ok(revoked.await?.is_some())
}

pub fn operation(server: &Server, spec: &TokenSpec, secret: &str) -> Result<Operation, ApiError> {
    Ok(Operation {
        id: spec.operation.clone(),
        class: OperationClass::Token,
        description: "Executing operation".to_owned(),
        created_at: rfc3339(spec.created_at),
        updated_at: rfc3339(spec.created_at),
        status: OperationStatus::Running.word().to_owned(),
        status_code: OperationStatus::Running,
        resources: Some([("cluster".to_owned(), json!([]))].into_iter().collect()),
        metadata: Some(metadata(server, spec, secret)?),
        may_cancel: true,
        err: String::new(),
        location: server.node().name.0.clone(),
    })
}

/// The token that this secret belongs to, when it is for this member and still good.
pub fn find(server: &Server, member: &MemberName, secret: &str) -> Result<Object, ApiError> {
    let wanted = hash(secret);
    for token in server.store().list(KIND).map_err(store_failed)? {
        let spec: TokenSpec = records::typed(&token)?;
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

pub fn check(server: &Server, name: &MemberName) -> Result<(), ApiError> {
    if !server.is_clustered()? {
        return Err(ApiError::bad_request("Clustering isn't enabled"));
    }
    if name.as_str().is_empty() {
        return Err(ApiError::bad_request("ServerName must be provided"));
    }
    if let Some(fault) = kinds::tables::value::member_name_fault(name.as_str()) {
        return Err(ApiError::bad_request(format!("`{name}` cannot name a member: {fault}")));
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
pub fn addresses(server: &Server) -> Result<Vec<String>, ApiError> {
    let me = server.node().name.clone();
    let liveness = server.liveness();
    let members = server.members()?;
    let answers = |name: &str| name == me.as_str() || liveness.is_reachable(&MemberName::from(name));
    let online = members.iter().filter(|member| answers(&member.key.name));
    Ok(online.map(|member| member.spec.text("address").to_owned()).collect())
}

pub fn expiry_ms(server: &Server) -> Result<i64, ApiError> {
    let config = crate::service::cluster::configuration::configuration(server, &server.node().name)?;
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

pub fn hash(secret: &str) -> String {
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
