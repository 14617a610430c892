//! What the keys of one device, or the devices of one profile, say to each other. LXD and Incus refuse the same.

use std::collections::BTreeMap;

use crate::kinds::registry::problem::Problem;
use crate::kinds::tables::value::read_bool;
use crate::model::Config;

/// What is wrong with the name of a device.
pub fn name(name: &str) -> Option<Problem> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-:_".contains(&byte);
    let fault = match name.len() {
        0 => "it is empty",
        64.. => "it is longer than 63 characters",
        _ if name.starts_with('.') => "it starts with a dot",
        _ if !name.bytes().all(is_known) => "only letters, digits and / . - : _ are allowed",
        _ => return None,
    };
    Some(Problem::at_key("SB018", &["devices", name], format!("`{name}` cannot name a device: {fault}")))
}

/// What is wrong between the keys of a disk.
pub fn disk(name: &str, config: &Config) -> Vec<Problem> {
    let has = |key: &str| config.value(key).is_some();
    let is_root = config.value("path") == Some("/");
    let at = |key: &str, text: String| Problem::at_key("SB022", &["devices", name, key], text);
    let mut problems: Vec<Problem> = source(config).map(|text| at("source", text)).into_iter().collect();
    if !is_root {
        let of_root = config.keys().filter(|key| matches!(key.as_str(), "size" | "size.state"));
        problems.extend(of_root.filter(|key| has(key)).map(|key| {
            at(key, format!("`{key}` limits the root disk alone: the size of a volume is set at the volume"))
        }));
    }
    if has("pool") && has("shift") {
        let text = "`shift` is for directories of the host: a volume has security.shifted".to_owned();
        problems.push(at("shift", text));
    }
    if has("required") && has("optional") {
        problems.push(at("optional", "`required` and `optional` say the same: keep `required`".to_owned()));
    }
    let is_true = |key: &str| config.value(key).and_then(read_bool) == Some(true);
    if has("recursive") && (is_root || has("pool")) {
        problems.push(at("recursive", "`recursive` is for directories of the host alone".to_owned()));
    } else if is_true("recursive") && is_true("readonly") {
        problems.push(at("recursive", "the kernel cannot mount `recursive` and `readonly` at once".to_owned()));
    }
    let is_ceph =
        config.value("source").is_some_and(|source| source.starts_with("ceph:") || source.starts_with("cephfs:"));
    let of_ceph = ["ceph.cluster_name", "ceph.user_name"].into_iter().filter(|key| has(key) && !is_ceph);
    problems.extend(of_ceph.map(|key| at(key, format!("`{key}` needs a source that starts with ceph: or cephfs:"))));
    problems
}

// Special disks have names instead of paths.
fn source(config: &Config) -> Option<String> {
    let source = config.value("source").filter(|_| config.value("path") != Some("/"))?;
    let is_special = ["ceph:", "cephfs:", "cloud-init:", "agent:", "tmpfs:", "tmpfs-overlay:"]
        .iter()
        .any(|start| source.starts_with(start));
    match (config.value("pool"), source.starts_with('/')) {
        (Some(_), true) => Some(format!("the volume `{source}` is named without a path: `pool` says where it is")),
        (None, false) if !is_special => {
            Some(format!("the source `{source}` is no absolute path; a volume also needs its `pool`"))
        }
        _ => None,
    }
}

/// What is wrong between the keys of a unix-char or unix-block device.
pub fn unix(name: &str, config: &Config) -> Option<Problem> {
    match (config.value("source"), config.value("path")) {
        (None, None) => {
            let text = format!("device `{name}` needs `source` or `path`");
            Some(Problem::at_value("SB022", &["devices", name], text))
        }
        (Some(source), _) if !source.starts_with("/dev/") => {
            let text = format!("the source `{source}` is no device: it must be below /dev");
            Some(Problem::at_value("SB022", &["devices", name, "source"], text))
        }
        _ => None,
    }
}

/// What is wrong between the keys of a GPU.
pub fn gpu(name: &str, config: &Config) -> Vec<Problem> {
    let given =
        |keys: &[&'static str]| keys.iter().copied().filter(|key| config.value(key).is_some()).collect::<Vec<_>>();
    let by_place = given(&["pci", "id"]);
    let by_kind = given(&["productid", "vendorid"]);
    let mut problems = Vec::new();
    if by_place.len() > 1 || !by_place.is_empty() && !by_kind.is_empty() {
        let all = [by_place, by_kind].concat();
        let text = format!("device `{name}`: {} all say which GPU it is: keep one", all.join(" and "));
        problems.push(Problem::at_key("SB022", &["devices", name, all[0]], text));
    }
    if config.value("gputype") == Some("mig") {
        let by_number = given(&["mig.gi", "mig.ci"]);
        let fits = if config.value("mig.uuid").is_some() { by_number.is_empty() } else { by_number.len() == 2 };
        let text = format!("device `{name}` needs `mig.uuid`, or both `mig.gi` and `mig.ci`");
        problems.extend((!fits).then(|| Problem::at_value("SB022", &["devices", name], text)));
    }
    problems
}

/// What is wrong between the keys of an interface that is routed: routes lead to its own address.
pub fn routed(name: &str, config: &Config) -> Vec<Problem> {
    let pairs = [("ipv4.routes", "ipv4.address"), ("ipv6.routes", "ipv6.address")];
    let lonely =
        pairs.into_iter().filter(|(routes, address)| config.value(routes).is_some() && config.value(address).is_none());
    let problem = |(routes, address): (&str, &str)| {
        let text = format!("`{routes}` needs `{address}`: they lead to it");
        Problem::at_key("SB022", &["devices", name, routes], text)
    };
    lonely.map(problem).collect()
}

/// Two interfaces of an instance cannot have one name.
pub fn interface_names(devices: &BTreeMap<String, Config>) -> Vec<Problem> {
    let mut seen: BTreeMap<&str, &String> = BTreeMap::new();
    let mut problems = Vec::new();
    for (device, config) in devices.iter().filter(|(_, config)| config.value("type") == Some("nic")) {
        let Some(name) = config.value("name") else { continue };
        match seen.get(name) {
            Some(first) => {
                let text = format!("two interfaces with one name: `{first}` and `{device}` are both `{name}`");
                problems.push(Problem::at_value("SB022", &["devices", device, "name"], text));
            }
            None => drop(seen.insert(name, device)),
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn names_of_devices_are_plain() {
        for good in ["eth0", "root", "a/b", "usb:1", "with-dash_and.dot"] {
            assert_eq!(name(good), None, "{good}");
        }
        for bad in ["", "a b", ".hidden", "é", &"x".repeat(64)] {
            assert!(name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn disks_of_the_host_have_paths_and_volumes_have_pools() {
        let count = |pairs: &[(&str, &str)]| disk("d", &config(pairs)).len();
        assert_eq!(count(&[("source", "/srv"), ("path", "/srv"), ("recursive", "true")]), 0);
        assert_eq!(count(&[("source", "vol"), ("pool", "p"), ("path", "/srv")]), 0);
        assert_eq!(count(&[("source", "ceph:a/b"), ("path", "/srv"), ("ceph.user_name", "x")]), 0);
        assert_eq!(count(&[("path", "/"), ("pool", "p"), ("size", "10GiB")]), 0);
        for bad in [
            &[("source", "relative/path"), ("path", "/srv")][..],
            &[("source", "/srv"), ("pool", "p"), ("path", "/srv")],
            &[("source", "vol"), ("pool", "p"), ("path", "/srv"), ("shift", "true")],
            &[("source", "/srv"), ("path", "/srv"), ("size", "10GiB")],
            &[("source", "/srv"), ("path", "/srv"), ("required", "true"), ("optional", "true")],
            &[("source", "/srv"), ("path", "/srv"), ("recursive", "true"), ("readonly", "true")],
            &[("source", "/srv"), ("path", "/srv"), ("ceph.user_name", "x")],
        ] {
            assert_eq!(count(bad), 1, "{bad:?}");
        }
    }

    #[test]
    fn devices_of_the_host_are_below_dev() {
        assert_eq!(unix("c", &config(&[("path", "/dev/x")])), None);
        assert_eq!(unix("c", &config(&[("source", "/dev/ttyS0")])), None);
        assert!(unix("c", &config(&[])).is_some());
        assert!(unix("c", &config(&[("source", "/etc/passwd"), ("path", "/dev/x")])).is_some());
    }

    #[test]
    fn a_gpu_is_named_in_one_way() {
        let count = |pairs: &[(&str, &str)]| gpu("g", &config(pairs)).len();
        assert_eq!(count(&[("vendorid", "10de"), ("productid", "0403")]), 0);
        assert_eq!(count(&[("pci", "01:00.0"), ("id", "0")]), 1);
        assert_eq!(count(&[("pci", "01:00.0"), ("vendorid", "10de")]), 1);
        assert_eq!(count(&[("gputype", "mig"), ("mig.gi", "1")]), 1);
        assert_eq!(count(&[("gputype", "mig"), ("mig.gi", "1"), ("mig.ci", "1")]), 0);
    }

    #[test]
    fn routes_lead_to_an_address() {
        assert_eq!(routed("e", &config(&[("ipv4.routes", "10.0.0.0/24")])).len(), 1);
        assert_eq!(routed("e", &config(&[("ipv4.routes", "10.0.0.0/24"), ("ipv4.address", "10.1.0.1")])).len(), 0);
    }

    #[test]
    fn interfaces_have_names_of_their_own() {
        let nic = config(&[("type", "nic"), ("name", "eth0")]);
        let two = BTreeMap::from([("a".to_owned(), nic.clone()), ("b".to_owned(), nic.clone())]);
        assert_eq!(interface_names(&two).len(), 1);
        assert_eq!(interface_names(&BTreeMap::from([("a".to_owned(), nic)])).len(), 0);
    }
}
