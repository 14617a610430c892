//! What real servers answered, and what is told of it.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use super::*;
use crate::cli::layers::LayerArgs;
use crate::manifest::{Options, locate};

const ALONE: &str = include_str!("../testdata/lxd-5.0.2.json");
const CLUSTER: &str = include_str!("../testdata/lxd-5.0.2-cluster.json");
const INCUS: &str = include_str!("../testdata/incus-6.0.4.json");
const INCUS_CLUSTER: &str = include_str!("../testdata/incus-6.0.4-cluster.json");

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
            "7 SB174 `size` is Seedbed's own: Incus does not know it",
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
