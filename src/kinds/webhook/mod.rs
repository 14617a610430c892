//! Webhooks: addresses outside of the cluster that are told what happens in it.

mod status;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::value;
use crate::model::{Config, Key, MemberName, Rollout};

pub use status::WebhookStatus;

/// The kind.
pub struct Webhook;

/// The configuration key that messages are signed with: a secret, which nothing ever shows.
pub const SECRET: &str = "secret";
/// A secret in the form of the Standard Webhooks specification: this, and the key in base64.
pub const SECRET_PREFIX: &str = "whsec_";
/// A shorter key can be guessed from one signed message.
const KEY_BYTES_MIN: usize = 16;

/// One address. It has no `Debug`: its configuration holds the secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "webhook")]
pub struct WebhookSpec {
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `secret`, which messages are signed with, and `user.*` keys.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// Where messages are posted: http or https.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What is told; everything when it is empty.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The authorities (PEM) that may vouch for the other end; those of the machine when it is left out.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub ca: String,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A plan was committed.
    Apply,
    /// Members found that their hosts differ from what they had made.
    Drift,
    /// What was found is right again.
    Heal,
    /// A source is stalled, or is so no more.
    Source,
    /// A member is offline, or is back.
    Member,
    /// Somebody tries the webhook out.
    Test,
}

impl EventKind {
    /// Those that a webhook may ask for.
    pub const ALL: [Self; 5] = [Self::Apply, Self::Drift, Self::Heal, Self::Source, Self::Member];

    /// The word in data and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Drift => "drift",
            Self::Heal => "heal",
            Self::Source => "source",
            Self::Member => "member",
            Self::Test => "test",
        }
    }
}

impl FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = Self::ALL.map(Self::word).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| format!("`{text}` is no event: there are {words}"))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl WebhookSpec {
    /// Whether it asks for this.
    pub fn wants(&self, kind: EventKind) -> bool {
        self.events.is_empty() || kind == EventKind::Test || self.events.iter().any(|word| word == kind.word())
    }

    /// The key that messages are signed with; `None` when there is no usable one.
    pub fn key(&self) -> Option<Vec<u8>> {
        let text = self.config.value(SECRET)?;
        let key = match text.strip_prefix(SECRET_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => text.as_bytes().to_vec(),
        };
        (key.len() >= KEY_BYTES_MIN).then_some(key)
    }

    /// The other end without the path: a path may hold a token.
    pub fn shown(&self) -> String {
        let uri: Option<Uri> = self.url.parse().ok();
        let parts = uri.and_then(|uri| Some((uri.scheme_str()?.to_owned(), uri.authority()?.to_string())));
        parts.map(|(scheme, authority)| format!("{scheme}://{authority}")).unwrap_or_default()
    }
}

impl Resource for Webhook {
    type Spec = WebhookSpec;

    const WORDS: Words =
        Words { kind: "webhook", section: "", collection: "webhooks", noun: "webhook list", spoken: "webhook" };
    const ROLLOUT: Rollout = Rollout::RecordOnly;

    fn entities(&self, _: &WebhookSpec) -> Vec<&'static str> {
        Vec::new()
    }

    fn check(&self, key: &Key, spec: &WebhookSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(fault) = value::path_name_fault(&key.name) {
            let text = format!("`{}` cannot name a webhook: {fault}", key.name);
            problems.push(Problem::at_value("SB018", &["name"], text));
        }
        if let Some(fault) = url_fault(&spec.url) {
            problems.push(Problem::at_value("SB020", &["url"], fault));
        }
        problems.extend(
            spec.config
                .keys()
                .filter(|key| *key != SECRET && !key.starts_with("user."))
                .map(|key| Problem::at_key("SB014", &["config", key], format!("unknown key `{key}` for a webhook"))),
        );
        if spec.key().is_none() {
            let text = format!(
                "a webhook needs a secret of at least {KEY_BYTES_MIN} bytes, as it is or as {SECRET_PREFIX} and base64"
            );
            problems.push(Problem::at_key("SB103", &["config", SECRET], text));
        }
        for (index, word) in spec.events.iter().enumerate() {
            if let Err(fault) = word.parse::<EventKind>() {
                problems.push(Problem::at_value("SB020", &["events", &index.to_string()], fault));
            }
        }
        if !spec.ca.is_empty() && !spec.ca.contains("-----BEGIN CERTIFICATE-----") {
            problems.push(Problem::at_value("SB020", &["ca"], "`ca` holds no certificate in PEM"));
        }
        problems
    }
}

/// Why nothing can be sent to an address. It never repeats the address: somebody may have put a password into it.
fn url_fault(url: &str) -> Option<&'static str> {
    let Ok(uri) = url.parse::<Uri>() else { return Some("`url` cannot be read: write https://HOST/PATH") };
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    match uri.scheme_str() {
        Some("http" | "https") if authority.contains('@') => {
            Some("a password in `url` would be stored and shown: messages are signed instead")
        }
        Some("http" | "https") if uri.host().is_none_or(str::is_empty) => Some("`url` names no host"),
        Some("http" | "https") => None,
        _ => Some("`url` must begin with http:// or https://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str, secret: &str) -> WebhookSpec {
        WebhookSpec { url: url.to_owned(), config: Config::from([(SECRET, secret)]), ..WebhookSpec::default() }
    }

    fn messages(spec: &WebhookSpec) -> Vec<String> {
        let found = Resource::check(&Webhook, &Key::new("webhook", "ci"), spec, &BTreeMap::new());
        found.into_iter().map(|problem| problem.message).collect()
    }

    const GOOD: &str = "0123456789abcdef";

    #[test]
    fn addresses_are_http_and_hold_no_password() {
        for good in ["https://ci.example/hook", "http://127.0.0.1:8080/", "https://[::1]:8443/a?b=c"] {
            assert_eq!(messages(&spec(good, GOOD)), [""; 0], "{good}");
        }
        for bad in ["", "ci.example/hook", "ftp://ci.example/", "https://me:sekret@ci.example/", "https:///hook"] {
            let found = messages(&spec(bad, GOOD));
            assert_eq!(found.len(), 1, "{bad}: {found:?}");
            assert!(!found[0].contains("sekret"), "{found:?}");
        }
    }

    #[test]
    fn a_secret_is_bytes_or_base64_and_is_never_told() {
        assert_eq!(spec("", GOOD).key().as_deref(), Some(GOOD.as_bytes()));
        let encoded = format!("{SECRET_PREFIX}{}", STANDARD.encode([7; 24]));
        assert_eq!(spec("", &encoded).key(), Some(vec![7; 24]));
        for bad in ["", "sekret", "whsec_sekret!", "whsec_c2VrcmV0"] {
            let found = messages(&spec("https://ci.example/", bad));
            assert_eq!(found.len(), 1, "{bad}");
            assert!(!found[0].contains("sekret"), "{found:?}");
        }
    }

    #[test]
    fn a_webhook_that_names_no_event_wants_all_and_an_unknown_one_is_refused() {
        let some = WebhookSpec { events: vec!["drift".to_owned()], ..spec("https://ci.example/", GOOD) };
        assert!(some.wants(EventKind::Drift) && some.wants(EventKind::Test) && !some.wants(EventKind::Apply));
        assert!(EventKind::ALL.iter().all(|kind| spec("", "").wants(*kind)));
        let wrong = WebhookSpec { events: vec!["drfit".to_owned()], ..some };
        assert_eq!(messages(&wrong), ["`drfit` is no event: there are apply, drift, heal, source, member"]);
    }

    #[test]
    fn other_keys_than_the_secret_are_of_users() {
        let mut odd = spec("https://ci.example/", GOOD);
        odd.config.insert("user.owner".to_owned(), "me".to_owned());
        assert_eq!(messages(&odd), [""; 0]);
        odd.config.insert("owner".to_owned(), "me".to_owned());
        assert_eq!(messages(&odd), ["unknown key `owner` for a webhook"]);
    }

    #[test]
    fn where_it_leads_is_shown_without_the_path() {
        assert_eq!(spec("https://ci.example:8443/services/T0K3N", "").shown(), "https://ci.example:8443");
    }
}
