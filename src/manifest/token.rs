//! Join tokens: base64 of a JSON object that anybody can read. What is wrong with one is known before it is used.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::lint::placeholder::is_placeholder;
use super::secret::Secret;
use super::set::cluster::Section;
use crate::model::{Finding, Timestamp};

/// What LXD, Incus and Seedbed write into a token.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Token {
    server_name: String,
    fingerprint: String,
    addresses: Vec<String>,
    secret: String,
    /// RFC 3339; old releases leave it out or write the year 1.
    expires_at: String,
}

/// What is wrong with the token of a section. Its secret is never told.
pub(super) fn check(section: &Section<'_>, now: Option<Timestamp>) -> Vec<Finding> {
    let text = section.cluster.cluster_token.as_ref().map(Secret::reveal).map(str::trim).unwrap_or_default();
    if text.is_empty() || is_placeholder(text) {
        return Vec::new();
    }
    let at = |message: String| Finding::error("SB134", message).at(section.key_place(&["cluster_token"]));
    let again = |name: &str| format!("ask a member for a new one: seedbed cluster add {name}");
    let Some(token) = read(text) else {
        let finding = at("this is no whole join token".to_owned());
        return vec![finding.helping("copy it whole, in one line: it is one word of base64")];
    };
    let mut findings = Vec::new();
    let name = section.cluster.server_name.as_ref().filter(|name| name.as_str() != token.server_name);
    if let Some(name) = name {
        let message = format!("the token was made for `{}`, and `server_name` is `{name}`", token.server_name);
        let finding = at(message).with(section.place(&["server_name"]), "the name here");
        findings.push(finding.helping(format!("use one name in both; {}", again(name.as_str()))));
    }
    if let Some(ended) = now.and_then(|now| ended(&token, now)) {
        findings.push(at(format!("the token has expired at {ended}")).helping(again(&token.server_name)));
    }
    findings
}

fn read(text: &str) -> Option<Token> {
    let bytes = STANDARD.decode(text).ok()?;
    let token: Token = serde_json::from_slice(&bytes).ok()?;
    let is_whole = !token.secret.is_empty() && !token.fingerprint.is_empty() && !token.addresses.is_empty();
    (is_whole && !token.server_name.is_empty()).then_some(token)
}

fn ended(token: &Token, now: Timestamp) -> Option<&str> {
    let moment: jiff::Timestamp = token.expires_at.parse().ok()?;
    let has_end = moment.as_millisecond() > 0;
    (has_end && moment.as_millisecond() < now.0).then_some(&token.expires_at)
}
