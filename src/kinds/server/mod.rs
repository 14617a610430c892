//! The server configuration: `config/server`. Keys that all members share are its spec, keys of one member are
//! that member's placement.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::key_table::{self, KeyScope};
use super::tables::value;
use crate::model::{Config, Key, MemberName, Rollout};

/// The kind.
pub struct Server;

/// The key of the trust password. What is stored, declared to a plan and compared is only its argon2id hash:
/// whoever takes a password in hashes it first, and keeps the stored hash when the password fits it.
pub const TRUST_PASSWORD: &str = "core.trust_password";

/// What all members share of the server configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "config")]
pub struct ServerSpec {
    /// Keys such as `cluster.offline_threshold` and `images.auto_update_interval`.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

impl Resource for Server {
    type Spec = ServerSpec;

    const WORDS: Words =
        Words { kind: "config", section: "config", collection: "", noun: "config", spoken: "server configuration" };
    const ROLLOUT: Rollout = Rollout::EveryMember;

    fn restarts(&self, keys: &[&str]) -> Option<&'static str> {
        keys.contains(&"core.https_address").then_some("the HTTPS port: connections to the old address end")
    }

    fn entities(&self, _: &ServerSpec) -> Vec<&'static str> {
        vec!["server"]
    }

    fn check(&self, _: &Key, spec: &ServerSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let shared = spec.config.iter().filter_map(|(name, value)| value_problem(name, value, &["config", name]));
        let own = members.iter().flat_map(|(member, config)| {
            config.iter().filter_map(|(name, value)| value_problem(name, value, &["members", &member.0, name]))
        });
        shared.chain(own).collect()
    }
}

/// What is wrong with one server key's value beyond its type, in LXD's words where it has some.
pub fn value_problem(name: &str, value: &str, path: &[&str]) -> Option<Problem> {
    if value.is_empty() {
        return None;
    }
    let number = value.parse::<i64>().ok();
    let fault = match name {
        "cluster.offline_threshold" if number.is_some_and(|number| number <= 10) => {
            "Value must be greater than '10'".to_owned()
        }
        "cluster.max_voters" if number.is_some_and(|number| number < 3 || number % 2 == 0) => {
            "Value must be an odd number equal to or higher than 3".to_owned()
        }
        "cluster.max_standby" if number.is_some_and(|number| !(0..=5).contains(&number)) => {
            "Value must be between 0 and 5".to_owned()
        }
        "cluster.images_minimal_replica" if number.is_some_and(|number| number < 1 && number != -1) => {
            "Value must be 1 or more, or -1 for all members".to_owned()
        }
        "cluster.https_address" => address_problem(value, value::address_fault(value)?),
        _ if is_listen_address(name) && value::split_address(value).is_none() => {
            "write HOST:PORT, with an IPv6 address in brackets".to_owned()
        }
        "cluster.join_token_expiry" | "core.remote_token_expiry" if !is_duration(value) => {
            "write a duration such as 3H, 30M or 1d".to_owned()
        }
        _ => return None,
    };
    let shown = if key_table::is_secret_key(name) { "its value" } else { value };
    Some(Problem::at_value("SB020", path, format!("cannot set '{name}' to '{shown}': {fault}")))
}

/// Whether this server key belongs to each member alone.
pub fn is_local(key: &str) -> bool {
    key_table::lookup("server", key).is_some_and(|info| info.scope == KeyScope::Member)
}

fn address_problem(value: &str, fault: &str) -> String {
    match value::split_address(value) {
        Some(("" | "0.0.0.0" | "::", _)) => "Wildcard addresses aren't allowed".to_owned(),
        _ => fault.to_owned(),
    }
}

fn is_listen_address(name: &str) -> bool {
    is_local(name) && name.ends_with("_address")
}

// LXD's expiry: numbers each with a unit, from minutes to years.
fn is_duration(text: &str) -> bool {
    text.split_whitespace().all(|part| {
        let digits = part.trim_end_matches(['S', 'M', 'H', 'd', 'w', 'm', 'y']);
        part.len() == digits.len() + 1 && digits.parse::<u32>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_refused_in_the_words_of_lxd() {
        let cases = [
            ("cluster.offline_threshold", "10", "Value must be greater than '10'"),
            ("cluster.max_voters", "4", "Value must be an odd number equal to or higher than 3"),
            ("cluster.max_standby", "6", "Value must be between 0 and 5"),
            ("cluster.images_minimal_replica", "0", "Value must be 1 or more, or -1 for all members"),
            ("cluster.https_address", ":8443", "Wildcard addresses aren't allowed"),
            ("cluster.https_address", "0.0.0.0:8443", "Wildcard addresses aren't allowed"),
            ("cluster.join_token_expiry", "soon", "write a duration such as 3H, 30M or 1d"),
            ("core.https_address", "a b", "write HOST:PORT, with an IPv6 address in brackets"),
        ];
        for (name, value, reason) in cases {
            let problem = value_problem(name, value, &["config", name]).expect(name);
            assert_eq!(problem.message, format!("cannot set '{name}' to '{value}': {reason}"));
        }
    }

    #[test]
    fn usual_values_are_taken() {
        for (name, value) in [
            ("cluster.offline_threshold", "11"),
            ("cluster.max_voters", "5"),
            ("cluster.max_standby", "0"),
            ("cluster.images_minimal_replica", "-1"),
            ("cluster.https_address", "10.0.0.1:8443"),
            ("core.https_address", ":8443"),
            ("core.https_address", "[::]:8443"),
            ("cluster.join_token_expiry", "1d 3H"),
            ("core.trust_password", "sekret"),
        ] {
            assert_eq!(value_problem(name, value, &["config", name]), None, "{name}={value}");
        }
    }

    #[test]
    fn addresses_belong_to_members_and_thresholds_to_all() {
        assert!(is_local("core.https_address") && is_local("cluster.https_address"));
        assert!(!is_local("cluster.offline_threshold") && !is_local(TRUST_PASSWORD));
    }
}
