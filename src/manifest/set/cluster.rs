//! The `cluster:` section: what one daemon needs to bootstrap or to join, and the members of the whole cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::tables::key_table::{self, KeyScope};
use crate::manifest::report::findings::Findings;
use crate::manifest::schema::grammar::{ClusterGrammar, MemberConfigGrammar, MemberGrammar};
use crate::manifest::schema::validate::Shape;
use crate::manifest::secret::Secret;
use crate::manifest::yaml::dom::{Document, Span, YamlNode};
use crate::manifest::yaml::pem::{self, Pasted};
use crate::model::{Config, Finding, MemberName, Place, pointer};

/// The `cluster:` section of a manifest. Empty texts count as absent, as `lxd init` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Whether this daemon is to be clustered; `None` when the file does not say.
    pub enabled: Option<bool>,
    /// The name of the member that reads the file.
    pub server_name: Option<MemberName>,
    /// The address under which other members reach it.
    pub server_address: Option<String>,
    /// The address of a member that is in the cluster already: with it, the section asks for a join.
    pub cluster_address: Option<String>,
    /// The certificate of the cluster in PEM, with doubled newlines and indentation already removed.
    pub cluster_certificate: Option<String>,
    /// A file that holds that certificate.
    pub cluster_certificate_path: Option<String>,
    /// A join token.
    pub cluster_token: Option<Secret>,
    /// The trust password of the cluster (LXD up to 5.21).
    pub cluster_password: Option<Secret>,
    /// Member-specific keys of the member that joins.
    pub member_config: Vec<MemberConfig>,
    /// All members of the cluster, in the order of the file: the first forms it.
    pub members: Vec<MemberSection>,
    /// Where the section stands.
    pub at: Place,
}

impl Cluster {
    /// The entry of the list that has this name.
    pub fn member(&self, name: &MemberName) -> Option<&MemberSection> {
        self.members.iter().find(|member| member.name == *name)
    }
}

/// One entry of `cluster.member_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// `storage-pool` or `network`.
    pub entity: String,
    /// The name of the pool or network.
    pub name: String,
    /// The key.
    pub key: String,
    /// Its value on the member that joins.
    pub value: String,
    /// What LXD printed to explain the key.
    pub description: String,
    /// Where it stands in the list.
    pub index: usize,
}

/// One entry of `cluster.members`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSection {
    /// Its name.
    pub name: MemberName,
    /// Where other members and clients reach it, with a port.
    pub address: Option<String>,
    /// Members of one failure domain are expected to fail together.
    pub failure_domain: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The cluster groups that it belongs to.
    pub groups: Vec<String>,
    /// The roles that it has besides those that Raft gives it.
    pub roles: Vec<String>,
    /// The member's own configuration keys, such as `scheduler.instance`.
    pub config: Config,
    /// Server keys that belong to this member alone, such as `core.https_address`.
    pub here: Config,
    /// Where the entry stands.
    pub at: Place,
}

/// The `cluster:` section of one document with the way back to its text.
pub struct Section<'d> {
    /// Its document.
    pub document: &'d Document<'d>,
    /// What it says.
    pub cluster: Cluster,
    /// Members whose entries do not fit the grammar.
    pub faulty_members: BTreeSet<MemberName>,
}

/// Reads the section; `None` when the document has none or it is empty.
pub fn read<'d>(document: &'d Document<'d>, shape: &Shape, findings: &mut Findings) -> Option<Section<'d>> {
    let entry = document.root.entry("cluster").filter(|entry| !entry.value.entries().is_empty())?;
    let path = ["cluster".to_owned()];
    let grammar: ClusterGrammar = serde_json::from_value(shape.usable(&entry.value, || path.to_vec())).ok()?;
    let mut section = Section { document, cluster: Cluster::default(), faulty_members: BTreeSet::new() };
    section.cluster = section.cluster(grammar, findings);
    section.cluster.at = document.place(entry.key_span, pointer(&path));
    // Entries that do not fit the grammar are left out, and the others keep their places.
    let count = entry.value.get("member_config").map_or(0, |list| list.items().len());
    let is_left = |index: &usize| !shape.broken.contains(&pointer(&["cluster", "member_config", &index.to_string()]));
    for (member, index) in section.cluster.member_config.iter_mut().zip((0..count).filter(is_left)) {
        member.index = index;
    }
    let is_faulty = |name: &&MemberName| shape.is_broken_below(&["cluster".into(), "members".into(), name.to_string()]);
    section.faulty_members =
        section.cluster.members.iter().map(|member| &member.name).filter(is_faulty).cloned().collect();
    Some(section)
}

impl Section<'_> {
    /// The value under a path of the section, or the section itself.
    pub fn place(&self, path: &[&str]) -> Place {
        let steps: Vec<&str> = ["cluster"].iter().chain(path).copied().collect();
        let node = |steps: &[&str]| self.document.root.at(steps).map(|node| node.span);
        match node(&steps) {
            Some(span) => self.document.place(span, pointer(&steps)),
            None => self.cluster.at.clone(),
        }
    }

    fn cluster(&self, grammar: ClusterGrammar, findings: &mut Findings) -> Cluster {
        let ClusterGrammar {
            enabled,
            server_name,
            server_address,
            cluster_address,
            cluster_certificate,
            cluster_certificate_path,
            cluster_token,
            cluster_password,
            member_config,
            members,
        } = grammar;
        Cluster {
            enabled: enabled.map(|flag| flag.0),
            server_name: filled(server_name).map(MemberName),
            server_address: filled(server_address),
            cluster_address: filled(cluster_address),
            cluster_certificate: filled(cluster_certificate).and_then(|text| self.certificate(&text, findings)),
            cluster_certificate_path: filled(cluster_certificate_path),
            cluster_token: cluster_token.filter(|secret| !secret.reveal().is_empty()),
            cluster_password: cluster_password.filter(|secret| !secret.reveal().is_empty()),
            member_config: member_config.unwrap_or_default().into_iter().map(MemberConfig::from).collect(),
            members: self.members(members.unwrap_or_default()),
            at: Place::default(),
        }
    }

    fn certificate(&self, text: &str, findings: &mut Findings) -> Option<String> {
        let place = || self.place(&["cluster_certificate"]);
        match pem::normalise(text) {
            Ok(Pasted::Good(pem)) => Some(pem),
            Ok(Pasted::Folded(pem)) => {
                let message = "the newlines of the certificate have become blanks: LXD and Incus cannot read it";
                let finding = Finding::warning("SB122", message).at(place());
                findings.push(finding.helping("double every newline, or use a block: `cluster_certificate: |`"));
                Some(pem)
            }
            Err(reason) => {
                let finding = Finding::error("SB121", format!("this is no certificate: {reason}")).at(place());
                findings.push(finding.helping("paste the whole cluster.crt of a member that is in the cluster"));
                None
            }
        }
    }

    /// As the file has them: maps of JSON know no order.
    fn members(&self, mut grammars: BTreeMap<MemberName, Option<MemberGrammar>>) -> Vec<MemberSection> {
        let list = self.document.root.at(&["cluster", "members"]);
        let names = list.into_iter().flat_map(YamlNode::entries).map(|entry| MemberName::from(entry.key.as_ref()));
        let members = names.filter_map(|name| grammars.remove(&name).map(|grammar| (name, grammar)));
        members.map(|(name, grammar)| self.member(name, grammar.unwrap_or_default())).collect()
    }

    fn member(&self, name: MemberName, grammar: MemberGrammar) -> MemberSection {
        let MemberGrammar { address, failure_domain, description, groups, roles, config } = grammar;
        let is_server = |key: &str| key_table::lookup("server", key).is_some_and(|info| info.scope != KeyScope::Global);
        let config = config.unwrap_or_default().0;
        let (here, config) = config.into_iter().partition(|(key, _)| is_server(key));
        MemberSection {
            address: filled(address),
            failure_domain: filled(failure_domain),
            description,
            groups: groups.unwrap_or_default(),
            roles: roles.unwrap_or_default(),
            config: Config(config),
            here: Config(here),
            at: self.key_place(&["members", name.as_str()]),
            name,
        }
    }

    /// The key under which a path of the section stands.
    pub fn key_place(&self, path: &[&str]) -> Place {
        let Some((last, above)) = path.split_last() else { return self.cluster.at.clone() };
        let steps: Vec<&str> = ["cluster"].iter().chain(above).copied().collect();
        let span = |node: &YamlNode<'_>| -> Option<Span> { Some(node.entry(last)?.key_span) };
        match self.document.root.at(&steps).and_then(span) {
            Some(span) => self.document.place(span, pointer(&steps) + &pointer(&[last])),
            None => self.place(above),
        }
    }
}

impl From<MemberConfigGrammar> for MemberConfig {
    fn from(grammar: MemberConfigGrammar) -> Self {
        let MemberConfigGrammar { entity, name, key, value, description } = grammar;
        let (value, description) = (value.unwrap_or_default(), description.unwrap_or_default());
        Self { entity, name, key, value, description, index: 0 }
    }
}

// `lxd init` prints every field, most of them empty.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
