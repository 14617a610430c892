//! Which extension of LXD's API a driver, a type or a key came with: a server that lacks it refuses the key, or keeps it
//! and does nothing.
//!
//! The rows of `extensions.tsv` stand in the order in which LXD got them, then Incus. A row without keys speaks of all
//! objects of its entities; what has no row came with the first release.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::key_table;
use crate::kinds::profile;
use crate::model::{Config, Declared, Key};

/// A part of an object that not every server takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Where it stands in the object.
    pub path: Vec<String>,
    /// What it is, for a sentence: "`ipv4.nat.address`", "driver `ceph`".
    pub what: String,
    /// The extensions that bring it; a server with one of them takes it.
    pub any_of: BTreeSet<&'static str>,
    /// How many steps of the path lead to the object or device that cannot be there without it, when it is more than a key.
    pub whole: Option<usize>,
}

struct Rows {
    keys: HashMap<(&'static str, &'static str), &'static str>,
    whole: HashMap<&'static str, &'static str>,
    names: BTreeSet<&'static str>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let mut rows = Rows { keys: HashMap::new(), whole: HashMap::new(), names: BTreeSet::new() };
    for line in include_str!("extensions.tsv").lines().skip(1) {
        let mut cells = line.split('\t');
        let (Some(name), Some(entities), Some(keys)) = (cells.next(), cells.next(), cells.next()) else { continue };
        rows.names.insert(name);
        for entity in entities.split(' ') {
            match keys {
                "-" => drop(rows.whole.insert(entity, name)),
                keys => rows.keys.extend(keys.split(' ').map(|key| ((entity, key), name))),
            }
        }
    }
    rows
});

/// Every extension of the table: what the rules of this program know.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.names.iter().copied()
}

/// What a declared object asks of a server, whole objects before their keys.
pub fn required(key: &Key, declared: &Declared) -> Vec<Required> {
    let Some(kind) = crate::kinds::find(key.kind.as_str()) else { return Vec::new() };
    let entities = kind.entities(&declared.spec);
    let field = kind.variants().map_or("name", |variants| variants.field);
    let mut found: Vec<Required> = whole(&entities, &[field], declared.spec.text(field), 0).into_iter().collect();
    let shared = declared.spec.config();
    found.extend(shared.iter().filter_map(|(name, value)| one(&entities, &["config"], name, value)));
    found.extend(declared.here.iter().filter_map(|(name, value)| one(&entities, &["config"], name, value)));
    for (member, own) in &declared.members {
        let path = ["members", member.as_str()];
        found.extend(own.iter().filter_map(|(name, value)| one(&entities, &path, name, value)));
    }
    for (name, device) in devices(declared) {
        found.extend(of_device(&name, &device));
    }
    found
}

fn of_device(name: &str, config: &Config) -> Vec<Required> {
    let entities = profile::entities_of(config);
    let path = ["devices", name];
    let field = ["nictype", "gputype"].into_iter().find(|field| config.value(field).is_some()).unwrap_or("type");
    let at = ["devices", name, field];
    let mut found: Vec<Required> =
        whole(&entities, &at, config.value(field).unwrap_or_default(), 2).into_iter().collect();
    found.extend(config.iter().filter_map(|(key, value)| one(&entities, &path, key, value)));
    found
}

fn devices(declared: &Declared) -> Vec<(String, Config)> {
    let devices = declared.spec.0.get("devices").and_then(|devices| devices.as_object());
    let read = |(name, value): (&String, &serde_json::Value)| {
        Some((name.clone(), serde_json::from_value::<Config>(value.clone()).ok()?))
    };
    devices.into_iter().flatten().filter_map(read).collect()
}

// With several entities it is not known which of them the object is: one that needs nothing settles it.
fn whole(entities: &[&'static str], path: &[&str], value: &str, depth: usize) -> Option<Required> {
    let any_of: Option<BTreeSet<_>> = entities.iter().map(|entity| ROWS.whole.get(entity).copied()).collect();
    let any_of = any_of.filter(|names| !names.is_empty())?;
    let field = path.last().copied().unwrap_or_default();
    let what = if value.is_empty() { "an object of this kind".to_owned() } else { format!("{field} `{value}`") };
    Some(Required { path: owned(path), what, any_of, whole: Some(depth) })
}

fn one(entities: &[&'static str], path: &[&str], name: &str, value: &str) -> Option<Required> {
    if value.is_empty() {
        return None;
    }
    let rows = entities.iter().filter_map(|entity| key_table::lookup(entity, name));
    let any_of: Option<BTreeSet<_>> = rows.map(|info| ROWS.keys.get(&(info.entity, info.key)).copied()).collect();
    let any_of = any_of.filter(|names| !names.is_empty())?;
    let mut path = owned(path);
    path.push(name.to_owned());
    Some(Required { path, what: format!("`{name}`"), any_of, whole: None })
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|step| (*step).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::tables::dialect::{Product, gap_of_key};
    use crate::model::Spec;

    fn declared(spec: serde_json::Value) -> Declared {
        let serde_json::Value::Object(spec) = spec else { panic!("an object") };
        Declared { spec: Spec(spec), ..Declared::default() }
    }

    fn shown(kind: &str, spec: serde_json::Value) -> Vec<String> {
        let row = |found: Required| {
            let names: Vec<&str> = found.any_of.into_iter().collect();
            format!("{} {} needs {}", found.path.join("/"), found.what, names.join(" or "))
        };
        required(&Key::new(kind, "a"), &declared(spec)).into_iter().map(row).collect()
    }

    #[test]
    fn every_row_names_entities_and_keys_of_the_table() {
        let known: BTreeSet<&str> = key_table::entities().collect();
        for line in include_str!("extensions.tsv").lines().skip(1) {
            assert_eq!(line.split('\t').count(), 3, "{line}");
            let cells: Vec<&str> = line.split('\t').collect();
            for entity in cells[1].split(' ') {
                assert!(known.contains(entity), "{line}");
                for key in cells[2].split(' ').filter(|key| *key != "-") {
                    assert!(key_table::keys_of(entity).any(|row| row.key == key), "{key} of {line}");
                }
            }
        }
        assert!(names().count() > 200);
    }

    #[test]
    fn a_key_that_lxd_5_0_has_came_with_an_extension_that_it_has() {
        let list: BTreeSet<&str> = include_str!("testdata/lxd-5.0.2-extensions.txt").lines().collect();
        let mut wrong = Vec::new();
        for ((entity, key), name) in ROWS.keys.iter().filter(|((_, key), _)| !key_table::is_pattern(key)) {
            let info = key_table::lookup(entity, key).expect("a key of the table");
            let lacks = gap_of_key(entity, key).is_some_and(|gap| gap.is_in(Product::Lxd50));
            if info.dialect != "incus" && list.contains(name) && lacks {
                wrong.push(format!("{entity} {key}: LXD 5.0 has {name}, and not the key"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    // What servers have answered when they were given each key; what they did not get as far as is left out.
    const ANSWERS: [(Product, &str, &str); 2] = [
        (
            Product::Incus,
            include_str!("testdata/incus-6.0.4-extensions.txt"),
            include_str!("testdata/incus-6.0.4-keys.tsv"),
        ),
        (Product::Lxd, include_str!("testdata/lxd-5.0.2-extensions.txt"), include_str!("testdata/lxd-5.0.2-keys.tsv")),
    ];

    #[test]
    fn servers_take_the_keys_that_they_name_the_extension_of_and_no_others() {
        let mut wrong = Vec::new();
        for (product, extensions, answers) in ANSWERS {
            let names: BTreeSet<&str> = extensions.lines().collect();
            for answer in answers.lines() {
                let cells: Vec<&str> = answer.split('\t').collect();
                let [entity, key, said] = cells[..] else { panic!("{answer}") };
                let row = key_table::keys_of(entity).find(|row| row.key == key).expect(answer);
                let gap = gap_of_key(entity, key);
                // No extension tells of these.
                let silent = ["storage-dir size", "instance boot.debug_edk2", "network-ovn ipv4.dhcp.ranges"];
                if silent.contains(&format!("{entity} {key}").as_str()) {
                    continue;
                }
                // The version of the server decides, not its extensions.
                if gap.is_some_and(|gap| gap.is_removed_from(product)) || row.dialect == "old" {
                    continue;
                }
                let lacks = gap.is_some_and(|gap| gap.is_in(product))
                    || ROWS.keys.get(&(row.entity, row.key)).is_some_and(|name| !names.contains(name))
                    || ROWS.whole.get(row.entity).is_some_and(|name| !names.contains(name));
                if lacks != (said == "unknown") {
                    wrong.push(format!("{product:?}: {answer}"));
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn objects_keys_and_devices_name_their_extensions() {
        let pool = serde_json::json!({"driver": "ceph", "config": {"ceph.rbd.du": "false", "source": "x"}});
        assert_eq!(
            shown("storage-pool", pool),
            ["driver driver `ceph` needs storage_driver_ceph", "config/ceph.rbd.du `ceph.rbd.du` needs ceph_rbd_du",]
        );
        let bridge = serde_json::json!({"type": "bridge", "config": {"bgp.peers.a.asn": "1", "ipv4.address": "auto"}});
        assert_eq!(
            shown("network", bridge),
            ["type type `bridge` needs network", "config/bgp.peers.a.asn `bgp.peers.a.asn` needs network_bgp",]
        );
        let profile = serde_json::json!({
            "config": {"limits.kernel.nofile": "9", "limits.cpu": "2", "security.nesting": ""},
            "devices": {
                "eth0": {"type": "nic", "nictype": "routed", "gvrp": "true"},
                "eth1": {"type": "nic", "network": "br0"},
                "root": {"type": "disk", "pool": "a", "path": "/", "io.cache": "none"},
            },
        });
        assert_eq!(
            shown("profile", profile),
            [
                "config/limits.kernel.nofile `limits.kernel.nofile` needs kernel_limits",
                "devices/eth0/nictype nictype `routed` needs container_nic_routed",
                "devices/eth0/gvrp `gvrp` needs network_gvrp",
                "devices/root/io.cache `io.cache` needs disk_io_cache",
            ]
        );
    }
}
