//! Trusted certificates: who may use the API. The object's name is the SHA-256 fingerprint in hex.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Need, Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use crate::model::{Config, Key, MemberName, Rollout};

/// The kind.
pub struct Certificate;

/// One trusted certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "certificate")]
pub struct CertificateSpec {
    /// A name for people.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its holder may do.
    #[serde(default, rename = "type")]
    pub usage: CertificateUsage,
    /// Whether it may only use the listed projects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
    /// The projects that a restricted certificate may use.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// The certificate as PEM.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub certificate: String,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

/// What the holder of a certificate may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CertificateUsage {
    /// Use the API.
    #[default]
    Client,
    /// Act as a member of the cluster.
    Server,
    /// Read metrics only.
    Metrics,
}

impl Resource for Certificate {
    type Spec = CertificateSpec;

    const WORDS: Words = Words {
        kind: "certificate",
        section: "certificates",
        collection: "certificates",
        noun: "config trust",
        spoken: "certificate",
    };
    const ROLLOUT: Rollout = Rollout::RecordOnly;
    const NAMES: &'static [&'static str] = &["project"];

    fn entities(&self, _: &CertificateSpec) -> Vec<&'static str> {
        Vec::new()
    }

    fn check(&self, key: &Key, spec: &CertificateSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_fingerprint = key.name.len() == 64 && key.name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_fingerprint {
            let text = format!("`{}` is no fingerprint: 64 hexadecimal digits name a certificate", key.name);
            problems.push(Problem::at_value("SB018", &["name"], text));
        }
        if !spec.projects.is_empty() && !spec.restricted {
            let text = "`projects` has no effect without `restricted: true`";
            problems.push(Problem::at_key("SB023", &["projects"], text).as_warning());
        }
        problems
    }

    fn needs(&self, _: &Key, spec: &CertificateSpec) -> Vec<Need> {
        let project = |(index, name): (usize, &String)| {
            Need::required(Key::new("project", name), &["projects", &index.to_string()])
        };
        spec.projects.iter().enumerate().map(project).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_named_by_its_fingerprint_and_names_its_projects() {
        let spec = CertificateSpec { projects: vec!["web".to_owned()], ..CertificateSpec::default() };
        let found = Resource::check(&Certificate, &Key::new("certificate", "mine"), &spec, &BTreeMap::new());
        assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["SB018", "SB023"]);
        let needs = Resource::needs(&Certificate, &Key::new("certificate", "mine"), &spec);
        assert_eq!(needs[0].key.to_string(), "project/web");
    }
}
