//! Networks. A `bridge` is made on every member, with addresses, packet rules and a DHCP and DNS server; the types
//! `macvlan`, `sriov` and `physical` only name an interface that each member has.

mod ask;
mod check;
mod choose;
mod node;
mod raw;
#[cfg(test)]
mod real_tests;
mod settings;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::registry::actuator::AnyActuator;
use super::registry::field::lenient;
use super::registry::kind::{Completion, Resource, Scope, Variants, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
pub use crate::host::Cidr;
use crate::model::{Config, Key, MemberName, Rollout};

/// The kind.
pub struct Network;

/// What all members share of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "network")]
pub struct NetworkSpec {
    /// How it is made: `bridge` (the default), `macvlan`, `sriov` or `physical`.
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    #[schemars(schema_with = "types")]
    pub kind: NetworkType,
    /// Words for people.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its configuration: `ipv4.address`, `ipv4.nat`, `bridge.mtu` …
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

/// How a network is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkType {
    /// A bridge on every member.
    #[default]
    #[serde(alias = "")]
    Bridge,
    /// Instances get interfaces of their own on top of one of the member's.
    Macvlan,
    /// Instances get virtual functions of one of the member's interfaces.
    Sriov,
    /// Instances get, or other networks use, one of the member's interfaces.
    Physical,
    /// A virtual network over all members; known by name, and refused.
    Ovn,
}

impl NetworkType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Bridge, Self::Macvlan, Self::Sriov, Self::Physical, Self::Ovn];

    /// The type as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Macvlan => "macvlan",
            Self::Sriov => "sriov",
            Self::Physical => "physical",
            Self::Ovn => "ovn",
        }
    }
}

// LXD's client sends an empty type for the default one.
fn types(_: &mut SchemaGenerator) -> Schema {
    let known = NetworkType::ALL.map(NetworkType::as_str);
    let names: Vec<Option<&str>> = known.into_iter().chain([""]).map(Some).chain([None]).collect();
    json_schema!({
        "description": "How it is made: a bridge unless it is said otherwise.",
        "type": ["string", "null"],
        "enum": names,
        "default": "bridge"
    })
}

impl Resource for Network {
    type Spec = NetworkSpec;

    const WORDS: Words =
        Words { kind: "network", section: "networks", collection: "networks", noun: "network", spoken: "network" };
    const ROLLOUT: Rollout = Rollout::EveryMember;
    const SCOPE: Scope = Scope::Project { feature: "features.networks" };
    const LOOKS_AT: &'static [&'static str] = &["network", "member"];

    fn entities(&self, spec: &NetworkSpec) -> Vec<&'static str> {
        vec![match spec.kind {
            NetworkType::Bridge => "network-bridge",
            NetworkType::Macvlan => "network-macvlan",
            NetworkType::Sriov => "network-sriov",
            NetworkType::Physical => "network-physical",
            NetworkType::Ovn => "network-ovn",
        }]
    }

    fn variants(&self) -> Option<Variants> {
        let values = NetworkType::ALL.map(NetworkType::as_str).to_vec();
        Some(Variants { field: "type", values, default: Some(NetworkType::default().as_str()) })
    }

    fn check(&self, key: &Key, spec: &NetworkSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        check::check(key, spec, members)
    }

    fn complete(&self, spec: &mut NetworkSpec, with: &mut Completion<'_>) {
        choose::complete(spec, with);
    }

    fn filled_in(&self, _: &Key, declared: &NetworkSpec, held: &NetworkSpec) -> Vec<String> {
        choose::filled_in(declared, held)
    }

    fn absent_values(&self, _: &Key, spec: &NetworkSpec) -> Vec<(&'static str, &'static str)> {
        if choose::chooses(spec) { choose::ABSENT.to_vec() } else { Vec::new() }
    }

    fn edit(&self, old: &NetworkSpec, new: &NetworkSpec) -> Vec<Problem> {
        if old.kind == new.kind {
            return Vec::new();
        }
        let message =
            format!("the type of a network cannot be changed from {} to {}", old.kind.as_str(), new.kind.as_str());
        vec![Problem::at_value("SB049", &["type"], message).helping("delete the network and create it anew")]
    }

    // Addresses, rules and ports change while packets flow; the server is started anew with what it is to say.
    fn restarts(&self, keys: &[&str]) -> Option<&'static str> {
        let served = ["ipv4.address", "ipv6.address", "bridge.mtu", "raw.dnsmasq"];
        let is_served = |key: &&str| {
            served.contains(key) || ["ipv4.dhcp", "ipv6.dhcp", "dns."].iter().any(|start| key.starts_with(start))
        };
        keys.iter().any(is_served).then_some("its DHCP and DNS server")
    }

    // What the server makes of settings that are its own only it knows.
    fn is_judged(&self, spec: &NetworkSpec, own: &BTreeMap<MemberName, Config>, is_new: bool) -> bool {
        let has = |key: &str| own.values().chain([&spec.config]).any(|config| config.value(key).is_some());
        spec.kind == NetworkType::Bridge && (is_new || has("raw.dnsmasq") || has("bridge.external_interfaces"))
    }

    fn node(&self) -> Option<&'static dyn AnyActuator> {
        Some(&node::NetworkNode)
    }
}
