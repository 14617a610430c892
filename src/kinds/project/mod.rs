//! Projects: groups of instances, profiles, networks and volumes that know nothing of each other.

mod restricted;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::registry::effective_project::is_own;
use super::registry::field::lenient;
use super::registry::kind::{Completion, Need, Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::value;
use crate::model::{Config, Key, MemberName, ProjectName, Rollout, Spec};

pub use restricted::forbidden;

/// The kind.
pub struct Project;

/// What all members share of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "project")]
pub struct ProjectSpec {
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the project keeps to itself (`features.*`), and what it may use (`limits.*`, `restricted.*`).
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// The storage pool of the root disk that the project's default profile gets.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_only_short")]
    pub storage: String,
    /// The network of the first interface that the project's default profile gets.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_only_short")]
    pub network: String,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

// What is short for a device of the default profile is stored only there: a project keeps no pool and no network from going.
fn is_only_short(_: &str) -> bool {
    true
}

/// The feature of a project that has profiles of its own.
pub const PROFILES: &str = "features.profiles";

/// What a new project keeps to itself unless it says otherwise, as in LXD.
pub const FEATURES_BY_DEFAULT: [&str; 4] =
    ["features.images", "features.profiles", "features.storage.buckets", "features.storage.volumes"];

/// The default profile that a project brings along: a project with profiles of its own always has one.
///
/// `None` when the project uses the profiles of the default project.
pub fn default_profile(name: &str, spec: &ProjectSpec) -> Option<(Key, Spec)> {
    if !is_own(&spec.config, PROFILES) || name == ProjectName::DEFAULT {
        return None;
    }
    let mut devices = serde_json::Map::new();
    if !spec.storage.is_empty() {
        devices.insert("root".to_owned(), json!({"type": "disk", "path": "/", "pool": spec.storage}));
    }
    if !spec.network.is_empty() {
        devices.insert("eth0".to_owned(), json!({"type": "nic", "name": "eth0", "network": spec.network}));
    }
    let mut profile = Spec::default();
    profile.0.insert("description".to_owned(), json!(format!("Default LXD profile for project {name}")));
    profile.0.insert("devices".to_owned(), devices.into());
    Some((default_profile_key(name), profile))
}

/// Where the default profile of a project is kept, while it has profiles of its own.
pub fn default_profile_key(name: &str) -> Key {
    Key::in_project("profile", &ProjectName::from(name), ProjectName::DEFAULT)
}

/// Whether a change of its configuration takes the project's own profiles away.
pub fn loses_profiles(name: &str, old: &Config, new: &Config) -> bool {
    name != ProjectName::DEFAULT && is_own(old, PROFILES) && !is_own(new, PROFILES)
}

/// The configuration of a new project with what it keeps to itself unless it says otherwise.
pub fn with_default_features(mut config: Config) -> Config {
    for feature in FEATURES_BY_DEFAULT {
        config.entry(feature.to_owned()).or_insert_with(|| "true".to_owned());
    }
    config
}

impl Resource for Project {
    type Spec = ProjectSpec;

    const WORDS: Words =
        Words { kind: "project", section: "projects", collection: "projects", noun: "project", spoken: "project" };
    const ROLLOUT: Rollout = Rollout::RecordOnly;
    const NAMES: &'static [&'static str] = &["network", "storage-pool"];

    fn entities(&self, _: &ProjectSpec) -> Vec<&'static str> {
        vec!["project"]
    }

    fn check(&self, key: &Key, spec: &ProjectSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = name_problems(&key.name);
        if spec.config.keys().any(|name| name.starts_with("restricted.")) && spec.config.value("restricted").is_none() {
            let text = "`restricted.*` keys have no effect without `restricted: true`";
            problems.push(Problem::at_key("SB023", &["config"], text).as_warning());
        }
        if key.name == ProjectName::DEFAULT {
            let fixed = spec
                .config
                .iter()
                .filter(|(name, value)| name.starts_with("features.") && value::read_bool(value) == Some(false));
            problems.extend(fixed.map(|(name, _)| {
                let text = "the features of the default project cannot be changed: all projects share them";
                Problem::at_value("SB024", &["config", name], text)
            }));
        }
        problems
    }

    fn needs(&self, _: &Key, spec: &ProjectSpec) -> Vec<Need> {
        let mut needs = Vec::new();
        if !spec.storage.is_empty() {
            needs.push(Need::if_managed(Key::new("storage-pool", &spec.storage), &["storage"]));
        }
        if !spec.network.is_empty() {
            needs.push(Need::if_managed(Key::new("network", &spec.network), &["network"]));
        }
        needs
    }

    fn complete(&self, spec: &mut ProjectSpec, with: &mut Completion<'_>) {
        if with.key.name == ProjectName::DEFAULT {
            return;
        }
        spec.config = with_default_features(std::mem::take(&mut spec.config));
    }

    fn filled_in(&self, key: &Key, declared: &ProjectSpec, held: &ProjectSpec) -> Vec<String> {
        let is_filled_in = |(feature, _): &(&str, &str)| {
            declared.config.value(feature).is_none() && held.config.value(feature) == Some("true")
        };
        let features = Resource::absent_values(self, key, held).into_iter().filter(is_filled_in);
        features.map(|(feature, _)| feature.to_owned()).collect()
    }

    fn absent_values(&self, key: &Key, _: &ProjectSpec) -> Vec<(&'static str, &'static str)> {
        if key.name == ProjectName::DEFAULT {
            return Vec::new();
        }
        FEATURES_BY_DEFAULT.map(|feature| (feature, "false")).to_vec()
    }
}

fn name_problems(name: &str) -> Vec<Problem> {
    let fault = match value::path_name_fault(name) {
        None if name.contains('_') => Some("underscores are not allowed in names of projects"),
        other => other,
    };
    let problem = |fault| Problem::at_value("SB018", &["name"], format!("`{name}` cannot name a project: {fault}"));
    fault.map(problem).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, check};
    use super::*;

    fn problems(name: &str, config: Config) -> Vec<String> {
        let mut spec = Spec::default();
        spec.set_config(&config);
        let kind: &dyn Kind = &Project;
        let found = check(kind, &Key::new("project", name), &spec, &BTreeMap::new(), &Config::default());
        found.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn limits_and_restrictions_are_checked() {
        let config = Config::from([
            ("features.networks", "perhaps"),
            ("limits.instances", "-1"),
            ("restricted", "true"),
            ("restricted.devices.nic", "sometimes"),
            ("limits.memory", "4GiB"),
        ]);
        assert_eq!(
            problems("web", config),
            [
                "`features.networks` must be true or false, not `perhaps`",
                "`limits.instances` must be a whole number from 0 to 4294967295, not `-1`",
                "`restricted.devices.nic` must be one of block, managed, allow, not `sometimes`",
            ]
        );
    }

    #[test]
    fn the_default_project_keeps_its_features() {
        let config = Config::from([("features.images", "false")]);
        assert_eq!(problems("default", config).len(), 1);
    }

    #[test]
    fn a_project_has_a_name_that_fits_into_a_path() {
        assert_eq!(problems("a_b", Config::default()).len(), 1);
        assert_eq!(problems("a/b", Config::default()).len(), 1);
        assert_eq!(problems("a-b", Config::default()).len(), 0);
    }

    #[test]
    fn storage_and_network_are_short_for_devices_of_the_default_profile() {
        let config = with_default_features(Config::default());
        let spec =
            ProjectSpec { config, storage: "data".to_owned(), network: "lxdbr0".to_owned(), ..Default::default() };
        let (key, profile) = default_profile("web", &spec).expect("a profile of its own");
        assert_eq!(key.to_string(), "profile/web/default");
        assert_eq!(profile.0["devices"]["root"]["pool"], "data");
        assert_eq!(profile.0["devices"]["eth0"]["network"], "lxdbr0");
        for config in [Config::from([("features.profiles", "false")]), Config::default()] {
            assert_eq!(default_profile("web", &ProjectSpec { config, ..spec.clone() }), None);
        }
    }
}
