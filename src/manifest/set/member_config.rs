//! The entries of `cluster.member_config` by themselves: what is wrong with a key is known without its object.
//!
//! A member that joins takes its objects from the cluster: no file declares their driver or type.

use super::cluster::{MemberConfig, Section};
use crate::kinds::tables::key_table::{self, KeyInfo, KeyScope};
use crate::model::Finding;

/// What is wrong with an entry, whose object may have any driver or type.
pub fn check(section: &Section<'_>, entry: &MemberConfig) -> Vec<Finding> {
    let Some(prefix) = prefix(&entry.entity).filter(|_| !entry.key.is_empty()) else { return Vec::new() };
    let entities: Vec<&'static str> = key_table::entities().filter(|entity| is_of(entity, prefix)).collect();
    let rows: Vec<&'static KeyInfo> =
        entities.iter().filter_map(|entity| key_table::lookup(entity, &entry.key)).collect();
    let own: Vec<&&'static KeyInfo> = rows.iter().filter(|info| info.scope != KeyScope::Global).collect();
    let at = |field: &str| section.place(&["member_config", &entry.index.to_string(), field]);
    let spoken = spoken(&entry.entity);
    if rows.is_empty() {
        return vec![unknown(entry, &entities, spoken).at(at("key"))];
    }
    if own.is_empty() {
        let message = format!("config key \"{}\" may not be used as member-specific key", entry.key);
        let finding = Finding::error("SB016", message).at(at("key"));
        return vec![finding.helping(format!("all members share it: the cluster has it with the {spoken}"))];
    }
    let wrong = own.first().filter(|_| own.iter().all(|info| !info.takes(&entry.value)));
    let wrong = wrong.map(|info| {
        let message = format!("`{}` must be {}, not `{}`", entry.key, info.wanted(), entry.value);
        Finding::error("SB017", message).at(at("value"))
    });
    wrong.into_iter().collect()
}

/// An entry that has no value: whoever wrote a template left it blank.
pub fn blank(section: &Section<'_>, entry: &MemberConfig) -> Option<Finding> {
    let step = entry.index.to_string();
    let node = section.document.root.at(&["cluster", "member_config", &step])?;
    // `lxd init` prints empty texts for what the driver chooses.
    if node.get("value").is_some_and(|value| !value.is_null()) {
        return None;
    }
    let message = format!("`{}` of `{}` has no value", entry.key, entry.name);
    let place = section.key_place(&["member_config", &step, "value"]);
    let finding = Finding::warning("SB135", message).at(place);
    Some(finding.helping("give it a value, write \"\" for what the driver chooses, or leave the entry out"))
}

fn prefix(entity: &str) -> Option<&'static str> {
    match entity {
        "storage-pool" => Some("storage-"),
        "network" => Some("network-"),
        _ => None,
    }
}

// Volumes and the parts of networks are no objects of these kinds.
fn is_of(entity: &str, prefix: &str) -> bool {
    const NETWORKS: [&str; 5] = ["bridge", "macvlan", "sriov", "physical", "ovn"];
    match entity.strip_prefix(prefix) {
        Some(kind) if prefix == "network-" => NETWORKS.contains(&kind),
        Some(kind) => !kind.starts_with("volume-"),
        None => false,
    }
}

fn spoken(entity: &str) -> &'static str {
    if entity == "network" { "network" } else { "storage pool" }
}

fn unknown(entry: &MemberConfig, entities: &[&'static str], spoken: &str) -> Finding {
    let finding = Finding::error("SB014", format!("unknown key `{}` for a {spoken}", entry.key));
    let of_member = |info: &&KeyInfo| info.scope != KeyScope::Global;
    let known = entities.iter().flat_map(|entity| key_table::keys_of(entity)).filter(of_member).map(|info| info.key);
    match key_table::nearest(&entry.key, known) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping("an entry says: entity, name of the object, key, value"),
    }
}
