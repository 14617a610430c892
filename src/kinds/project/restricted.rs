//! What a project with `restricted: true` forbids to the profiles in it. The rules and their texts are those of LXD 5.0.2, as
//! it was seen to answer.

use std::collections::BTreeMap;

use crate::kinds::registry::problem::Problem;
use crate::kinds::tables::value;
use crate::model::Config;

/// What may do harm to the host. A profile serves containers and virtual machines: both must be allowed it.
const LOW_LEVEL: [&str; 15] = [
    "boot.host_shutdown_timeout",
    "limits.memory.hugepages",
    "linux.kernel_modules",
    "raw.apparmor",
    "raw.idmap",
    "raw.lxc",
    "raw.qemu",
    "raw.seccomp",
    "security.devlxd.images",
    "security.idmap.base",
    "security.idmap.size",
    "security.syscalls.intercept.mount.allowed",
    "security.syscalls.intercept.mount.shift",
    "security.syscalls.intercept.sched_setscheduler",
    "security.syscalls.intercept.sysinfo",
];
/// Calls that the host answers for a container, once that is allowed.
const INTERCEPTIONS: &str = "security.syscalls.intercept.";

/// Devices that are forbidden unless the project allows their type, with what LXD calls them.
const DEVICES: [(&str, &str); 8] = [
    ("gpu", "GPU"),
    ("infiniband", "Infiniband"),
    ("pci", "PCI"),
    ("proxy", "Proxy"),
    ("unix-block", "Unix block"),
    ("unix-char", "Unix character"),
    ("unix-hotplug", "Unix hotplug"),
    ("usb", "USB"),
];

/// Everything in a profile that the project forbids. Paths are within the profile.
pub fn forbidden(project: &Config, config: &Config, devices: &BTreeMap<String, Config>) -> Vec<Problem> {
    if project.value("restricted").and_then(value::read_bool) != Some(true) {
        return Vec::new();
    }
    let project = Restrictions(project);
    let keys = config.iter().filter(|(_, value)| !value.is_empty());
    let of_keys = keys.filter_map(|(key, value)| Some(problem(&["config", key], project.of_key(key, value)?)));
    let of_devices = devices.iter().filter_map(|(name, device)| {
        Some(problem(&["devices", name], format!("Invalid device {name:?}: {}", project.of_device(device)?)))
    });
    of_keys.chain(of_devices).collect()
}

fn problem(path: &[&str], text: String) -> Problem {
    Problem::at_value("SB073", path, format!("{text} in this project"))
        .helping("the project is restricted: see its restricted.* keys")
}

struct Restrictions<'a>(&'a Config);

impl Restrictions<'_> {
    fn allows(&self, name: &str) -> bool {
        self.0.value(&format!("restricted.{name}")) == Some("allow")
    }

    fn of_key(&self, key: &str, value: &str) -> Option<String> {
        let is_on = value::read_bool(value) == Some(true);
        let forbidden = |what: &str| Some(format!("Invalid value {value:?} for config {key:?}: {what}"));
        let privilege = self.0.value("restricted.containers.privilege").unwrap_or("unprivileged");
        let goes_low = self.allows("containers.lowlevel") && self.allows("virtual-machines.lowlevel");
        if LOW_LEVEL.contains(&key) && !goes_low {
            return Some(format!("Use of low-level config {key:?} is forbidden"));
        }
        match key {
            "security.nesting" if is_on && !self.allows("containers.nesting") => {
                forbidden("Container nesting is forbidden")
            }
            "security.privileged" if is_on && privilege != "allow" => forbidden("Privileged containers are forbidden"),
            "security.idmap.isolated" if !is_on && privilege == "isolated" => {
                forbidden("Non-isolated containers are forbidden")
            }
            _ if key.starts_with(INTERCEPTIONS) && is_on && !self.intercepts() => {
                forbidden("Container syscall interception is forbidden")
            }
            _ => None,
        }
    }

    fn intercepts(&self) -> bool {
        matches!(self.0.value("restricted.containers.interception"), Some("allow" | "full"))
    }

    fn of_device(&self, device: &Config) -> Option<String> {
        match device.value("type").unwrap_or_default() {
            "disk" => self.of_disk(device),
            "nic" => self.of_nic(device),
            other => {
                let (name, spoken) = DEVICES.iter().find(|(name, _)| *name == other)?;
                (!self.allows(&format!("devices.{name}"))).then(|| format!("{spoken} devices are forbidden"))
            }
        }
    }

    fn of_disk(&self, device: &Config) -> Option<String> {
        let source = device.value("source").unwrap_or_default();
        let is_root = device.value("path") == Some("/") && device.value("pool").is_some() && source.is_empty();
        // What the daemon itself makes for an instance.
        if is_root || source == "cloud-init:config" {
            return None;
        }
        match self.0.value("restricted.devices.disk").unwrap_or("managed") {
            "block" => Some("Disk devices are forbidden".to_owned()),
            "managed" if device.value("pool").is_none() => {
                Some("Attaching disks not backed by a pool is forbidden".to_owned())
            }
            "allow" => {
                let paths = self.0.value("restricted.devices.disk.paths")?;
                let is_below =
                    |path: &str| source == path || source.starts_with(&format!("{}/", path.trim_end_matches('/')));
                let is_allowed = paths.split(',').map(str::trim).any(is_below);
                (!is_allowed).then(|| format!("Disk source path {source:?} not allowed"))
            }
            _ => None,
        }
    }

    fn of_nic(&self, device: &Config) -> Option<String> {
        let network = device.value("network");
        match self.0.value("restricted.devices.nic").unwrap_or("managed") {
            "block" => return Some("Network devices are forbidden".to_owned()),
            "managed" if network.is_none() => return Some("Only managed network devices are allowed".to_owned()),
            _ => {}
        }
        let used = network.or(device.value("parent"))?;
        let access = self.0.value("restricted.networks.access")?;
        let is_allowed = access.split(',').any(|name| name.trim() == used);
        (!is_allowed).then(|| "Network not allowed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(project: &[(&str, &str)], config: &[(&str, &str)], device: &[(&str, &str)]) -> Vec<String> {
        let mut restricted: Config = project.iter().copied().collect();
        restricted.insert("restricted".to_owned(), "true".to_owned());
        let devices: BTreeMap<String, Config> = match device {
            [] => BTreeMap::new(),
            keys => [("d".to_owned(), keys.iter().copied().collect())].into_iter().collect(),
        };
        forbidden(&restricted, &config.iter().copied().collect(), &devices).into_iter().map(|it| it.message).collect()
    }

    /// What LXD 5.0.2 answered to the same profile in a project of its own.
    #[test]
    fn keys_are_forbidden_as_lxd_forbids_them() {
        let both = [("restricted.containers.lowlevel", "allow"), ("restricted.virtual-machines.lowlevel", "allow")];
        let allowed =
            |project: &[(&str, &str)], key: &str, value: &str| found(project, &[(key, value)], &[]).is_empty();
        for key in ["linux.kernel_modules", "raw.apparmor", "raw.idmap", "raw.lxc", "raw.seccomp", "raw.qemu"] {
            assert!(!allowed(&[], key, "x") && allowed(&both, key, "x"), "{key}");
            assert!(!allowed(&both[1..], key, "x") && !allowed(&both[..1], key, "x"), "{key}");
        }
        for key in ["limits.cpu", "user.x", "boot.autostart", "limits.memory.swap", "nvidia.runtime", "security.devlxd"]
        {
            assert!(allowed(&[], key, "true"), "{key}");
        }
        let privilege = "restricted.containers.privilege";
        for (project, key, value, expected) in [
            (None, "security.privileged", "true", false),
            (None, "security.privileged", "false", true),
            (Some((privilege, "allow")), "security.privileged", "true", true),
            (Some((privilege, "isolated")), "security.idmap.isolated", "false", false),
            (Some((privilege, "isolated")), "security.idmap.isolated", "true", true),
            (None, "security.nesting", "true", false),
            (Some(("restricted.containers.nesting", "allow")), "security.nesting", "true", true),
            (None, "security.syscalls.intercept.mknod", "true", false),
            (Some(("restricted.containers.interception", "allow")), "security.syscalls.intercept.mount", "true", true),
            (
                Some(("restricted.containers.interception", "allow")),
                "security.syscalls.intercept.mount.allowed",
                "ext4",
                false,
            ),
        ] {
            let project: Vec<_> = project.into_iter().collect();
            assert_eq!(allowed(&project, key, value), expected, "{project:?} {key}={value}");
        }
    }

    #[test]
    fn devices_are_forbidden_as_lxd_forbids_them() {
        let (disk, nic) = ("restricted.devices.disk", "restricted.devices.nic");
        let root: &[(&str, &str)] = &[("type", "disk"), ("path", "/"), ("pool", "pp")];
        let volume: &[(&str, &str)] = &[("type", "disk"), ("path", "/data"), ("pool", "pp"), ("source", "vol")];
        let of_host: &[(&str, &str)] = &[("type", "disk"), ("path", "/h"), ("source", "/srv/x")];
        let etc: &[(&str, &str)] = &[("type", "disk"), ("path", "/h"), ("source", "/etc")];
        let made: &[(&str, &str)] = &[("type", "disk"), ("source", "cloud-init:config")];
        let managed: &[(&str, &str)] = &[("type", "nic"), ("network", "rb")];
        let bridged: &[(&str, &str)] = &[("type", "nic"), ("nictype", "bridged"), ("parent", "rb")];
        let p2p: &[(&str, &str)] = &[("type", "nic"), ("nictype", "p2p")];
        let paths: &[(&str, &str)] = &[(disk, "allow"), ("restricted.devices.disk.paths", "/srv,/opt/a")];
        let access = ("restricted.networks.access", "rc");
        for (project, device, expected) in [
            (&[][..], root, true),
            (&[], volume, true),
            (&[], of_host, false),
            (&[], made, true),
            (&[(disk, "block")], root, true),
            (&[(disk, "block")], volume, false),
            (&[(disk, "allow")], etc, true),
            (paths, root, true),
            (paths, volume, false),
            (paths, of_host, true),
            (paths, etc, false),
            (&[], managed, true),
            (&[], bridged, false),
            (&[], p2p, false),
            (&[(nic, "block")], managed, false),
            (&[(nic, "allow")], bridged, true),
            (&[access], managed, false),
            (&[(nic, "allow"), access], bridged, false),
            (&[(nic, "allow"), access], p2p, true),
        ] {
            assert_eq!(found(project, &[], device).is_empty(), expected, "{project:?} {device:?}");
        }
        for (device, _) in DEVICES {
            assert!(!found(&[], &[], &[("type", device)]).is_empty(), "{device}");
            let allow = format!("restricted.devices.{device}");
            assert!(found(&[(&allow, "allow")], &[], &[("type", device)]).is_empty(), "{device}");
        }
        assert!(found(&[], &[], &[("type", "none")]).is_empty() && found(&[], &[], &[("type", "tpm")]).is_empty());
    }
}
