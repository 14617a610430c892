//! Devices: which keys each type takes, and what LXD refuses.

use std::collections::BTreeMap;

use super::{proxy, rules};
use crate::kinds::registry::check::wrong_value;
use crate::kinds::registry::kind::Need;
use crate::kinds::registry::problem::Problem;
use crate::kinds::tables::key_table;
use crate::model::{Config, Key, ProjectName};

const TYPES: [&str; 12] = [
    "none",
    "nic",
    "disk",
    "unix-char",
    "unix-block",
    "usb",
    "gpu",
    "infiniband",
    "proxy",
    "unix-hotplug",
    "tpm",
    "pci",
];
const NIC_TYPES: [&str; 8] = ["bridged", "macvlan", "sriov", "physical", "p2p", "ipvlan", "routed", "ovn"];
const GPU_TYPES: [&str; 5] = ["physical", "mdev", "mig", "sriov", "native-context"];

/// Taken by every type, beside those of the key table.
pub const COMMON: [&str; 6] = ["type", "nictype", "gputype", "maas.subnet.ipv4", "maas.subnet.ipv6", "optional"];

/// Belong to the managed network when a device names one.
const OF_THE_NETWORK: [&str; 5] = ["nictype", "parent", "mtu", "maas.subnet.ipv4", "maas.subnet.ipv6"];

/// What a device with certain fields may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The fields that decide, `type` first; an empty value stands for a field that is absent.
    pub when: Vec<(&'static str, &'static str)>,
    /// The entities of the key table that hold its keys; none when the keys are not known.
    pub entities: Vec<&'static str>,
}

/// Every shape of devices.
pub fn shapes() -> Vec<Shape> {
    let shape = |kind: &'static str, field: &'static str, variant: &'static str| {
        let config = Config::from([("type", kind), (field, variant)]);
        let when = if field == "type" { vec![("type", kind)] } else { vec![("type", kind), (field, variant)] };
        Shape { when, entities: entities(kind, &config) }
    };
    let plain = TYPES.into_iter().filter(|kind| !matches!(*kind, "nic" | "gpu")).map(|kind| shape(kind, "type", kind));
    let nics = NIC_TYPES.into_iter().chain([""]).map(|variant| shape("nic", "nictype", variant));
    let gpus = GPU_TYPES.into_iter().chain([""]).map(|variant| shape("gpu", "gputype", variant));
    plain.chain(nics).chain(gpus).collect()
}

/// Everything that is wrong with one device.
pub fn check(name: &str, config: &Config) -> Vec<Problem> {
    let Some(kind) = config.value("type") else {
        return missing(name, config, &["type"]);
    };
    if !TYPES.contains(&kind) {
        let text = format!("device `{name}` has the unknown type `{kind}`");
        let problem = Problem::at_value("SB022", &["devices", name, "type"], text);
        return vec![match key_table::nearest(kind, TYPES.into_iter()) {
            Some(meant) => problem.noting(format!("did you mean `{meant}`?")),
            None => problem.helping(format!("types are: {}", TYPES.join(", "))),
        }];
    }
    let mut problems: Vec<Problem> = rules::name(name).into_iter().chain(keys(name, kind, config)).collect();
    problems.extend(match kind {
        "nic" => nic(name, config),
        "disk" => disk(name, config),
        "proxy" => [missing(name, config, &["listen", "connect"]), proxy::check(name, config)].concat(),
        "unix-char" | "unix-block" => rules::unix(name, config).into_iter().collect(),
        "infiniband" => missing(name, config, &["nictype", "parent"]),
        "pci" => missing(name, config, &["address"]),
        "gpu" => gpu(name, config),
        _ => Vec::new(),
    });
    problems
}

/// Two disks cannot be at one path; `/` is that of the root disk.
pub fn check_paths(devices: &BTreeMap<String, Config>) -> Vec<Problem> {
    let mut seen: BTreeMap<&str, &String> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, config) in devices.iter().filter(|(_, config)| config.value("type") == Some("disk")) {
        let Some(path) = config.value("path") else { continue };
        let Some(first) = seen.get(path) else {
            seen.insert(path, name);
            continue;
        };
        let two = if path == "/" { "two root disks" } else { "two disks in one place" };
        let text = format!("{two}: `{first}` and `{name}` both have the path `{path}`");
        problems.push(Problem::at_value("SB022", &["devices", name, "path"], text));
    }
    problems
}

/// What the device names: a pool, a managed network, or a bridge that may be managed.
pub fn need(project: &ProjectName, name: &str, config: &Config) -> Option<Need> {
    let network = |text: &str| Key::in_project("network", project, text);
    match config.value("type")? {
        "disk" => {
            let pool = config.value("pool")?;
            Some(Need::required(Key::new("storage-pool", pool), &["devices", name, "pool"]))
        }
        "nic" => match (config.value("network"), config.value("parent")) {
            (Some(managed), _) => Some(Need::required(network(managed), &["devices", name, "network"])),
            (None, Some(parent)) => Some(Need::if_managed(network(parent), &["devices", name, "parent"])),
            (None, None) => None,
        },
        _ => None,
    }
}

fn keys(name: &str, kind: &str, config: &Config) -> Vec<Problem> {
    let entities = entities(kind, config);
    if entities.is_empty() {
        return Vec::new();
    }
    let of_table = config.iter().filter(|(key, _)| !COMMON.contains(&key.as_str()) && !key.starts_with("user."));
    let found = of_table.filter_map(|(key, text)| key_problem(name, kind, &entities, (key, text), config));
    found.take(super::PROBLEMS_MAX).collect()
}

fn key_problem(
    name: &str,
    kind: &str,
    entities: &[&str],
    (key, text): (&str, &str),
    config: &Config,
) -> Option<Problem> {
    let path = ["devices", name, key];
    let Some(info) = key_table::lookup_any(entities, key) else {
        let variant = config.value("nictype").or_else(|| config.value("gputype"));
        let spoken = variant.map_or_else(|| kind.to_owned(), |variant| format!("{variant} {kind}"));
        let problem = Problem::at_key("SB014", &path, format!("unknown key `{key}` for a {spoken} device"));
        return Some(match key_table::suggest(entities, key) {
            Some(meant) => problem.noting(format!("did you mean `{meant}`?")),
            None => problem,
        });
    };
    wrong_value(info, key, text, &path)
}

/// The entities of the key table that hold the keys of a device; those of every type of interface when it does not say
/// which one it is.
pub fn entities_of(config: &Config) -> Vec<&'static str> {
    entities(config.value("type").unwrap_or("none"), config)
}

fn entities(kind: &str, config: &Config) -> Vec<&'static str> {
    let of = |prefix: &str, variant: &str| {
        let wanted = format!("{prefix}{variant}");
        key_table::entities().filter(|entity| *entity == wanted).collect()
    };
    match kind {
        "nic" => match config.value("nictype") {
            Some(variant) => of("device-nic-", variant),
            None => key_table::entities().filter(|entity| entity.starts_with("device-nic-")).collect(),
        },
        "gpu" => of("device-gpu-", config.value("gputype").unwrap_or("physical")),
        "unix-char" => vec!["device-unix-char", "device-unix-char-block"],
        "unix-block" => vec!["device-unix-block", "device-unix-char-block"],
        "usb" => vec!["device-usb", "device-unix-usb"],
        "none" => Vec::new(),
        other => of("device-", other),
    }
}

fn nic(name: &str, config: &Config) -> Vec<Problem> {
    if config.value("network").is_some() {
        let clashing: Vec<&str> = OF_THE_NETWORK.into_iter().filter(|key| config.value(key).is_some()).collect();
        return conflict(name, &clashing).into_iter().collect();
    }
    match config.value("nictype") {
        None => {
            let text = format!("device `{name}` needs `network`, the name of a managed network, or `nictype`");
            vec![Problem::at_value("SB022", &["devices", name], text)]
        }
        Some(variant) if !NIC_TYPES.contains(&variant) => vec![unknown_variant(name, "nictype", variant, &NIC_TYPES)],
        Some("bridged" | "macvlan" | "sriov" | "physical" | "ipvlan") => missing(name, config, &["parent"]),
        Some("routed") => rules::routed(name, config),
        Some(_) => Vec::new(),
    }
}

fn gpu(name: &str, config: &Config) -> Vec<Problem> {
    let unknown = config.value("gputype").filter(|variant| !GPU_TYPES.contains(variant));
    let unknown = unknown.map(|variant| unknown_variant(name, "gputype", variant, &GPU_TYPES));
    unknown.into_iter().chain(rules::gpu(name, config)).collect()
}

// LXD names the first of them, and the next one when that is gone.
fn conflict(name: &str, keys: &[&str]) -> Option<Problem> {
    let key = keys.first()?;
    let text = format!("device `{name}`: Cannot use \"{key}\" property in conjunction with \"network\" property");
    let all = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
    let problem = Problem::at_key("SB022", &["devices", name, key], text);
    Some(problem.helping(format!("the network decides: leave {all} out, or leave `network` out")))
}

fn disk(name: &str, config: &Config) -> Vec<Problem> {
    let has = |key: &str| config.value(key).is_some();
    let is_root = config.value("path") == Some("/");
    let mut problems = rules::disk(name, config);
    if is_root && has("source") {
        let text = format!("device `{name}`: a root disk (path `/`) takes `pool`, but no `source`");
        problems.push(Problem::at_key("SB022", &["devices", name, "source"], text));
    }
    if is_root && !has("pool") {
        problems.extend(missing(name, config, &["pool"]));
    }
    if !is_root && !has("source") && !has("pool") {
        let text = format!("device `{name}` needs `source` or `pool`");
        problems.push(Problem::at_value("SB022", &["devices", name], text));
    }
    problems
}

fn missing(name: &str, config: &Config, keys: &[&str]) -> Vec<Problem> {
    let absent = keys.iter().filter(|key| config.value(key).is_none());
    let problem = |key: &&str| {
        let text = format!("device `{name}` needs `{key}`");
        let problem = Problem::at_value("SB022", &["devices", name], text);
        // A template has left it blank.
        if config.contains_key(*key) { problem.noting(format!("its `{key}` has no value")) } else { problem }
    };
    absent.map(problem).collect()
}

fn unknown_variant(name: &str, key: &str, variant: &str, known: &[&'static str]) -> Problem {
    let text = format!("device `{name}` has the unknown {key} `{variant}`");
    let problem = Problem::at_value("SB022", &["devices", name, key], text);
    match key_table::nearest(variant, known.iter().copied()) {
        Some(meant) => problem.noting(format!("did you mean `{meant}`?")),
        None => problem.helping(format!("known are: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_its_keys_in_the_table() {
        for variant in NIC_TYPES {
            assert!(!entities("nic", &Config::from([("nictype", variant)])).is_empty(), "{variant}");
        }
        for variant in GPU_TYPES {
            assert!(!entities("gpu", &Config::from([("gputype", variant)])).is_empty(), "{variant}");
        }
    }
}
