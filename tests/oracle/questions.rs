//! How a server is asked about one key: where an object with it is stored, and what else the object needs.

use std::collections::BTreeMap;

use seedbed::kinds;
use seedbed::kinds::tables::dialect::{Product, gap_of_key, gap_of_value};
use seedbed::kinds::tables::key_table;
use seedbed::model::{Config, Key, MemberName, Severity, Spec};
use serde_json::{Map, Value, json};

use crate::server::Server;

/// What a server says of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is stored.
    Taken,
    /// It is not, for its form or for what the server is.
    Refused(String),
    /// The server could not do it on this host, which says nothing of the value.
    Hindered(String),
    /// The server does not know the key at all.
    Unknown,
}

/// The keys that a server can be asked about, by entity. What it needs hardware, other servers or other drivers for
/// is left out: an answer would speak of them.
pub fn keys() -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    for entity in key_table::entities().filter(|entity| place(entity, "").is_some()) {
        let of_volumes = entity.strip_prefix("storage-").map(|driver| format!("storage-volume-{driver}"));
        let volumes = of_volumes.into_iter().flat_map(|name| {
            let name: Option<&'static str> = key_table::entities().find(|entity| *entity == name);
            name.into_iter().flat_map(key_table::keys_of).map(|row| format!("volume.{}", row.key))
        });
        let own = key_table::keys_of(entity).map(|row| row.key.to_owned());
        keys.extend(own.chain(volumes).filter(|key| is_asked(entity, key)).map(|key| (entity, key)));
    }
    keys
}

/// The words that the table names for a key.
pub fn words(entity: &str, key: &str) -> impl Iterator<Item = String> {
    let row = key_table::keys_of(entity).find(|row| row.key == key).or_else(|| key_table::lookup(entity, key));
    row.into_iter().flat_map(|row| row.words()).map(str::to_owned)
}

fn is_asked(entity: &str, key: &str) -> bool {
    let outside = [
        "maas.",
        "candid.",
        "rbac.",
        "acme.",
        "oidc.",
        "openfga.",
        "loki.",
        "logging.",
        "network.ovn.",
        "storage.linstor.",
        "authorization.",
        "volatile.",
    ];
    let is_outside = outside
        .iter()
        .any(|start| key.starts_with(start) || key.strip_prefix("volume.").is_some_and(|key| key.starts_with(start)));
    // Pools exist before they are asked about.
    let is_made = entity.starts_with("storage-") && matches!(key, "source" | "size" | "source.wipe" | "source.recover");
    let decides = matches!(
        key,
        "features.images"
            | "features.profiles"
            | "features.networks"
            | "features.networks.zones"
            | "features.storage.volumes"
            | "features.storage.buckets"
    );
    let is_decided = entity == "project" && decides;
    // The database of a server that has another address there is out of its reach.
    let is_fatal = key == "cluster.https_address";
    !is_outside && !is_made && !is_decided && !is_fatal
}

/// A key as it is written, with a name for each step that stands for any.
pub fn written(key: &str) -> String {
    let step = |step: &str| match step {
        "*" => "thing".to_owned(),
        step if key_table::is_name_step(step) => "one".to_owned(),
        step => step.to_owned(),
    };
    key.split('.').map(step).collect::<Vec<_>>().join(".")
}

enum Place {
    Server,
    Member,
    Project,
    Profile,
    Device(Value),
    Network(&'static str),
    Pool(&'static str),
}

fn place(entity: &str, key: &str) -> Option<Place> {
    // Some keys are only looked at beside others.
    let beside = match (entity, key) {
        ("device-disk", "size" | "size.state" | "initial.*" | "initial.thing") => {
            Some(json!({"type": "disk", "path": "/", "pool": "odir"}))
        }
        ("device-disk", "pool") => Some(json!({"type": "disk", "path": "/"})),
        ("device-disk", "ceph.cluster_name" | "ceph.user_name") => {
            Some(json!({"type": "disk", "path": "/mnt", "source": "ceph:a/b"}))
        }
        ("device-proxy", "uid" | "gid" | "mode") => {
            Some(json!({"type": "proxy", "listen": "unix:/run/a.sock", "connect": "tcp:127.0.0.1:80"}))
        }
        ("device-nic-ipvlan", "ipv4.address" | "ipv6.address" | "ipv4.gateway" | "ipv6.gateway") => {
            Some(json!({"type": "nic", "nictype": "ipvlan", "parent": "lo", "mode": "l2"}))
        }
        _ => None,
    };
    if let Some(device) = beside {
        return Some(Place::Device(device));
    }
    Some(match entity {
        "server" => Place::Server,
        "cluster" => Place::Member,
        "project" => Place::Project,
        "instance" => Place::Profile,
        "network-bridge" => Place::Network("bridge"),
        "network-macvlan" => Place::Network("macvlan"),
        "network-physical" => Place::Network("physical"),
        "network-sriov" => Place::Network("sriov"),
        "storage-dir" => Place::Pool("dir"),
        "device-disk" => Place::Device(json!({"type": "disk", "path": "/mnt", "source": "/tmp"})),
        "device-proxy" => {
            Place::Device(json!({"type": "proxy", "listen": "tcp:127.0.0.1:80", "connect": "tcp:127.0.0.1:80"}))
        }
        "device-tpm" => Place::Device(json!({"type": "tpm", "path": "/dev/tpm0", "pathrm": "/dev/tpmrm0"})),
        "device-pci" => Place::Device(json!({"type": "pci", "address": "0000:01:00.0"})),
        "device-unix-char" => Place::Device(json!({"type": "unix-char", "path": "/dev/null"})),
        "device-unix-block" => Place::Device(json!({"type": "unix-block", "path": "/dev/sda"})),
        "device-unix-hotplug" => Place::Device(json!({"type": "unix-hotplug", "vendorid": "0403"})),
        "device-usb" => Place::Device(json!({"type": "usb"})),
        "device-infiniband" => Place::Device(json!({"type": "infiniband", "nictype": "physical", "parent": "ib0"})),
        "device-gpu-physical" => Place::Device(json!({"type": "gpu", "gputype": "physical"})),
        "device-gpu-mdev" => Place::Device(json!({"type": "gpu", "gputype": "mdev", "mdev": "i915-1"})),
        "device-gpu-mig" => Place::Device(json!({"type": "gpu", "gputype": "mig", "mig.ci": "0", "mig.gi": "0"})),
        "device-gpu-sriov" => Place::Device(json!({"type": "gpu", "gputype": "sriov"})),
        "device-nic-p2p" => Place::Device(json!({"type": "nic", "nictype": "p2p"})),
        "device-nic-routed" => Place::Device(json!({"type": "nic", "nictype": "routed", "parent": "lo"})),
        "device-nic-ipvlan" => Place::Device(json!({"type": "nic", "nictype": "ipvlan", "parent": "lo"})),
        "device-nic-bridged" | "device-nic-macvlan" | "device-nic-physical" | "device-nic-sriov" => {
            let variant = entity.trim_start_matches("device-nic-");
            Place::Device(json!({"type": "nic", "nictype": variant, "parent": "nobr0"}))
        }
        _ => return None,
    })
}

/// Makes the profile that most questions are about.
pub fn prepare_profile(server: &Server) {
    server.ask("POST", "/1.0/profiles", &json!({"name": "oracle"}));
}

/// Makes the objects that are asked about.
pub fn prepare(server: &Server) {
    let none = json!({"ipv4.address": "none", "ipv6.address": "none"});
    for (path, body) in [
        ("/1.0/profiles", json!({"name": "oracle"})),
        (
            "/1.0/projects",
            json!({"name": "oracle", "config": {"features.profiles": "true", "features.images": "true"}}),
        ),
        ("/1.0/networks", json!({"name": "obr0", "type": "bridge", "config": none})),
        ("/1.0/networks", json!({"name": "obridge", "type": "bridge", "config": none})),
        ("/1.0/networks", json!({"name": "omacvlan", "type": "macvlan", "config": {"parent": "obr0"}})),
        ("/1.0/networks", json!({"name": "osriov", "type": "sriov", "config": {"parent": "obr0"}})),
        ("/1.0/networks", json!({"name": "ophysical", "type": "physical", "config": {"parent": "lo"}})),
        ("/1.0/storage-pools", json!({"name": "odir", "driver": "dir"})),
    ] {
        let answer = server.ask("POST", path, &body);
        if answer["error"].as_str().is_some_and(|error| !error.is_empty()) {
            println!("{path} {body}: {}", answer["error"]);
        }
    }
}

/// Makes the server the only member of a cluster, which members can be asked about afterwards.
pub fn cluster(server: &Server) {
    server.ask("PATCH", "/1.0", &json!({"config": {"core.https_address": "127.0.0.1:8443"}}));
    let answer = server.ask("PUT", "/1.0/cluster", &json!({"server_name": "one", "enabled": true}));
    println!("cluster: {}", answer["error"]);
}

/// What is stored at a place when a key has a value: the kind, its spec without the configuration, and the rest of it.
fn body(entity: &str, key: &str, value: &str) -> Value {
    let one = |base: Value| {
        let mut config = base.as_object().cloned().unwrap_or_default();
        config.insert(key.to_owned(), json!(value));
        Value::Object(config)
    };
    match place(entity, key).expect("an entity of the list") {
        Place::Server | Place::Profile => json!({ "config": one(json!({})) }),
        Place::Member => json!({ "config": one(json!({"scheduler.instance": "all"})) }),
        Place::Project => json!({ "config": one(json!({"features.profiles": "true", "features.images": "true"})) }),
        Place::Device(base) => json!({ "devices": {"one": one(base)} }),
        Place::Network("bridge") => json!({ "config": one(json!({"ipv4.address": "none", "ipv6.address": "none"})) }),
        Place::Network("physical") => json!({ "config": one(json!({"parent": "lo"})) }),
        Place::Network(_) => json!({ "config": one(json!({"parent": "obr0"})) }),
        Place::Pool(_) => json!({ "config": one(json!({})) }),
    }
}

/// Gives the server one value of one key, and says what it answers.
pub fn ask(server: &Server, entity: &str, key: &str, value: &str) -> Said {
    let mut body = body(entity, key, value);
    let answer = match place(entity, key).expect("an entity of the list") {
        Place::Server => {
            let answer = server.ask("PATCH", "/1.0", &body);
            if !is_error(&answer) {
                server.ask("PATCH", "/1.0", &json!({"config": {key: ""}}));
            }
            answer
        }
        Place::Member => {
            let path = "/1.0/cluster/members/one";
            let member = server.ask("GET", path, &Value::Null)["metadata"].clone();
            for field in ["roles", "groups", "failure_domain"] {
                body[field] = member[field].clone();
            }
            server.ask("PUT", path, &body)
        }
        Place::Project => server.ask("PUT", "/1.0/projects/oracle", &body),
        Place::Profile | Place::Device(_) => server.ask("PUT", "/1.0/profiles/oracle", &body),
        Place::Network(kind) => server.ask("PUT", &format!("/1.0/networks/o{kind}"), &body),
        Place::Pool(driver) => {
            let path = format!("/1.0/storage-pools/o{driver}");
            let stored = server.ask("GET", &path, &Value::Null)["metadata"]["config"].clone();
            for (key, value) in stored.as_object().into_iter().flatten() {
                if key == "source" || key.starts_with("volatile.") {
                    body["config"][key] = value.clone();
                }
            }
            server.ask("PUT", &path, &body)
        }
    };
    said(&answer)
}

/// Whether Seedbed takes the value where a product is to read it: as `seedbed validate --dialect` and its daemon have it.
pub fn is_taken_here(product: Product, entity: &str, key: &str, value: &str) -> Said {
    let is_device = matches!(place(entity, key), Some(Place::Device(_)));
    if gap_of_key(entity, key).is_some_and(|gap| gap.is_in(product)) {
        return Said::Unknown;
    }
    if gap_of_value(entity, key, value).is_some_and(|gap| gap.is_in(product)) {
        return Said::Refused("by the product".to_owned());
    }
    let body = body(entity, key, value);
    let (kind, name, fields) = match place(entity, key).expect("an entity of the list") {
        Place::Server => ("config", "server", json!({})),
        Place::Member => ("member", "one", json!({})),
        Place::Project => ("project", "oracle", json!({})),
        Place::Profile | Place::Device(_) => ("profile", "oracle", json!({})),
        Place::Network(kind) => ("network", "onet", json!({"type": kind})),
        Place::Pool(driver) => ("storage-pool", "opool", json!({"driver": driver})),
    };
    let mut spec = fields.as_object().cloned().unwrap_or_default();
    let kind = kinds::find(kind).expect("a kind");
    let mut own = Config::default();
    if is_device {
        spec.insert("devices".to_owned(), body["devices"].clone());
    } else {
        let is_own = |name: &str| kinds::is_member_specific(kind.words().kind, &[entity], name);
        let config = body["config"].as_object().expect("a configuration").clone();
        let (local, shared): (Map<_, _>, Map<_, _>) = config.into_iter().partition(|(name, _)| is_own(name));
        let text = |(name, value): (String, Value)| (name, value.as_str().unwrap_or_default().to_owned());
        own = Config(local.into_iter().map(text).collect());
        spec.insert("config".to_owned(), Value::Object(shared));
    }
    let members = BTreeMap::from([(MemberName::from("one"), own)]);
    let key = Key::new(kind.words().kind, name);
    let problems = kinds::check(kind, &key, &Spec(spec), &members, &Config::default());
    let unsupported = ["SB047", "SB050"];
    let fault =
        problems.iter().find(|problem| problem.severity == Severity::Error && !unsupported.contains(&problem.code));
    fault.map_or(Said::Taken, |fault| Said::Refused(fault.message.clone()))
}

fn is_error(answer: &Value) -> bool {
    answer["error"].as_str().is_some_and(|error| !error.is_empty())
}

fn said(answer: &Value) -> Said {
    let Some(error) = answer["error"].as_str().filter(|error| !error.is_empty()) else { return Said::Taken };
    let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
    // What LXD says of a value that it refuses names the key with nearly the same words.
    if has(&UNKNOWN) && !error.contains(" value") {
        Said::Unknown
    } else if has(&HINDERED) {
        Said::Hindered(error.to_owned())
    } else {
        Said::Refused(error.to_owned())
    }
}

const UNKNOWN: [&str; 9] = [
    "Invalid option \"",
    "Invalid network configuration key",
    "Unknown configuration key",
    "Invalid option for",
    "Invalid device option",
    "Invalid project configuration key",
    "Invalid cluster configuration key",
    "Unknown key",
    "unknown key",
];

/// What speaks of the host, of its programs and of what it has, and not of the value.
const HINDERED: [&str; 23] = [
    "isn't installed",
    "No default gateway",
    "no answer",
    "Failed to run",
    "executable file not found",
    "Parent interface",
    "UNIQUE constraint",
    "bind: ",
    "listen ",
    "Couldn't resolve",
    "Failed to connect",
    "Failed loading",
    "Failed loading network",
    "Network not found",
    "Storage pool not found",
    "no such file",
    "no such host",
    "Cannot find device",
    "doesn't exist",
    "does not exist",
    "only supported on virtual machines",
    "network zone",
    "Unsupported device type",
];
