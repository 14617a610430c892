//! Whether a `cluster:` section can work: what a bootstrap and what a join need, and what contradicts itself.

use super::cluster::{Cluster, Section};
use super::object_set::{Found, Set};
use crate::kinds::server::TRUST_PASSWORD;
use crate::kinds::tables::{key_table, value};
use crate::kinds::{self, Spot};
use crate::manifest::SecretReference;
use crate::manifest::lint::placeholder::{self, is_placeholder};
use crate::model::{Finding, Key, MemberName, Place, Severity};

/// What is wrong with the section.
pub fn check(section: &Section<'_>, set: &Set<'_>) -> Vec<Finding> {
    let rules = Rules { section, cluster: &section.cluster, set };
    let mut findings = rules.switch();
    findings.extend(rules.name());
    findings.extend(rules.addresses());
    findings.extend(rules.wildcard());
    findings.extend(rules.host_name());
    findings.extend(rules.way_in());
    findings.extend(rules.secrets());
    findings.extend(rules.two_passwords());
    findings
}

/// What the members that the section lists say to one object.
pub fn of_object(section: &Section<'_>, key: &Key, found: &Found<'_>) -> Vec<Finding> {
    let Cluster { server_name, members, .. } = &section.cluster;
    // A file of several members that is no member's own: a plan could not tell whose key it is.
    let is_nobodys = members.len() > 1 && server_name.is_none() && *key != Key::server() && !joins(&section.cluster);
    let mut findings = strangers(section, found);
    findings.extend(Some(()).filter(|()| is_nobodys).and_then(|()| without_member(section, key, found)));
    findings
}

fn joins(cluster: &Cluster) -> bool {
    cluster.cluster_address.is_some() || cluster.cluster_token.is_some()
}

// The manifest lists the members: keys for another one are meant for nobody.
fn strangers(section: &Section<'_>, found: &Found<'_>) -> Vec<Finding> {
    let names = || section.cluster.members.iter().map(|member| member.name.as_str());
    let stranger = |name: &MemberName| {
        let place = found.place(&["members".to_owned(), name.to_string()], Spot::Key);
        let finding = Finding::error("SB124", format!("`{name}` is not among cluster.members")).at(place);
        match key_table::nearest(name.as_str(), names()) {
            Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
            None => finding.with(section.key_place(&["members"]), "the members of the cluster"),
        }
    };
    let is_listed = |name: &MemberName| name.is_every() || section.cluster.member(name).is_some();
    let is_stranger = |name: &&MemberName| names().next().is_some() && !is_listed(name);
    found.declared.members.keys().filter(is_stranger).map(stranger).collect()
}

fn without_member(section: &Section<'_>, key: &Key, found: &Found<'_>) -> Option<Finding> {
    let members = &section.cluster.members;
    let (name, value) = found.declared.here.iter().find(|(_, value)| !value.is_empty())?;
    let value = if kinds::is_secret(key.kind.as_str(), name) { "…" } else { value };
    let example = members.iter().take(2).map(|member| format!("{}: {{{name}: {value}}}", member.name));
    let example: Vec<String> = example.collect();
    let more = if members.len() > 2 { ", …" } else { "" };
    let finding = Finding::error("SB064", format!("`{name}` of {key} belongs to one member, and names none"))
        .at(found.place(&["config".to_owned(), name.clone()], Spot::Key))
        .with(section.key_place(&["members"]), "the members of the cluster");
    Some(finding.helping(format!("write members: {{{}{more}}}", example.join(", "))))
}

struct Rules<'a, 'd> {
    section: &'a Section<'d>,
    cluster: &'a Cluster,
    set: &'a Set<'d>,
}

impl Rules<'_, '_> {
    fn joins(&self) -> bool {
        joins(self.cluster)
    }

    fn is_enabled(&self) -> bool {
        self.cluster.enabled == Some(true)
    }

    // LXD takes a section with addresses but without `enabled` for an order to leave, and wipes its database.
    fn switch(&self) -> Vec<Finding> {
        let Cluster { server_name, cluster_address, cluster_token, enabled, .. } = self.cluster;
        let means_it = server_name.is_some() || cluster_address.is_some() || cluster_token.is_some();
        if !means_it || enabled.is_some() {
            return Vec::new();
        }
        let message = "`cluster:` names a member but does not say `enabled: true`: nothing would be clustered";
        let finding = Finding::error("SB123", message).at(self.cluster.at.clone());
        vec![finding.helping("add `enabled: true`, or `enabled: false` if that is meant")]
    }

    fn name(&self) -> Vec<Finding> {
        let Some(name) = &self.cluster.server_name else {
            return self.no_name().into_iter().collect();
        };
        let mut findings = Vec::new();
        let place = || self.section.place(&["server_name"]);
        if let Some(fault) = value::member_name_fault(name.as_str()) {
            let message = format!("`{name}` cannot name a member: {fault}");
            findings.push(Finding::error("SB018", message).at(place()));
        }
        if !self.cluster.members.is_empty() && self.cluster.member(name).is_none() {
            let message = format!("`{name}` is not among cluster.members");
            let finding = Finding::error("SB124", message).at(place());
            findings.push(finding.with(self.section.key_place(&["members"]), "the members of the cluster"));
        }
        findings
    }

    fn no_name(&self) -> Option<Finding> {
        if !self.is_enabled() || !self.cluster.members.is_empty() {
            return None;
        }
        let (finding, help) = match &self.cluster.cluster_token {
            None => {
                let message = "`cluster:` has no `server_name`: a member needs a name";
                (Finding::error("SB120", message), "add `server_name: NAME`")
            }
            // Tokens name the member that they were made for, but older releases do not read it from there.
            Some(_) => {
                let message = "`cluster:` has no `server_name`: only the token can name the member";
                (Finding::warning("SB120", message), "add `server_name: NAME`, the same as in the token")
            }
        };
        Some(finding.at(self.cluster.at.clone()).helping(help))
    }

    fn addresses(&self) -> Vec<Finding> {
        let fields =
            [("server_address", &self.cluster.server_address), ("cluster_address", &self.cluster.cluster_address)];
        let faults = fields.into_iter().filter_map(|(field, address)| {
            let address = address.as_ref()?;
            let fault = value::address_fault(address)?;
            let finding = Finding::error("SB019", format!("`{address}` is no address of a member: {fault}"));
            Some(finding.at(self.section.place(&[field])))
        });
        let mut findings: Vec<Finding> = faults.collect();
        findings.extend(self.same_address_twice());
        findings.extend(self.loopbacks());
        findings
    }

    // A cluster on one machine is a test, where nobody else needs to reach anybody.
    fn loopbacks(&self) -> Vec<Finding> {
        let mut given: Vec<(&str, Place)> = Vec::new();
        let own =
            [("server_address", &self.cluster.server_address), ("cluster_address", &self.cluster.cluster_address)];
        given.extend(
            own.iter().filter_map(|(field, address)| Some((address.as_deref()?, self.section.place(&[field])))),
        );
        for member in &self.cluster.members {
            let place = || self.section.place(&["members", member.name.as_str(), "address"]);
            given.extend(member.address.as_deref().map(|address| (address, place())));
        }
        if self.is_enabled() && self.cluster.server_address.is_none() && self.cluster.members.is_empty() {
            given.extend(self.listened());
        }
        let has_others = self.joins() || given.iter().any(|(address, _)| !value::is_loopback(address));
        let severity = if has_others { Severity::Warning } else { Severity::Note };
        let loopbacks = given.into_iter().filter(|(address, _)| value::is_loopback(address));
        let finding = |(address, place): (&str, Place)| {
            let message = format!("`{address}` is the machine itself: no other member reaches it there");
            let finding = Finding { severity, ..Finding::warning("SB133", message) };
            finding.at(place).helping("name an address that the other members reach")
        };
        loopbacks.map(finding).collect()
    }

    // What the member listens on is its address, unless something else is.
    fn listened(&self) -> Option<(&str, Place)> {
        let server = self.set.objects.get(&Key::server())?;
        let keys = ["cluster.https_address", "core.https_address"];
        let (key, address) = keys.iter().find_map(|key| Some((*key, server.declared.here.value(key)?)))?;
        Some((address, server.place(&["config".to_owned(), key.to_owned()], Spot::Value)))
    }

    fn same_address_twice(&self) -> Vec<Finding> {
        let mut seen = std::collections::BTreeMap::new();
        let mut findings = Vec::new();
        for member in &self.cluster.members {
            let name = &member.name;
            let Some(address) = &member.address else { continue };
            let place = self.section.place(&["members", name.as_str(), "address"]);
            match seen.get(address) {
                None => {
                    seen.insert(address, (name, place));
                }
                Some((first, first_place)) => {
                    let message = format!("the members {first} and {name} have the same address");
                    let finding = Finding::error("SB125", message).at(place);
                    findings.push(finding.with(first_place.clone(), "first here"));
                }
            }
        }
        findings
    }

    // Other members must be able to reach the address: `[::]:8443` says where to listen, not where to call.
    fn wildcard(&self) -> Option<Finding> {
        let knows_better = self.cluster.server_address.is_some() || !self.cluster.members.is_empty();
        if !self.is_enabled() || knows_better {
            return None;
        }
        let server = self.set.objects.get(&Key::server());
        let own = |key: &str| server.and_then(|found| found.declared.here.value(key));
        if own("cluster.https_address").is_some() {
            return None;
        }
        let Some(address) = own("core.https_address") else {
            return self.joins().then(|| self.no_address());
        };
        let fault = value::address_fault(address)?;
        let path = ["config".to_owned(), "core.https_address".to_owned()];
        let place = server?.place(&path, Spot::Value);
        let message = format!("`{address}` cannot be the address of a member: {fault}");
        let help =
            "name the address that other members reach: set `cluster.https_address`, or `server_address` in `cluster:`";
        Some(Finding::error("SB126", message).at(place).helping(help))
    }

    // A name that leads to another machine, or only in one family, shows when the daemon cannot listen.
    fn host_name(&self) -> Option<Finding> {
        let server = self.set.objects.get(&Key::server()).filter(|_| self.is_enabled())?;
        let address = server.declared.here.value("core.https_address")?;
        let (host, _) = value::split_address(address).filter(|(host, _)| !host.is_empty())?;
        if host.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        let path = ["config".to_owned(), "core.https_address".to_owned()];
        let message = format!("`{host}` is a name: what it leads to is only known on the machine");
        let finding = Finding { severity: Severity::Note, ..Finding::error("SB131", message) };
        let help = "it must lead to an address of this machine, for every member alike; an IP address leaves no doubt";
        Some(finding.at(server.place(&path, Spot::Value)).helping(help))
    }

    fn no_address(&self) -> Finding {
        let message = "no address is given for this member";
        let help = "set `server_address` in `cluster:`, or `core.https_address` in `config:`";
        Finding::error("SB126", message).at(self.cluster.at.clone()).helping(help)
    }

    fn way_in(&self) -> Vec<Finding> {
        let Cluster { cluster_address, cluster_certificate_path, cluster_token, cluster_password, .. } = self.cluster;
        let mut findings = Vec::new();
        let has_certificate = !self.is_empty("cluster_certificate") || cluster_certificate_path.is_some();
        if !self.is_empty("cluster_certificate") && cluster_certificate_path.is_some() {
            let message = "the certificate is given twice: `cluster_certificate_path` wins";
            let finding = Finding::warning("SB128", message).at(self.section.key_place(&["cluster_certificate_path"]));
            findings.push(finding.with(self.section.key_place(&["cluster_certificate"]), "and here"));
        }
        if cluster_address.is_none() || cluster_token.is_some() {
            return findings;
        }
        if !has_certificate {
            let message = "a join needs the certificate of the cluster, or a join token that brings it along";
            let finding = Finding::error("SB129", message).at(self.section.key_place(&["cluster_address"]));
            findings.push(finding.helping("add `cluster_certificate` or `cluster_token`"));
        }
        if cluster_password.is_none() {
            let message = "the cluster must trust this member already: there is neither a token nor a password";
            let finding = Finding::warning("SB129", message).at(self.section.key_place(&["cluster_address"]));
            findings.push(finding.helping("run `seedbed cluster add NAME` on a member and add `cluster_token`"));
        }
        findings
    }

    // In a file of all members, the password with which they join is the one that the first of them asks for.
    fn two_passwords(&self) -> Option<Finding> {
        let joining = self.cluster.cluster_password.as_ref().filter(|_| !self.cluster.members.is_empty())?.reveal();
        let server = self.set.objects.get(&Key::server())?;
        let config = server.declared.spec.config();
        let asked = config.value(TRUST_PASSWORD)?;
        let is_known = [joining, asked].iter().all(|text| SecretReference::parse(text).is_none());
        if joining == asked || !is_known {
            return None;
        }
        let path = ["config".to_owned(), TRUST_PASSWORD.to_owned()];
        let message = "`cluster_password` and `core.trust_password` differ: no member of the list could join";
        let finding = Finding::error("SB132", message).at(self.section.key_place(&["cluster_password"]));
        let finding = finding.with(server.place(&path, Spot::Key), "what the cluster asks for");
        Some(finding.helping("leave `core.trust_password` out: the first member takes `cluster_password` for it"))
    }

    fn is_empty(&self, field: &str) -> bool {
        let node = self.section.document.root.at(&["cluster", field]);
        node.and_then(|node| node.text()).is_none_or(str::is_empty)
    }

    fn secrets(&self) -> Vec<Finding> {
        let fields =
            [("cluster_password", &self.cluster.cluster_password), ("cluster_token", &self.cluster.cluster_token)];
        let left = fields
            .into_iter()
            .filter(|(_, secret)| secret.as_ref().is_some_and(|secret| is_placeholder(secret.reveal())));
        left.map(|(field, _)| placeholder::finding(field).at(self.section.key_place(&[field]))).collect()
    }
}
