//! Lints: configuration that LXD accepts and that fails when it is used, also across the objects of a set.

use super::overlap::is_within;
use crate::kinds::Spot;
use crate::kinds::tables::value;
use crate::manifest::set::cluster::Cluster;
use crate::manifest::set::index::Survey;
use crate::manifest::set::object_set::{Found, Set};
use crate::model::{Config, Finding, Key};

/// Keys of a family that say something only about addresses which are given out.
const OF_DHCP: [&str; 4] = ["dhcp.ranges", "dhcp.expiry", "dhcp.gateway", "dhcp.routes"];

/// Everything of that sort.
pub fn check(set: &mut Set<'_>, survey: &Survey<'_>, cluster: Option<&Cluster>) {
    let mut findings = Vec::new();
    for (key, found) in &set.objects {
        match key.kind.as_str() {
            "network" => findings.extend(network(found)),
            "profile" => {
                findings.extend(addresses(key, found, survey));
                findings.extend(rootless(key, found, survey).filter(|_| !joins(cluster)));
            }
            _ => {}
        }
    }
    set.findings.extend(findings);
}

fn joins(cluster: Option<&Cluster>) -> bool {
    cluster.is_some_and(|cluster| cluster.cluster_address.is_some() || cluster.cluster_token.is_some())
}

fn network(found: &Found<'_>) -> Vec<Finding> {
    let config = found.declared.spec.config();
    if config.is_empty() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> =
        ["ipv4", "ipv6"].iter().filter_map(|family| idle(found, &config, family)).collect();
    let gateway = config.value("ipv4.dhcp.gateway").zip(config.value("ipv4.address"));
    if let Some((gateway, address)) = gateway.filter(|(gateway, address)| is_within(gateway, address) == Some(false)) {
        let message =
            format!("clients in {address} cannot reach the gateway `{gateway}`: it is outside of their subnet");
        findings.push(Finding::warning("SB115", message).at(at_config(found, "ipv4.dhcp.gateway")));
    }
    findings
}

// One finding for each switch that is off, however many keys wait behind it.
fn idle(found: &Found<'_>, config: &Config, family: &str) -> Option<Finding> {
    let own = |key: &String| key.strip_prefix(family).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
    let says_something = |value: &str| value::read_bool(value) != Some(false) && !value.is_empty();
    let is_off = |key: &str| config.value(&format!("{family}.{key}")).and_then(value::read_bool) == Some(false);
    let (switch, wanted): (&str, fn(&str) -> bool) = match () {
        () if config.value(&format!("{family}.address")) == Some("none") => ("address: none", |key| key != "address"),
        () if is_off("dhcp") => ("dhcp: false", |key| OF_DHCP.contains(&key)),
        () => return None,
    };
    let idle = config.iter().filter(|(_, value)| says_something(value)).map(|(key, _)| key);
    let idle: Vec<String> = idle.filter(|key| own(key).is_some_and(|rest| wanted(&rest))).cloned().collect();
    let (first, others) = idle.split_first()?;
    let message = format!("`{first}` has no effect with `{family}.{switch}`");
    let finding = Finding::warning("SB117", message).at(at_config(found, first));
    Some(others.iter().fold(finding, |finding, key| finding.with(at_config(found, key), "nor this")))
}

fn at_config(found: &Found<'_>, key: &str) -> crate::model::Place {
    found.place(&["config".to_owned(), key.to_owned()], Spot::Key)
}

// LXD refuses the profile: `Device IP address "…" not within network "…" subnet`.
fn addresses(key: &Key, found: &Found<'_>, survey: &Survey<'_>) -> Vec<Finding> {
    let devices = found.declared.spec.0.get("devices").and_then(serde_json::Value::as_object);
    let mut findings = Vec::new();
    for (device, config) in devices.into_iter().flatten() {
        let text = |field: &str| config.get(field).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        let Some(name) = text("network").or_else(|| text("parent")) else { continue };
        let own = Key::in_project("network", &key.project, name);
        let network = if survey.objects.contains_key(&own) { own } else { Key::new("network", name) };
        for (family, field) in [(4, "ipv4.address"), (6, "ipv6.address")] {
            let subnet = || survey.subnets.get(&(network.clone(), family));
            let Some((address, subnet)) = text(field).and_then(|address| Some((address, subnet()?))) else { continue };
            if subnet.has(address) == Some(false) {
                let message =
                    format!("`{address}` of the device `{device}` is outside of the subnet of network/{name}");
                let path = ["devices".to_owned(), device.clone(), field.to_owned()];
                let finding = Finding::error("SB115", message).at(found.place(&path, Spot::Value));
                findings.push(finding.with(survey.place(&subnet.seen), "the subnet"));
            }
        }
    }
    findings
}

// Instances of the default profile could not start: `No root device could be found`.
fn rootless(key: &Key, found: &Found<'_>, survey: &Survey<'_>) -> Option<Finding> {
    let devices = found.declared.spec.0.get("devices").and_then(serde_json::Value::as_object)?;
    let is_root = |device: &serde_json::Value| device.get("path").is_some_and(|path| path == "/");
    let has_pool = || survey.of_kind("storage-pool").next().is_some();
    let is_default = key.name == "default" && key.project.is_default();
    if !is_default || devices.is_empty() || devices.values().any(is_root) || found.is_faulty || !has_pool() {
        return None;
    }
    let message = "the profile `default` has no root disk: instances that use nothing else cannot be made";
    let finding = Finding::warning("SB116", message).at(found.place(&["devices".to_owned()], Spot::Key));
    Some(finding.helping("add a device: root: {type: disk, path: /, pool: POOL}"))
}
