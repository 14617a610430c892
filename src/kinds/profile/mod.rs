//! Profiles: configuration and devices that instances take over, per project.

mod device;
mod proxy;
mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Need, Resource, Scope, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::value;
use crate::model::{Config, Key, MemberName, Rollout};

pub use device::{COMMON, Shape, entities_of, shapes};

/// After so many problems of one profile nobody waits for more.
const PROBLEMS_MAX: usize = 1_000;

/// The kind.
pub struct Profile;

/// What all members share of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "profile")]
pub struct ProfileSpec {
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Configuration keys of instances, such as `limits.memory`.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// Devices by name; each has a `type`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, Config>,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

impl Resource for Profile {
    type Spec = ProfileSpec;

    const WORDS: Words =
        Words { kind: "profile", section: "profiles", collection: "profiles", noun: "profile", spoken: "profile" };
    const ROLLOUT: Rollout = Rollout::RecordOnly;
    const SCOPE: Scope = Scope::Project { feature: "features.profiles" };
    const NAMES: &'static [&'static str] = &["network", "storage-pool"];

    fn entities(&self, _: &ProfileSpec) -> Vec<&'static str> {
        vec!["instance", "kernel"]
    }

    fn check(&self, key: &Key, spec: &ProfileSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(fault) = value::path_name_fault(&key.name) {
            let text = format!("`{}` cannot name a profile: {fault}", key.name);
            problems.push(Problem::at_value("SB018", &["name"], text));
        }
        let volatile = spec.config.keys().filter(|name| name.starts_with("volatile."));
        problems.extend(volatile.take(PROBLEMS_MAX).map(|name| {
            let text = format!("`{name}` belongs to one instance: `volatile.*` keys cannot be set in profiles");
            Problem::at_key("SB021", &["config", name], text)
        }));
        let of_devices = spec.devices.iter().flat_map(|(name, config)| device::check(name, config));
        problems.extend(of_devices.take(PROBLEMS_MAX));
        problems.extend(device::check_paths(&spec.devices).into_iter().take(PROBLEMS_MAX));
        problems.extend(rules::interface_names(&spec.devices).into_iter().take(PROBLEMS_MAX));
        problems
    }

    fn needs(&self, key: &Key, spec: &ProfileSpec) -> Vec<Need> {
        spec.devices.iter().filter_map(|(name, config)| device::need(&key.project, name, config)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProjectName;

    fn spec(devices: &[(&str, Config)]) -> ProfileSpec {
        let devices = devices.iter().map(|(name, config)| ((*name).to_owned(), config.clone())).collect();
        ProfileSpec { devices, ..ProfileSpec::default() }
    }

    fn messages(devices: &[(&str, Config)]) -> Vec<String> {
        let key = Key::new("profile", "default");
        let found = Resource::check(&Profile, &key, &spec(devices), &BTreeMap::new());
        found.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn the_seeds_devices_are_right() {
        let root = Config::from([("path", "/"), ("pool", "default"), ("type", "disk")]);
        let eth0 = Config::from([("name", "eth0"), ("nictype", "bridged"), ("parent", "lxdbr0"), ("type", "nic")]);
        assert_eq!(messages(&[("root", root), ("eth0", eth0)]), [""; 0]);
    }

    #[test]
    fn conflicts_are_named_in_the_words_of_lxd() {
        let eth0 = Config::from([("type", "nic"), ("network", "lxdbr0"), ("nictype", "bridged"), ("name", "eth0")]);
        assert_eq!(
            messages(&[("eth0", eth0)]),
            ["device `eth0`: Cannot use \"nictype\" property in conjunction with \"network\" property"]
        );
    }

    #[test]
    fn what_is_missing_or_unknown_is_told_for_each_device() {
        let devices = [
            ("eth0", Config::from([("type", "nic")])),
            ("eth1", Config::from([("type", "nic"), ("nictype", "bridged"), ("colour", "red")])),
            ("home", Config::from([("type", "disk"), ("path", "/home")])),
            ("lost", Config::from([("pool", "data")])),
            ("root", Config::from([("type", "disk"), ("path", "/"), ("pool", "data"), ("readonly", "maybe")])),
            ("typo", Config::from([("type", "dsik")])),
        ];
        assert_eq!(
            messages(&devices),
            [
                "device `eth0` needs `network`, the name of a managed network, or `nictype`",
                "unknown key `colour` for a bridged nic device",
                "device `eth1` needs `parent`",
                "device `home` needs `source` or `pool`",
                "device `lost` needs `type`",
                "`readonly` must be true or false, not `maybe`",
                "device `typo` has the unknown type `dsik`",
            ]
        );
    }

    #[test]
    fn one_root_disk_is_enough() {
        let root = Config::from([("path", "/"), ("pool", "data"), ("type", "disk")]);
        assert_eq!(
            messages(&[("one", root.clone()), ("two", root)]),
            ["two root disks: `one` and `two` both have the path `/`"]
        );
    }

    #[test]
    fn pools_and_networks_are_needed_in_the_project_that_names_them() {
        let key = Key::in_project("profile", &ProjectName::from("web"), "default");
        let devices = spec(&[
            ("eth0", Config::from([("type", "nic"), ("network", "lxdbr0")])),
            ("eth1", Config::from([("type", "nic"), ("nictype", "bridged"), ("parent", "br0")])),
            ("root", Config::from([("type", "disk"), ("path", "/"), ("pool", "data")])),
        ]);
        let needs = Resource::needs(&Profile, &key, &devices);
        let shown: Vec<String> = needs.iter().map(|need| format!("{} {:?}", need.key, need.strength)).collect();
        assert_eq!(shown, ["network/web/lxdbr0 Required", "network/web/br0 IfManaged", "storage-pool/data Required"]);
    }
}
