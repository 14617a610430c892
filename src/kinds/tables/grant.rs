//! What a source must be given by hand: keys and sections with which a commit would run programs, write files, or let
//! somebody in. Whoever may commit to a repository is not thereby root on every member.
//!
//! The one list of them, for all kinds; `plan` weighs by it whatever is declared in the name of a source.

use super::{key_table, value};
use crate::kinds::registry::problem::Problem;
use crate::model::{Config, Declared, Key, Spec};

/// A key whose holder may do more than the section that it stands in.
struct Mighty {
    /// The kind of the object.
    kind: &'static str,
    /// The configuration key, as the key table writes patterns; empty for an object of this kind as a whole.
    key: &'static str,
    /// What it comes to, in a clause.
    why: &'static str,
}

const MIGHTY: &[Mighty] = &[
    mighty("config", "core.trust_password", "lets in whoever knows it"),
    mighty("config", "core.trust_ca_certificates", "lets in whoever that authority knows"),
    mighty("config", "candid.*", "lets in whoever that server knows"),
    mighty("config", "rbac.*", "lets in whoever that server knows"),
    mighty("config", "oidc.*", "lets in whoever that server knows"),
    mighty("config", "authorization.*", "decides who may do what"),
    mighty("config", "openfga.*", "decides who may do what"),
    mighty("network", "raw.*", "is handed to a program that runs as root"),
    mighty("profile", "raw.*", "is handed to what runs an instance as root"),
    mighty("storage-pool", "source.wipe", "empties a disk, whatever is on it"),
    mighty("storage-pool", "linstor.raw.*", "is handed to LINSTOR as it is"),
    mighty("source", "", "applies what stands elsewhere"),
    mighty("certificate", "", "lets in whoever holds its key"),
];

const fn mighty(kind: &'static str, key: &'static str, why: &'static str) -> Mighty {
    Mighty { kind, key, why }
}

impl Mighty {
    fn is(&self, kind: &str, key: &str) -> bool {
        self.kind == kind && !self.key.is_empty() && key_table::matches_pattern(self.key, key)
    }
}

/// Everything in a declared object that a source must be given by hand, as `SB195`.
pub fn weigh(key: &Key, declared: &Declared) -> Vec<Problem> {
    let kind = key.kind.as_str();
    let whole = MIGHTY.iter().find(|mighty| mighty.kind == kind && mighty.key.is_empty());
    if let Some(whole) = whole {
        return vec![problem(&[], &format!("a {kind}"), whole.why)];
    }
    let mut problems = in_config(kind, &["config"], &declared.spec.config());
    problems.extend(in_config(kind, &["config"], &declared.here));
    for (member, own) in &declared.members {
        problems.extend(in_config(kind, &["members", member.as_str()], own));
    }
    for (device, own) in devices(&declared.spec) {
        problems.extend(in_config(kind, &["devices", &device], &own));
    }
    problems
}

fn in_config(kind: &str, at: &[&str], config: &Config) -> Vec<Problem> {
    let weighed = config.iter().filter_map(|(key, value)| {
        let mighty = MIGHTY.iter().find(|mighty| mighty.is(kind, key)).filter(|_| !is_off(value))?;
        let path: Vec<&str> = at.iter().copied().chain([key.as_str()]).collect();
        Some(problem(&path, &format!("`{key}`"), mighty.why))
    });
    weighed.collect()
}

fn is_off(value: &str) -> bool {
    value.is_empty() || value::read_bool(value) == Some(false)
}

fn devices(spec: &Spec) -> Vec<(String, Config)> {
    let devices = spec.0.get("devices").and_then(|devices| devices.as_object());
    let read = |(name, device): (&String, &serde_json::Value)| {
        Some((name.clone(), serde_json::from_value::<Config>(device.clone()).ok()?))
    };
    devices.into_iter().flatten().filter_map(read).collect()
}

fn problem(path: &[&str], what: &str, why: &str) -> Problem {
    Problem::at_key(
        "SB195",
        path,
        format!("{what} {why}: a source may not declare it unless it was given that by hand"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds;

    #[test]
    fn every_raw_and_wiping_key_of_the_table_is_weighed() {
        let kind_of = |entity: &str| match entity.split('-').next() {
            Some("network") => "network",
            Some("instance" | "device") => "profile",
            Some("storage") => "storage-pool",
            Some("server") => "config",
            _ => "",
        };
        let is_mighty = |key: &str| key.split('.').any(|step| matches!(step, "raw" | "wipe" | "trust_password"));
        // Volumes are not declared by any kind yet.
        let entities = key_table::entities().filter(|entity| !entity.starts_with("storage-volume"));
        let rows = entities.flat_map(key_table::keys_of).filter(|row| is_mighty(row.key));
        let missed: Vec<String> = rows
            .filter(|row| !MIGHTY.iter().any(|mighty| mighty.is(kind_of(row.entity), &row.key.replace(".*", ".x"))))
            .map(|row| format!("{} {}", row.entity, row.key))
            .collect();
        assert_eq!(missed, [""; 0]);
    }

    #[test]
    fn every_row_speaks_of_a_kind_and_a_key_that_there_is() {
        for Mighty { kind, key, .. } in MIGHTY {
            assert!(kinds::find(kind).is_some(), "{kind}");
            let known = |row: &key_table::KeyInfo| key_table::matches_pattern(key, row.key);
            let is_known = key.is_empty() || key_table::entities().flat_map(key_table::keys_of).any(known);
            assert!(is_known, "{kind} {key}");
        }
    }

    #[test]
    fn keys_are_found_wherever_they_stand_and_empty_ones_are_nothing() {
        let paths = |kind: &str, spec: serde_json::Value, members: serde_json::Value| {
            let spec = serde_json::from_value(spec).expect("a spec");
            let members = serde_json::from_value(members).expect("keys of members");
            let declared = Declared { spec, members, ..Declared::default() };
            let problems = weigh(&Key::new(kind, "x"), &declared);
            problems.iter().map(|problem| problem.path.join(".")).collect::<Vec<_>>()
        };
        let config = json!({"config": {"raw.dnsmasq": "log-queries", "ipv4.nat": "true"}});
        assert_eq!(paths("network", config, json!({})), ["config.raw.dnsmasq"]);
        assert_eq!(paths("network", json!({"config": {"raw.dnsmasq": ""}}), json!({})), [""; 0]);
        let wipe = |value: &str| json!({"node2": {"source.wipe": value}});
        assert_eq!(paths("storage-pool", json!({}), wipe("true")), ["members.node2.source.wipe"]);
        assert_eq!(paths("storage-pool", json!({}), wipe("false")), [""; 0]);
        let devices = json!({"devices": {"root": {"type": "disk", "raw.mount.options": "dev"}}});
        assert_eq!(paths("profile", devices, json!({})), ["devices.root.raw.mount.options"]);
        assert_eq!(paths("source", json!({"git": "file:///x"}), json!({})), [""]);
    }
}
