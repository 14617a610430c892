//! Cluster members: records that the formation of the cluster writes. A manifest may set what people choose:
//! description, failure domain, roles, groups and `scheduler.instance`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::value;
use crate::model::{Config, Key, MemberId, MemberName, Rollout};

/// The kind.
pub struct Members;

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "member")]
pub struct Member {
    /// Its Raft identity; 0 while it is only declared.
    #[serde(default, skip_serializing_if = "is_zero_id")]
    pub id: MemberId,
    /// Where members and clients reach it: `10.55.60.171:8443`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Its certificate as PEM.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub certificate: String,
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Members of one domain fail together: voters are spread over domains. Empty means `default`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub failure_domain: String,
    /// Roles beside those that the database gives: `event-hub`, `ovn-chassis`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The groups that it belongs to. Empty means `default`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `scheduler.instance` and `user.*`.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// `x86_64` and the like.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// The version that it runs.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The version of the stored format that it knows.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_zero")]
    pub schema: u64,
    /// How many extensions of the API it knows.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_zero")]
    pub api_extensions: u64,
    /// A digest of their names: members with the same one have the same extensions.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub extensions_digest: String,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

impl Resource for Members {
    type Spec = Member;

    const WORDS: Words = Words {
        kind: Key::MEMBER,
        section: "cluster.members",
        collection: "cluster/members",
        noun: "cluster",
        spoken: "cluster member",
    };
    const ROLLOUT: Rollout = Rollout::RecordOnly;

    fn entities(&self, _: &Member) -> Vec<&'static str> {
        vec!["cluster"]
    }

    fn check(&self, key: &Key, spec: &Member, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(fault) = value::member_name_fault(&key.name) {
            let text = format!("`{}` cannot name a member: {fault}", key.name);
            problems.push(Problem::at_value("SB018", &["name"], text));
        }
        if let Some(fault) = value::address_fault(&spec.address).filter(|_| !spec.address.is_empty()) {
            let text = format!("`{}` is no address of a member: {fault}", spec.address);
            problems.push(Problem::at_value("SB019", &["address"], text));
        }
        let schedule = spec.config.value("scheduler.instance");
        if let Some(word) = schedule.filter(|word| !["all", "group", "manual"].contains(word)) {
            let text = format!("`scheduler.instance` must be one of all, group, manual, not `{word}`");
            problems.push(Problem::at_value("SB017", &["config", "scheduler.instance"], text));
        }
        let automatic = spec.roles.iter().enumerate().filter(|(_, role)| role.starts_with("database"));
        problems.extend(automatic.map(|(index, role)| {
            let text = format!("the role `{role}` is given by the cluster itself");
            Problem::at_value("SB017", &["roles", &index.to_string()], text)
        }));
        problems
    }

    fn edit(&self, old: &Member, new: &Member) -> Vec<Problem> {
        if old.address.is_empty() || new.address == old.address {
            return Vec::new();
        }
        let text = format!("the address of a member cannot be changed from `{}` to `{}`", old.address, new.address);
        vec![
            Problem::at_value("SB061", &["address"], text)
                .helping("remove the member and let it join with its new address: seedbed cluster remove NAME"),
        ]
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero_id(id: &MemberId) -> bool {
    id.0 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(name: &str, spec: &Member) -> Vec<&'static str> {
        Resource::check(&Members, &Key::new("member", name), spec, &BTreeMap::new()).iter().map(|p| p.code).collect()
    }

    #[test]
    fn a_member_has_a_host_name_an_address_and_known_words() {
        let good = Member { address: "10.0.0.1:8443".to_owned(), ..Member::default() };
        assert_eq!(codes("node1", &good), [""; 0]);
        let bad = Member {
            address: ":8443".to_owned(),
            roles: vec!["database".to_owned()],
            config: Config::from([("scheduler.instance", "some")]),
            ..Member::default()
        };
        assert_eq!(codes("node_1", &bad), ["SB018", "SB019", "SB017", "SB017"]);
    }

    #[test]
    fn a_member_keeps_its_address() {
        let old = Member { address: "10.0.0.1:8443".to_owned(), ..Member::default() };
        let new = Member { address: "10.0.0.2:8443".to_owned(), ..Member::default() };
        assert_eq!(Resource::edit(&Members, &old, &new).len(), 1);
        assert_eq!(Resource::edit(&Members, &old, &old).len(), 0);
    }
}
