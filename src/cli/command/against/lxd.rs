//! A real LXD or Incus: what it lacks, what it has already, and what it would refuse to change.
//!
//! Its answers become a stored state of ours, against which the manifest is planned. Only the
//! refusals of that plan count, and only those that LXD has too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extensions::{Info, Party, lacking, listed, parties};
use super::{Told, product, take};
use crate::api::paths;
use crate::cli::input::{Input, plural};
use crate::client::{Client, ClientError};
use crate::http::SystemDice;
use crate::kinds;
use crate::kinds::dialect::Product;
use crate::model::{
    ClusterState, Condition, Config, Desired, Finding, Generation, Key, Liveness, MemberName, Object, Phase, Placement,
    PlacementPhase, Severity, Spec,
};
use crate::plan::{Context, Mode, plan};

/// What only our own members ask for: a preseed of LXD gives the keys of the member that reads it.
const OURS: [&str; 3] = ["SB047", "SB050", "SB064"];

/// What the server has, as it answers for each path.
#[derive(Debug, Default)]
struct Answers {
    /// Names of members; the one server without a cluster.
    members: Vec<String>,
    /// Lists of objects under the kind and the project.
    lists: Vec<(&'static str, String, Value)>,
    /// Pools and networks once more under each member, with its own keys: kind, name, member.
    own: Vec<(&'static str, String, String, Value)>,
}

/// Asks, and compares.
pub async fn ask(client: &Client, info: &Info, input: &mut Input) -> Result<Told, ClientError> {
    let product = product::of(info);
    let server = Info { product: product.map_or_else(String::new, named), ..info.clone() };
    if let Some(product) = product {
        product::judge(input, &server, product);
    }
    let told = compare(client, &server, input).await?;
    // What a product refuses is no mistake in the rest: objects are counted by what stands in them.
    let findings = [&input.loaded.findings[..], &told.findings].concat();
    input.loaded.counts.valid = product::valid(input.loaded.counts.objects, &findings);
    Ok(told)
}

fn named(product: Product) -> String {
    if product == Product::Incus { "incus" } else { "lxd" }.to_owned()
}

async fn compare(client: &Client, info: &Info, input: &mut Input) -> Result<Told, ClientError> {
    let mut findings = Vec::new();
    let is_whole = is_readable(input);
    if !info.is_trusted {
        if is_whole {
            findings = missing(input, &[of_server(info)]);
        }
        let whom = format!("{}, as a stranger: its extensions only", info.spoken());
        return Ok(Told { whom, is_whole, findings });
    }
    let answers = answers(client, info).await?;
    if has_root(&answers) {
        input.loaded.findings.retain(|finding| finding.code != "SB116");
    }
    let state = state(&answers);
    let objects = state.objects.len() - answers.members.len();
    let whom = format!("{}, {}, {}", info.spoken(), plural(answers.members.len(), "member"), plural(objects, "object"));
    if is_whole {
        let (known, silent) = if info.is_clustered {
            let members: Vec<_> = answers.members.iter().map(|name| (name.clone(), String::new())).collect();
            parties(client, info, &members).await
        } else {
            (vec![of_server(info)], Vec::new())
        };
        findings.extend(silent.iter().map(|name| untold(name)));
        findings.extend(missing(input, &known));
        // Nobody needs it afterwards, and it may be large.
        let desired = std::mem::take(&mut input.loaded.desired);
        let known: Vec<_> = findings.iter().map(|finding: &Finding| finding.place.clone()).collect();
        findings.extend(impossible(&desired, info, &answers).into_iter().filter(|more| !known.contains(&more.place)));
        let said = refusals(desired, &state, info);
        take(input, said);
    }
    Ok(Told { whom, is_whole, findings })
}

// Its own keys are not known either, which a plan then takes for unset.
fn untold(member: &str) -> Finding {
    let text = format!("{member} does not answer: which keys it takes, and what it has of its own, is unknown");
    Finding { severity: Severity::Note, ..Finding::warning("SB068", text) }
        .helping(format!("validate again when {member} answers"))
}

// Devices of a profile are laid over those that are stored.
fn has_root(answers: &Answers) -> bool {
    let is_root = |device: &Value| device["type"] == "disk" && device["path"] == "/";
    let mut of_default = answers.lists.iter().filter(|(kind, project, _)| *kind == "profile" && project == "default");
    of_default.any(|(_, _, list)| {
        let mut found = items(list).filter(|profile| profile["name"] == "default");
        found.any(|profile| profile["devices"].as_object().is_some_and(|devices| devices.values().any(is_root)))
    })
}

// What the product refuses was understood all the same.
fn is_readable(input: &Input) -> bool {
    let findings = &input.loaded.findings;
    !findings.iter().any(|finding| finding.is_error() && !product::is_theirs(finding))
}

fn missing(input: &Input, parties: &[Party]) -> Vec<Finding> {
    let mut findings = lacking(&input.loaded.desired, parties, Severity::Error);
    let refused = product::refused(&input.loaded.findings);
    findings.retain(|finding| product::at(finding).is_none_or(|place| !refused.contains(&place)));
    findings
}

fn of_server(info: &Info) -> Party {
    Party { name: info.spoken(), extensions: info.extensions.clone(), is_seedbed: false }
}

async fn answers(client: &Client, info: &Info) -> Result<Answers, ClientError> {
    let mut answers = Answers::default();
    if info.is_clustered {
        let members: Value = client.get(&format!("{}?recursion=1", paths::MEMBERS)).await?;
        answers.members = items(&members).map(|member| text(member, "server_name")).collect();
    } else {
        answers.members = vec![info.name.clone()];
    }
    let list =
        |collection: &str, project: &str| format!("/1.0/{collection}?recursion=1&project={}", paths::escape(project));
    let projects: Value = client.get(&list("projects", "default")).await?;
    let kinds = [("profile", "profiles"), ("network", "networks")];
    let of_project = |project: &Value| {
        let has = |collection: &str| project["config"][format!("features.{collection}")] == "true";
        let own = kinds.into_iter().filter(|(_, collection)| has(collection));
        own.map(|(kind, collection)| (kind, collection, text(project, "name"))).collect::<Vec<_>>()
    };
    let owned: Vec<_> = items(&projects).flat_map(of_project).collect();
    answers.lists.push(("project", "default".to_owned(), projects));
    answers.lists.push(("storage-pool", "default".to_owned(), client.get(&list("storage-pools", "default")).await?));
    for (kind, collection, project) in owned {
        let found = client.get(&list(collection, &project)).await?;
        answers.lists.push((kind, project, found));
    }
    if info.is_clustered {
        own_keys(client, &mut answers).await?;
    }
    Ok(answers)
}

async fn own_keys(client: &Client, answers: &mut Answers) -> Result<(), ClientError> {
    let kinds = [("storage-pool", "storage-pools"), ("network", "networks")];
    for (kind, collection) in kinds {
        let lists = answers.lists.iter().filter(|(of, project, _)| *of == kind && project == "default");
        let names: Vec<String> = lists
            .flat_map(|(_, _, list)| items(list))
            .filter(|item| is_managed(item))
            .map(|item| text(item, "name"))
            .collect();
        for name in names {
            for member in &answers.members {
                let path = format!("/1.0/{collection}/{}?target={}", paths::escape(&name), paths::escape(member));
                // A member that is away does not tell its own keys; what is shared is known.
                if let Ok(own) = client.get(&path).await {
                    answers.own.push((kind, name.clone(), member.clone(), own));
                }
            }
        }
    }
    Ok(())
}

/// The answers as a state of ours.
fn state(answers: &Answers) -> ClusterState {
    let mut state = ClusterState::default();
    for member in &answers.members {
        let key = Key::member(&MemberName(member.clone()));
        state.objects.insert(key.clone(), object(key, Spec::default(), BTreeMap::new()));
    }
    for (kind, project, list) in &answers.lists {
        for item in items(list).filter(|item| is_managed(item)) {
            let key = key(kind, project, item);
            let mut spec = spec(kind, item);
            let (shared, own) = split(kind, &key.name, &spec);
            spec.set_config(&shared);
            let placed = kinds::find(kind).is_some_and(|kind| kind.rollout() != crate::model::Rollout::RecordOnly);
            let members = answers.members.iter().filter(|_| placed);
            let placements =
                members.map(|member| (MemberName(member.clone()), placement(answers, kind, item, member, &own)));
            let placements = placements.collect();
            state.objects.insert(key.clone(), object(key, spec, placements));
        }
    }
    state
}

fn key(kind: &str, project: &str, item: &Value) -> Key {
    match kind {
        "profile" | "network" => Key::in_project(kind, &project.into(), &text(item, "name")),
        _ => Key::new(kind, &text(item, "name")),
    }
}

fn object(key: Key, spec: Spec, placements: BTreeMap<MemberName, Placement>) -> Object {
    let rollout = kinds::find(key.kind.as_str()).map_or(crate::model::Rollout::RecordOnly, |kind| kind.rollout());
    Object {
        uid: crate::model::Revision(1),
        generation: Generation(1),
        phase: Phase::Created,
        rollout,
        spec,
        placements,
        ..Object::blank(key)
    }
}

// What each kind declares; the rest is LXD's own bookkeeping.
fn spec(kind: &str, item: &Value) -> Spec {
    let fields: &[&str] = match kind {
        "storage-pool" => &["description", "driver", "config"],
        "network" => &["description", "type", "config"],
        "profile" => &["description", "config", "devices"],
        _ => &["description", "config"],
    };
    let Some(item) = item.as_object() else { return Spec::default() };
    let own = item.iter().filter(|(field, value)| fields.contains(&field.as_str()) && !value.is_null());
    Spec(own.map(|(field, value)| (field.clone(), value.clone())).collect())
}

fn split(kind: &str, name: &str, spec: &Spec) -> (Config, Config) {
    let entities = kinds::find(kind).map(|kind| kind.entities(spec)).unwrap_or_default();
    let is_own = |key: &str| kinds::is_member_specific(kind, &entities, key);
    let (mut shared, mut own) = (Config::default(), Config::default());
    for (key, value) in spec.config_entries().filter(|(key, _)| !key.starts_with("volatile.")) {
        let part = if is_own(key) { &mut own } else { &mut shared };
        part.insert(key.to_owned(), value.to_owned());
    }
    // LXD shows a path below its own directory; what it was given stands elsewhere, or is what it shows.
    if let Some(shown) = own.remove("source") {
        let is_its_own = [format!("/storage-pools/{name}"), format!("/disks/{name}.img")];
        let initial = spec.config_entries().find(|(key, _)| *key == "volatile.initial_source").map(|(_, value)| value);
        let given = initial.or_else(|| is_its_own.iter().all(|end| !shown.ends_with(end)).then_some(&shown));
        own.extend(given.map(|source| ("source".to_owned(), source.to_owned())));
    }
    (shared, own)
}

fn placement(answers: &Answers, kind: &str, item: &Value, member: &str, own: &Config) -> Placement {
    let name = text(item, "name");
    let told = answers.own.iter().find(|(of, object, at, _)| *of == kind && *object == name && at == member);
    let config = match told {
        Some((_, _, _, item)) => split(kind, &name, &spec(kind, item)).1,
        None if answers.members.len() == 1 => own.clone(),
        None => Config::default(),
    };
    Placement {
        config,
        phase: PlacementPhase::Created,
        observed: Generation(1),
        realised: Generation(1),
        condition: Condition::ready(Default::default()),
    }
}

fn refusals(mut desired: Desired, state: &ClusterState, info: &Info) -> Vec<Finding> {
    let here = MemberName(info.name.clone());
    let context = Context { here: &here, liveness: &Liveness::default(), mode: Mode::Merge, claim: None };
    // The members of a file are those that it makes, and the server's own configuration is taken as it comes.
    desired.objects.retain(|key, _| ![Key::MEMBER, "config", "source"].contains(&key.kind.as_str()));
    let findings = plan(&desired, state, &context, &mut SystemDice).err().unwrap_or_default();
    findings.into_iter().filter(|finding| !OURS.contains(&finding.code.as_str())).collect()
}

/// What fails on this server whatever the extensions say.
fn impossible(desired: &Desired, info: &Info, answers: &Answers) -> Vec<Finding> {
    let taken: Vec<String> = answers
        .lists
        .iter()
        .filter(|(kind, project, _)| *kind == "network" && project == "default")
        .flat_map(|(_, _, list)| items(list))
        .filter(|item| !is_managed(item))
        .map(|item| text(item, "name"))
        .collect();
    let drivers: Vec<String> = info.drivers.iter().map(|driver| format!("`{driver}`")).collect();
    let mut findings = Vec::new();
    for (key, declared) in &desired.objects {
        let driver = declared.spec.text("driver");
        if key.kind.as_str() == "storage-pool" && !drivers.is_empty() && !info.drivers.contains(driver) {
            let text = format!("{key}: {} on {} cannot use the driver `{driver}`", info.spoken(), info.name);
            findings.push(
                Finding { place: Some(declared.place(&["driver"])), ..Finding::error("SB143", text) }
                    .helping(format!("it has {}; others need their tools on the host", listed(&drivers))),
            );
        }
        if key.kind.as_str() == "network" && taken.contains(&key.name) {
            let text = format!(
                "{key}: the host of {} has an interface of this name, which {} does not manage",
                info.name,
                info.spoken()
            );
            findings.push(
                Finding { place: Some(declared.place(&["name"])), ..Finding::error("SB143", text) }
                    .helping("choose another name, or remove the interface"),
            );
        }
    }
    findings
}

fn is_managed(item: &Value) -> bool {
    item.get("managed").and_then(Value::as_bool).unwrap_or(true)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::UnixListener;

    use super::*;
    use crate::cli::layers::LayerArgs;
    use crate::manifest::{Options, locate};

    const ALONE: &str = include_str!("testdata/lxd-5.0.2.json");
    const CLUSTER: &str = include_str!("testdata/lxd-5.0.2-cluster.json");
    const INCUS: &str = include_str!("testdata/incus-6.0.4.json");
    const INCUS_CLUSTER: &str = include_str!("testdata/incus-6.0.4-cluster.json");

    const MANIFEST: &str = "\
config: {loki.api.url: http://logs, core.https_address: ':8443'}
storage_pools:
- {name: data, driver: btrfs}
- {name: fast, driver: zfs, config: {source: /dev/sdb}}
networks:
- {name: lxdbr0, type: bridge, config: {ipv4.nat.address: 10.9.0.9}}
- {name: hostbr, type: bridge, config: {ipv4.address: 10.77.0.1/24}}
profiles:
- name: default
  devices:
    root: {type: disk, path: /, pool: data, io.cache: none}
    eth0: {type: nic, network: lxdbr0}
- {name: small, devices: {root: {type: disk, path: /, pool: nopool}}}
projects:
- {name: web, config: {features.networks.zones: 'true'}}
";

    /// Says what a real LXD 5.0.2 or Incus 6.0.4 has answered, once more.
    async fn repeat(listener: UnixListener, recorded: String) {
        let answers: BTreeMap<String, Value> = serde_json::from_str(&recorded).expect("recorded answers");
        while let Ok((mut stream, _)) = listener.accept().await {
            let (read, mut write) = stream.split();
            let mut lines = BufReader::new(read).lines();
            let mut path = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(asked) = line.strip_prefix("GET ") {
                    path = asked.split(' ').next().unwrap_or_default().to_owned();
                }
                if line.is_empty() {
                    let body = answers.get(&path).unwrap_or_else(|| panic!("not recorded: {path}")).to_string();
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    write.write_all((head + &body).as_bytes()).await.expect("written");
                }
            }
        }
    }

    async fn told(recorded: &str, text: &str) -> (String, Vec<String>) {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("unix.socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let server = tokio::spawn(repeat(listener, recorded.to_owned()));
        let file = dir.path().join("a.yaml");
        std::fs::write(&file, text).expect("a file");
        let paths = [file.to_string_lossy().into_owned()];
        let mut input = Input::gather(&paths, &LayerArgs::default(), &Options::default()).expect("input");
        let client = Client::unix(socket);
        let info = Info::ask(&client, None).await.expect("an answer");
        let Told { whom, findings, .. } = ask(&client, &info, &mut input).await.expect("answers");
        server.abort();
        input.loaded.findings.extend(findings);
        locate(&mut input.loaded.findings, &input.sources);
        let line = |finding: &Finding| {
            let line = finding.place.as_ref().map_or(0, |place| place.line);
            format!("{line} {} {}", finding.code, finding.message)
        };
        (whom, input.loaded.findings.iter().map(line).collect())
    }

    #[tokio::test]
    async fn a_real_lxd_refuses_what_it_lacks_what_it_has_otherwise_and_what_its_host_has() {
        let (whom, told) = told(ALONE, MANIFEST).await;
        assert_eq!(whom, "LXD 5.0.2, 1 member, 7 objects");
        assert_eq!(
            told,
            [
                "3 SB041 storage-pool/data: the driver of a storage pool cannot be changed from dir to btrfs",
                "13 SB062 profile/small names the storage pool `nopool` in devices.root.pool, which neither exists nor is \
             declared",
                "1 SB142 config/server: `loki.api.url` needs the API extension `loki`, which LXD 5.0.2 does not have",
                "11 SB142 profile/default: `io.cache` needs the API extension `disk_io_cache`, which LXD 5.0.2 does not have",
                "15 SB142 project/web: `features.networks.zones` needs the API extension `projects_networks_zones`, which \
             LXD 5.0.2 does not have",
                "7 SB143 network/hostbr: the host of vm has an interface of this name, which LXD 5.0.2 does not manage",
                "4 SB143 storage-pool/fast: LXD 5.0.2 on vm cannot use the driver `zfs`",
            ]
        );
    }

    #[tokio::test]
    async fn what_a_real_lxd_has_is_as_good_as_declared() {
        let text = "\
storage_pools: [{name: data, driver: dir}]
profiles:
- name: small
  config: {limits.cpu: '4'}
  devices: {root: {type: disk, path: /, pool: data}, eth0: {type: nic, network: lxdbr0}}
- {name: default, devices: {eth1: {type: nic, network: lxdbr0}}}
networks:
- {name: lxdbr0, type: bridge, config: {ipv4.address: 10.9.0.1/24}}
";
        for (recorded, who) in [(ALONE, "LXD 5.0.2"), (CLUSTER, "LXD 5.0.2")] {
            let (whom, told) = told(recorded, text).await;
            assert!(whom.starts_with(who), "{whom}");
            assert_eq!(told, [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_real_incus_refuses_what_it_never_knew_has_removed_or_does_not_know_yet() {
        let text = "\
config: {core.trust_password: sekret12, candid.api.url: 'https://c', openfga.api.url: 'https://o', loki.api.url: 'http://l'}
cluster: {server_name: n2, enabled: true}
certificates: []
storage_volumes: []
storage_pools:
- {name: data, driver: btrfs}
- {name: d2, driver: dir, config: {size: 5GiB}}
- {name: far, driver: linstor}
networks:
- {name: incusbr0, type: bridge, managed: true, config: {security.acls: web, bridge.mode: fan}}
profiles:
- name: default
  config: {nvidia.runtime: 'true', security.delegate_bpf: 'true', security.bpffs.path: /sys/fs/bpf, smbios11.a: b}
  devices:
    c: {type: unix-char, path: /dev/ttyS0}
    root: {type: disk, path: /, pool: data}
    eth0: {type: nic, network: incusbr0, connected: 'false'}
projects:
- {name: web, storage: data, config: {restricted.images.servers: images.example.org}}
";
        let (whom, told) = told(INCUS, text).await;
        assert_eq!(whom, "Incus 6.0.4, 1 member, 7 objects");
        assert_eq!(
            told,
            [
                "1 SB173 Incus has removed `core.trust_password`",
                "1 SB173 Incus has removed `candid.api.url`",
                "3 SB142 `certificates` needs the API extension `init_preseed_certificates`, which Incus 6.0.4 does not have",
                "6 SB041 storage-pool/data: the driver of a storage pool cannot be changed from dir to btrfs",
                "7 SB027 a dir storage pool has no size of its own: `size` does nothing",
                "10 SB105 `managed` is something that LXD prints: it says nothing in a manifest",
                "10 SB172 Incus does not know the key `bridge.mode`",
                "13 SB172 Incus does not know the key `security.delegate_bpf`",
                "19 SB171 Incus does not know `storage` here",
                "19 SB023 `restricted.*` keys have no effect without `restricted: true`",
                "13 SB142 profile/default: `security.bpffs.path` needs the API extension `bpf_token_delegation`, which Incus \
             6.0.4 does not have",
                "17 SB142 profile/default: `connected` needs the API extension `nic_attached_connected`, which Incus 6.0.4 \
             does not have",
                "19 SB142 project/web: `restricted.images.servers` needs the API extension `projects_restricted_image_servers`, \
             which Incus 6.0.4 does not have",
                "8 SB142 storage-pool/far: driver `linstor` needs the API extension `storage_driver_linstor`, which Incus \
             6.0.4 does not have",
            ]
        );
    }

    #[tokio::test]
    async fn incus_tells_what_it_lacks_as_a_cluster_and_to_strangers_too() {
        let text =
            "storage_pools: [{name: data, driver: btrfs}]\nconfig: {logging.a.target.type: syslog, rbac.api.url: x}\n";
        let stranger = INCUS.replace("\"auth\":\"trusted\"", "\"auth\":\"untrusted\"");
        let mut answers: BTreeMap<String, Value> = serde_json::from_str(&stranger).expect("recorded answers");
        answers.get_mut("/1.0").expect("the server")["metadata"]["environment"] = Value::Null;
        let stranger = serde_json::to_string(&answers).expect("JSON");
        let lacks =
            "2 SB142 config/server: `logging.a.target.type` needs the API extension `server_logging_webhook`, which";
        let removed = "2 SB173 Incus has removed `rbac.api.url`".to_owned();
        let (whom, findings) = told(INCUS_CLUSTER, text).await;
        assert_eq!(whom, "Incus 6.0.4, 1 member, 7 objects");
        let driver =
            "1 SB041 storage-pool/data: the driver of a storage pool cannot be changed from dir to btrfs".to_owned();
        assert_eq!(findings, [driver, removed.clone(), format!("{lacks} n1 does not have")]);
        let (whom, findings) = told(&stranger, text).await;
        assert_eq!(whom, "Incus, as a stranger: its extensions only");
        assert_eq!(findings, [removed, format!("{lacks} Incus does not have")]);
    }

    #[tokio::test]
    async fn what_lxd_has_removed_since_is_taken_by_those_that_have_it() {
        let text = "\
config: {core.trust_password: sekret12, rbac.api.url: 'https://r', maas.api.url: 'https://m'}
profiles:
- name: small
  config: {nvidia.runtime: 'true', security.secureboot: 'false', limits.network.priority: '1'}
  devices: {u: {type: usb, vendorid: '0403'}, root: {type: disk, path: /, pool: data}}
";
        assert_eq!(told(ALONE, text).await.1, [""; 0]);
        let newer = ALONE.replace("\"5.0.2\"", "\"6.8\"").replace("\"rbac\",", "").replace("\"maas_network\",", "");
        let gone = ["1 core.trust_password", "1 rbac.api.url", "1 maas.api.url", "4 limits.network.priority"];
        let gone = gone.map(|key| format!("{}`", key.replacen(' ', " SB173 LXD has removed `", 1)));
        assert_eq!(told(&newer, text).await.1, gone);
    }

    #[tokio::test]
    async fn the_source_that_a_pool_was_given_may_stand_in_the_manifest_again() {
        let text = "storage_pools: [{name: data, driver: dir, config: {source: /srv/data}}]\n";
        let given = INCUS.replace("/var/lib/incus/storage-pools/data", "/srv/data");
        assert_eq!(told(&given, text).await.1, [""; 0]);
        assert!(told(INCUS, text).await.1[0].starts_with("1 SB061"));
    }

    #[tokio::test]
    async fn a_member_that_the_cluster_does_not_have_and_a_source_that_is_fixed_are_found() {
        let text = "\
storage_pools:
- name: data
  driver: dir
  members: {node9: {source: /srv/data}}
";
        let (_, told) = told(CLUSTER, text).await;
        assert_eq!(
            told,
            [
                "4 SB065 storage-pool/data has keys for the member `node9`, which is not in the cluster",
                "4 SB174 `members` is Seedbed's own: LXD does not know it",
            ]
        );
    }
}
