//! Networks whose subnets overlap with those of others, stored or declared: members could not tell where a packet
//! belongs, and a second DHCP server would not find its address free.

use std::collections::BTreeMap;

use crate::kinds::network::Cidr;
use crate::model::{Change, Finding, Key, Phase, Spec};
use crate::plan::compute::Scene;

/// The keys that hold an address of the network with its prefix.
const SUBNETS: [&str; 2] = ["ipv4.address", "ipv6.address"];

/// Warns of the networks that change so that they overlap with another one.
pub fn check<'a>(scene: &Scene<'_>, changes: impl Iterator<Item = &'a Change> + Clone) -> Vec<Finding> {
    let puts = changes.clone().filter_map(|change| match change {
        Change::Put(put) => Some((&put.key, &put.spec)),
        _ => None,
    });
    let changing: BTreeMap<&Key, &Spec> = puts.filter(|(key, _)| is_network(key)).collect();
    if changing.is_empty() {
        return Vec::new();
    }
    let goes = |key: &Key| changes.clone().any(|change| matches!(change, Change::Delete { key: gone } if gone == key));
    let stands = scene.state.of_kind("network").filter(|object| object.phase != Phase::Deleting && !goes(&object.key));
    let mut all: BTreeMap<&Key, &Spec> = stands.map(|object| (&object.key, &object.spec)).collect();
    all.extend(changing.clone());
    let before = |key: &Key| scene.state.get(key).map(|object| subnets(&object.spec)).unwrap_or_default();
    let mut findings = Vec::new();
    for (key, spec) in &changing {
        // What was so before is no news.
        let new = subnets(spec).into_iter().filter(|subnet| !before(key).contains(subnet));
        for subnet in new {
            let hits = |other: &Spec| subnets(other).into_iter().find(|theirs| theirs.overlaps(subnet));
            // Of two that change the later one tells.
            let others =
                all.iter().filter(|(other, _)| *other < key || (*other != key && !changing.contains_key(*other)));
            let met = others.filter_map(|(other, theirs)| Some((*other, hits(theirs)?)));
            // Of two that files declare with these subnets, reading the files has told already.
            let news = met.filter(|(other, theirs)| !(declares(scene, key, subnet) && declares(scene, other, *theirs)));
            findings.extend(news.map(|(other, theirs)| overlap(key, scene, (subnet, other, theirs))));
        }
    }
    findings
}

fn overlap(key: &Key, scene: &Scene<'_>, (subnet, other, theirs): (Cidr, &Key, Cidr)) -> Finding {
    let text = format!("the subnets of {key} ({}) and {other} ({}) overlap", subnet.subnet(), theirs.subnet());
    let finding = Finding::warning("SB114", text)
        .helping("members could not tell where a packet belongs: give each network a subnet of its own");
    match scene.wanted.get(key) {
        Some(declared) => finding.at(declared.at.clone()),
        None => finding,
    }
}

fn declares(scene: &Scene<'_>, key: &Key, subnet: Cidr) -> bool {
    scene.wanted.get(key).is_some_and(|declared| subnets(&declared.spec).contains(&subnet))
}

fn is_network(key: &Key) -> bool {
    key.kind.as_str() == "network"
}

fn subnets(spec: &Spec) -> Vec<Cidr> {
    let config = spec.config();
    SUBNETS.iter().filter_map(|name| config.value(name)?.parse().ok()).collect()
}
