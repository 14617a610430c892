//! Which extensions the servers lack that the manifest needs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::{extensions_digest, paths};
use crate::client::{Client, ClientError};
use crate::kinds::project::FEATURES_BY_DEFAULT;
use crate::kinds::tables::extension::{self, Required};
use crate::model::{Declared, Desired, Finding, Key, Severity};

/// Nobody reads more of them; the rest is counted.
const TOLD_MAX: usize = 1_000;

/// What `GET /1.0` says, of LXD and Incus too.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// `seedbed`, `lxd` or `incus`; empty when it does not tell strangers.
    pub product: String,
    /// Its version; empty for strangers.
    pub version: String,
    /// Its name as a member, or its host's.
    pub name: String,
    /// Whether it is a member of a cluster.
    pub is_clustered: bool,
    /// Whether it tells more than strangers may know.
    pub is_trusted: bool,
    /// Its extensions.
    pub extensions: BTreeSet<String>,
    /// The storage drivers that it can use; empty when it does not say.
    pub drivers: BTreeSet<String>,
}

impl Info {
    /// Asks a server, or another member through it.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn ask(client: &Client, member: Option<&str>) -> Result<Self, ClientError> {
        let target = member.map(|name| format!("?target={}", paths::escape(name))).unwrap_or_default();
        Ok(Self::read(&client.get(&format!("{}{target}", paths::SERVER)).await?))
    }

    /// Reads the answer.
    pub fn read(answer: &Value) -> Self {
        let machine = &answer["environment"];
        let text = |field: &str| machine[field].as_str().unwrap_or_default().to_owned();
        let texts = |value: &Value, field: &str| {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(|item| item.as_str().or_else(|| item[field].as_str())).map(str::to_owned).collect()
        };
        Self {
            product: text("server"),
            version: text("server_version"),
            name: text("server_name"),
            is_clustered: machine["server_clustered"].as_bool().unwrap_or(false),
            is_trusted: answer["auth"] == "trusted",
            extensions: texts(&answer["api_extensions"], ""),
            drivers: texts(&machine["storage_supported_drivers"], "Name"),
        }
    }

    /// `LXD 5.0.2`.
    pub fn spoken(&self) -> String {
        let name = match self.product.as_str() {
            "lxd" => "LXD",
            "incus" => "Incus",
            "seedbed" => "Seedbed",
            _ => "the server",
        };
        if self.version.is_empty() { name.to_owned() } else { format!("{name} {}", self.version) }
    }
}

/// One server and what it knows.
#[derive(Clone, Debug)]
pub struct Party {
    /// For a sentence: `node2`, `LXD 5.0.2`.
    pub name: String,
    /// Its extensions.
    pub extensions: BTreeSet<String>,
    /// Whether it is a member of Seedbed, which takes what it writes itself.
    pub is_seedbed: bool,
}

/// All members as far as they can be known: those that have the digest of the asked one have its extensions, others are
/// asked. The second list names those that gave no answer.
pub async fn parties(client: &Client, info: &Info, members: &[(String, String)]) -> (Vec<Party>, Vec<String>) {
    let (mut known, mut silent) = (Vec::new(), Vec::new());
    let names: Vec<&String> = info.extensions.iter().collect();
    let digest = extensions_digest(&names);
    for (name, theirs) in members {
        let extensions = if *theirs == digest || *name == info.name {
            Some(info.extensions.clone())
        } else {
            Info::ask(client, Some(name)).await.ok().map(|info| info.extensions)
        };
        match extensions {
            Some(extensions) => known.push(Party { name: name.clone(), extensions, is_seedbed: true }),
            None => silent.push(name.clone()),
        }
    }
    (known, silent)
}

/// What of the desired state some server does not know, once for each part of an object.
pub fn lacking(desired: &Desired, parties: &[Party], severity: Severity) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut more = 0_usize;
    for (key, declared) in &desired.objects {
        let found = of_object(key, declared, parties, severity);
        let room = TOLD_MAX - findings.len();
        more += found.len().saturating_sub(room);
        findings.extend(found.into_iter().take(room));
    }
    if more > 0 {
        let message = format!("{more} more keys need extensions that are not there");
        findings.push(Finding { severity, ..Finding::warning("SB142", message) });
    }
    findings
}

fn of_object(key: &Key, declared: &Declared, parties: &[Party], severity: Severity) -> Vec<Finding> {
    let mut gone: Vec<(Vec<String>, BTreeSet<&str>)> = Vec::new();
    let mut findings = Vec::new();
    for required in extension::required(key, declared) {
        let is_gone = |party: &&Party| {
            let inside = |(path, names): &(Vec<String>, BTreeSet<&str>)| {
                required.path.starts_with(path) && names.contains(party.name.as_str())
            };
            !gone.iter().any(inside)
        };
        let is_by_default = is_by_default(key, &required);
        let takes = |party: &Party| {
            let is_named = required.any_of.iter().any(|name| party.extensions.contains(*name));
            is_named || party.is_seedbed && is_by_default
        };
        let without: Vec<&str> =
            parties.iter().filter(|party| !takes(party)).filter(is_gone).map(|party| party.name.as_str()).collect();
        if without.is_empty() {
            continue;
        }
        findings.push(finding(key, declared, &required, &without, severity));
        if let Some(depth) = required.whole {
            gone.push((required.path[..depth].to_vec(), without.into_iter().collect()));
        }
    }
    findings
}

// Every new project says whose its buckets would be; there are none yet, and so members do not name their extension.
fn is_by_default(key: &Key, required: &Required) -> bool {
    let is_feature = |step: &String| FEATURES_BY_DEFAULT.contains(&step.as_str());
    key.kind.as_str() == "project" && required.path.last().is_some_and(is_feature)
}

fn finding(key: &Key, declared: &Declared, required: &Required, without: &[&str], severity: Severity) -> Finding {
    let names: Vec<&str> = required.any_of.iter().copied().collect();
    let finding = absent(&format!("{key}: {}", required.what), &names.join("` or `"), without, severity);
    Finding { place: Some(declared.place(&required.path)), ..finding }
}

/// Something needs an extension that some do not have.
pub fn absent<S: AsRef<str>>(what: &str, extension: &str, without: &[S], severity: Severity) -> Finding {
    let verb = if without.len() == 1 { "does" } else { "do" };
    let message = format!("{what} needs the API extension `{extension}`, which {} {verb} not have", listed(without));
    Finding { severity, ..Finding::warning("SB142", message) }.helping("leave it out, or upgrade the server first")
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Options, Source};

    fn party(name: &str, extensions: &[&str]) -> Party {
        let extensions = extensions.iter().map(|name| (*name).to_owned()).collect();
        Party { name: name.to_owned(), extensions, is_seedbed: false }
    }

    fn told(text: &str, parties: &[Party]) -> Vec<String> {
        let sources = [Source::new("a.yaml", text)];
        let desired = manifest::load(&sources, &Options::default()).desired;
        let mut findings = lacking(&desired, parties, Severity::Error);
        manifest::locate(&mut findings, &sources);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_member_that_lacks_an_extension_is_named_with_the_key_and_its_line() {
        let text = "\
networks:
- name: br0
  type: bridge
  config:
    ipv4.address: 10.0.0.1/24
    ipv4.nat.address: 10.0.0.9
";
        let old = party("node2", &["network"]);
        let new = party("node1", &["network", "network_nat_address"]);
        assert_eq!(told(text, std::slice::from_ref(&new)), [""; 0]);
        assert_eq!(
            told(text, &[new, old.clone(), party("node3", &["network"])]),
            [
                "error[SB142]: network/br0: `ipv4.nat.address` needs the API extension `network_nat_address`, which node2 \
             and node3 do not have (a.yaml:6:23)"
            ]
        );
    }

    #[test]
    fn members_take_what_they_say_of_new_projects_themselves() {
        let text = "projects: [{name: web, config: {features.storage.buckets: 'true'}}]";
        let other = party("LXD 5.0.2", &["projects"]);
        let member = Party { name: "node1".to_owned(), is_seedbed: true, ..other.clone() };
        assert_eq!(told(text, &[member]), [""; 0]);
        assert!(
            told(text, &[other])[0].contains("needs the API extension `storage_buckets`, which LXD 5.0.2 does not")
        );
    }

    #[test]
    fn of_a_device_type_that_is_not_there_the_keys_are_not_told() {
        let text = "\
profiles:
- name: p
  devices:
    eth0: {type: nic, nictype: routed, gvrp: 'true', parent: eth0}
    eth1: {type: nic, nictype: macvlan, gvrp: 'true', parent: eth0}
";
        let told = told(text, &[party("LXD 3.0", &[])]);
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(
            told[0].contains("nictype `routed` needs the API extension `container_nic_routed`, which LXD 3.0 does")
        );
        assert!(told[1].contains("profile/p: `gvrp` needs the API extension `network_gvrp`"));
    }
}
