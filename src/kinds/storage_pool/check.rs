//! What is wrong with a storage pool by itself, and what cannot be changed once it exists.

use std::collections::BTreeMap;

use super::{DRIVERS, StoragePoolSpec};
use crate::kinds::registry::problem::Problem;
use crate::kinds::tables::{key_table, value};
use crate::model::{ByteSize, Config, Key, MemberName};

/// The smallest loop file in which the tools of a driver can make anything.
const SMALLEST: [(&str, ByteSize); 3] =
    [("btrfs", ByteSize::mib(16)), ("zfs", ByteSize::mib(64)), ("lvm", ByteSize::mib(16))];

/// Keys of all members that shape the pool when it is made.
const SHAPE: [&str; 4] =
    ["btrfs.create_options", "lvm.use_thinpool", "lvm.thinpool_metadata_size", "lvm.metadata_size"];

pub fn check(key: &Key, spec: &StoragePoolSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = name(&key.name).into_iter().chain(driver(&spec.driver)).collect();
    for (member, config) in members {
        let at = |key: &'static str| ["members", member.as_str(), key];
        problems.extend(source(spec, config, &at("source")));
        problems.extend(size(spec, config, &at("size")));
        problems.extend(system_group(spec, config, &at("source")));
        problems.extend(dataset(spec, config, &at("source")));
        for key in ["zfs.pool_name", "lvm.vg_name", "lvm.thinpool_name"] {
            problems.extend(tool_name(config, key, &at(key)));
        }
    }
    problems
}

fn name(name: &str) -> Option<Problem> {
    if name.contains('/') {
        return Some(Problem::at_value("SB018", &["name"], "storage pool names may not contain slashes"));
    }
    let text = match value::path_name_fault(name) {
        Some(fault) => format!("`{name}` cannot name a storage pool: {fault}"),
        None if name.starts_with('-') => format!("`{name}` cannot name a storage pool: it starts with a hyphen"),
        // A file of the member is named after the pool.
        None if name.len() > 200 => "the name of a storage pool may have 200 characters at most".to_owned(),
        None => return None,
    };
    Some(Problem::at_value("SB018", &["name"], text))
}

// Tools would take such a name for an option.
fn tool_name(config: &Config, key: &str, path: &[&str]) -> Option<Problem> {
    let name = config.value(key)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.+:/".contains(c);
    let is_good = !name.starts_with('-') && name.chars().all(allowed);
    (!is_good).then(|| Problem::at_value("SB026", path, format!("`{name}` is no name for the tools of the driver")))
}

fn driver(driver: &str) -> Option<Problem> {
    let names = || DRIVERS.iter().map(|(name, _)| *name);
    if driver.is_empty() {
        let problem = Problem::at_value("SB025", &["driver"], "a storage pool needs a driver");
        return Some(problem.helping("one of dir, btrfs, zfs and lvm"));
    }
    if names().any(|name| name == driver) {
        return None;
    }
    let problem = Problem::at_value("SB025", &["driver"], format!("unknown driver `{driver}`"));
    Some(match key_table::nearest(driver, names()) {
        Some(meant) => problem.noting(format!("did you mean `{meant}`?")),
        None => problem.helping("one of dir, btrfs, zfs and lvm"),
    })
}

fn source(spec: &StoragePoolSpec, config: &Config, path: &[&str]) -> Option<Problem> {
    let source = config.value("source")?;
    let wants_path = matches!(spec.driver.as_str(), "dir" | "btrfs");
    if wants_path && !source.starts_with('/') {
        let text = format!("the source `{source}` of a {} storage pool is not an absolute path", spec.driver);
        return Some(Problem::at_value("SB026", path, text));
    }
    if !source.starts_with('/') && matches!(spec.driver.as_str(), "zfs" | "lvm") {
        return tool_name(config, "source", path);
    }
    let is_dotted = source.starts_with('/') && source.split('/').any(|step| step == "..");
    is_dotted.then(|| Problem::at_value("SB026", path, format!("the source `{source}` leads upwards with `..`")))
}

// The source of a pool on a dataset is the dataset, and so is its name. LXD refuses two of them when the pool is made.
fn dataset(spec: &StoragePoolSpec, config: &Config, path: &[&str]) -> Option<Problem> {
    let value = |key: &str| config.value(key).or_else(|| spec.config.value(key));
    let (source, name) = value("source").filter(|source| !source.starts_with('/')).zip(value("zfs.pool_name"))?;
    let is_named = ["source", "zfs.pool_name"].iter().all(|key| tool_name(config, key, path).is_none());
    if spec.driver != "zfs" || source == name || !is_named {
        return None;
    }
    let text = format!("the source `{source}` and `zfs.pool_name` `{name}` name two datasets of one pool");
    Some(
        Problem::at_value("SB026", path, text).helping(format!("leave zfs.pool_name out, or write {source} there too")),
    )
}

// LXD says so only when the pool is made: `volume group "ubuntu-vg" is not empty`.
fn system_group(spec: &StoragePoolSpec, config: &Config, path: &[&str]) -> Option<Problem> {
    const OF_INSTALLERS: [&str; 8] = ["ubuntu-vg", "debian-vg", "fedora", "centos", "rhel", "rl", "almalinux", "pve"];
    let group = config.value("source").filter(|_| spec.driver == "lvm")?;
    let is_reused = [config, &spec.config].iter().any(|config| config.value("lvm.vg.force_reuse") == Some("true"));
    if is_reused || !OF_INSTALLERS.contains(&group) {
        return None;
    }
    let text = format!("`{group}` is the volume group that an installer puts the system on: a pool needs an empty one");
    let problem = Problem::at_value("SB028", path, text).as_warning();
    Some(problem.helping("name another volume group or a disk, or set lvm.vg.force_reuse: true to share it"))
}

fn size(spec: &StoragePoolSpec, config: &Config, path: &[&str]) -> Option<Problem> {
    let text = config.value("size")?;
    let size: ByteSize = text.parse().ok()?;
    if spec.driver == "dir" {
        let problem = Problem::at_key("SB027", path, "a dir storage pool has no size of its own: `size` does nothing");
        return Some(problem.as_warning());
    }
    let (_, smallest) = SMALLEST.iter().find(|(driver, _)| *driver == spec.driver)?;
    (size < *smallest).then(|| {
        let text = format!("a {} storage pool cannot be as small as {text}", spec.driver);
        Problem::at_value("SB027", path, text).noting(format!("at least {smallest}"))
    })
}

pub fn edit(old: &StoragePoolSpec, new: &StoragePoolSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if old.driver != new.driver {
        let text = format!("the driver of a storage pool cannot be changed from {} to {}", old.driver, new.driver);
        let problem = Problem::at_value("SB041", &["driver"], text);
        problems.push(problem.helping("make a pool with another name, and move the volumes there"));
    }
    for key in SHAPE {
        if old.config.value(key) != new.config.value(key) {
            let text = format!("`{key}` shapes a storage pool when it is made and cannot be changed afterwards");
            problems.push(Problem::at_value("SB041", &["config", key], text));
        }
    }
    problems
}

pub fn edit_local(spec: &StoragePoolSpec, old: &Config, new: &Config) -> Vec<Problem> {
    let size = |config: &Config| config.value("size").and_then(|text| text.parse::<ByteSize>().ok());
    match (size(old), size(new)) {
        (Some(from), Some(to)) if to < from && spec.driver != "dir" => {
            let text = format!("a storage pool can only grow: its size cannot go from {from} to {to}");
            vec![Problem::at_value("SB041", &["size"], text)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(driver: &str, config: Config) -> StoragePoolSpec {
        StoragePoolSpec { driver: driver.to_owned(), config, ..StoragePoolSpec::default() }
    }

    fn codes(name: &str, driver: &str, local: Config) -> Vec<&'static str> {
        let members = BTreeMap::from([(MemberName::from("node1"), local)]);
        let found = check(&Key::new("storage-pool", name), &pool(driver, Config::default()), &members);
        found.iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn sources_and_sizes_of_every_driver_are_accepted() {
        let cases = [
            ("dir", Config::from([("source", "/srv/pool")])),
            ("btrfs", Config::from([("size", "16MiB")])),
            ("btrfs", Config::from([("source", "/dev/vdb1")])),
            ("zfs", Config::from([("source", "tank/pool")])),
            ("lvm", Config::from([("source", "vg0")])),
            ("ceph", Config::default()),
        ];
        for (driver, config) in cases {
            assert!(codes("data", driver, config).is_empty(), "{driver}");
        }
    }

    #[test]
    fn everything_wrong_is_found_at_once() {
        let local = Config::from([("source", "srv"), ("size", "1MiB")]);
        assert_eq!(codes("a/b", "btrfs", local), ["SB018", "SB026", "SB027"]);
        assert_eq!(codes("..", "zsf", Config::default()), ["SB018", "SB025"]);
        assert_eq!(codes("data", "", Config::default()), ["SB025"]);
        assert_eq!(codes("data", "dir", Config::from([("source", "/srv/../etc")])), ["SB026"]);
        let options = Config::from([("source", "-rf"), ("zfs.pool_name", "a b")]);
        assert_eq!(codes("-data", "zfs", options), ["SB018", "SB026", "SB026"]);
    }

    #[test]
    fn a_zfs_pool_is_on_one_dataset() {
        let codes = |source, name| codes("data", "zfs", Config::from([("source", source), ("zfs.pool_name", name)]));
        assert_eq!(codes("tank/lxd", "tank"), ["SB026"]);
        assert_eq!(codes("tank/lxd", "tank/lxd"), [""; 0]);
        assert_eq!(codes("/dev/sdb", "tank"), [""; 0]);
    }

    #[test]
    fn the_driver_that_was_probably_meant_is_named() {
        assert_eq!(driver("brtfs").and_then(|problem| problem.note).as_deref(), Some("did you mean `btrfs`?"));
    }

    #[test]
    fn what_shapes_a_pool_stays_and_the_rest_may_change() {
        let old = pool("lvm", Config::from([("lvm.use_thinpool", "true")]));
        let new = pool("dir", Config::from([("lvm.use_thinpool", "false"), ("rsync.bwlimit", "10MB")]));
        let paths: Vec<String> = edit(&old, &new).iter().map(|problem| problem.path.join("/")).collect();
        assert_eq!(paths, ["driver", "config/lvm.use_thinpool"]);
        let described = StoragePoolSpec { description: "fast".to_owned(), ..old.clone() };
        assert!(edit(&old, &described).is_empty());
    }

    #[test]
    fn a_pool_grows_and_never_shrinks() {
        let size = |text| Config::from([("size", text)]);
        let spec = pool("btrfs", Config::default());
        assert!(edit_local(&spec, &size("5GiB"), &size("6GiB")).is_empty());
        assert!(edit_local(&spec, &size("5GiB"), &size("5120MiB")).is_empty());
        assert!(edit_local(&spec, &size("5GiB"), &Config::default()).is_empty());
        assert_eq!(edit_local(&spec, &size("5GiB"), &size("5GB")).len(), 1);
    }
}
