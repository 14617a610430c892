//! What a joining member's file says against the cluster, and what it gets.

use seedbed::model::{Change, Command, Config, Desired, Finding, Phase, Timestamp, Write};
use seedbed::plan::Mode;
use seedbed::plan::join::{Admission, admit, compare};

use crate::world::{World, manifest, name};

const CLUSTER: &str = "
config: {core.https_address: '10.93.0.1:8443', core.trust_password: sekret, images.auto_update_interval: 15}
storage_pools: [{name: default, driver: dir}]
networks: [{name: lxdbr0, type: bridge, config: {ipv4.address: 192.168.100.14/24, ipv6.address: none}}]
profiles:
- name: default
  devices:
    root: {path: /, pool: default, type: disk}
    eth0: {name: eth0, nictype: bridged, parent: lxdbr0, type: nic}
";

fn cluster() -> World {
    let mut world = World::with_members(1);
    world.apply(&manifest(CLUSTER), Mode::Declarative);
    world.settle();
    world
}

fn lines(world: &World, text: &str) -> Vec<String> {
    compare(&manifest(text), world.state()).iter().map(ToString::to_string).collect()
}

#[test]
fn the_seeds_join_file_agrees_with_its_bootstrap_file() {
    let joiner = CLUSTER.replace("10.93.0.1", "10.93.0.2").replace("core.trust_password: sekret, ", "");
    assert_eq!(lines(&cluster(), &joiner), [""; 0]);
}

#[test]
fn every_difference_is_named() {
    let text = "
config: {images.auto_update_interval: 20}
storage_pools: [{name: default, driver: zfs}, {name: fast, driver: dir}]
networks: [{name: lxdbr0, config: {ipv4.address: 192.168.100.15/24, bridge.mtu: '1400'}}]
";
    assert_eq!(
        lines(&cluster(), text),
        [
            "config/server  images.auto_update_interval  file: 20  cluster: 15",
            "network/lxdbr0  bridge.mtu  file: 1400  cluster: (none)",
            "network/lxdbr0  ipv4.address  file: 192.168.100.15/24  cluster: 192.168.100.14/24",
            "storage-pool/default  driver  file: zfs  cluster: dir",
            "storage-pool/fast    file: declared  cluster: does not exist",
        ]
    );
    let pointers: Vec<String> =
        compare(&manifest(text), cluster().state()).into_iter().map(|difference| difference.place.pointer).collect();
    assert_eq!(
        pointers,
        [
            "/config/images.auto_update_interval",
            "/networks/0/config/bridge.mtu",
            "/networks/0/config/ipv4.address",
            "/storage_pools/0/driver",
            "/storage_pools/1",
        ]
    );
}

#[test]
fn what_the_file_leaves_to_the_system_or_out_agrees_with_anything() {
    let world = cluster();
    assert_eq!(lines(&world, "networks: [{name: lxdbr0, config: {ipv4.address: auto}}]"), [""; 0]);
    assert_eq!(lines(&world, "networks: [{name: lxdbr0}]"), [""; 0]);
    assert_eq!(lines(&world, "networks: [{name: lxdbr0, config: {ipv6.address: auto}}]").len(), 1);
    assert_eq!(lines(&world, "config: {core.trust_password: other}"), [""; 0]);
    assert_eq!(lines(&world, "storage_pools: [{name: default, driver: dir, config: {source: /mine}}]"), [""; 0]);
}

fn commit(world: &mut World, admission: &Admission) {
    let (expect, changes) = (admission.expect.clone(), admission.changes.clone());
    let write =
        Write { request: "join".to_owned(), at: Timestamp(9), by: "test".to_owned(), origin: None, expect, changes };
    world.commit(&Command::Write(write));
}

#[test]
fn a_joiner_gets_a_placement_of_everything_that_all_members_have() {
    let mut world = cluster();
    let file = manifest(
        "config: {core.https_address: '10.93.0.2:8443'}\nstorage_pools: [{name: default, driver: dir, config: {source: /mine}}]",
    );
    let admission = admit(&name("node2"), &file, world.state()).expect("an admission");
    commit(&mut world, &admission);
    world.join(2);
    assert_eq!(world.own("storage-pool/default", "node2"), &Config::from([("source", "/mine")]));
    assert_eq!(world.own("config/server", "node2").value("core.https_address"), Some("10.93.0.2:8443"));
    assert!(world.object("network/lxdbr0").placements.contains_key(&name("node2")));
    assert!(world.object("profile/default").placements.is_empty());
    world.settle();
    assert!(world.object("storage-pool/default").is_converged());
}

#[test]
fn the_last_manifest_is_remembered_for_members_to_come() {
    let mut world = World::with_members(1);
    let site = manifest(
        "
cluster: {enabled: true, members: {node1: {address: '10.93.0.1:8443'}, node2: {address: '10.93.0.2:8443'}}}
storage_pools: [{name: data, driver: dir, members: {node1: {source: /a}, node2: {source: /b}}}]
",
    );
    world.apply(&site, Mode::Declarative);
    world.settle();
    let admission = admit(&name("node2"), &Desired::default(), world.state()).expect("an admission");
    commit(&mut world, &admission);
    assert_eq!(world.own("storage-pool/data", "node2"), &Config::from([("source", "/b")]));
    world.join(2);
    world.settle();
    let plan = world.plan(&site, Mode::Declarative).expect("a plan");
    let keys: Vec<String> = plan.changes.iter().map(|change| change.key.to_string()).collect();
    assert_eq!(keys, ["member/node2"], "only the new record is taken over");
}

#[test]
fn a_joiners_wrong_keys_are_refused_and_definitions_are_left_alone() {
    let mut world = cluster();
    let mut file = manifest("storage_pools: [{name: default, driver: dir}]");
    let key = "storage-pool/default".parse().expect("a key");
    file.objects.get_mut(&key).expect("declared").here = Config::from([("sorce", "/x")]);
    let findings = admit(&name("node2"), &file, world.state()).expect_err("a slip of the pen");
    let codes: Vec<&str> = findings.iter().map(|finding: &Finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["SB014"]);
    world.join(2);
    world.lose("node2");
    world.apply(&manifest("storage_pools: [{name: later, driver: dir}]"), Mode::Declarative);
    assert_eq!(world.object("storage-pool/later").phase, Phase::Pending);
    let admission = admit(&name("node3"), &Desired::default(), world.state()).expect("an admission");
    let touched = |change: &Change| matches!(change, Change::Put(put) if put.key.name == "later");
    assert!(!admission.changes.iter().any(touched));
}

#[test]
fn a_joiner_takes_what_every_member_has() {
    let mut world = World::with_members(2);
    let text = "
storage_pools:
- {name: loops, driver: btrfs, members: {'*': {size: 1GiB}, node2: {size: 2GiB}}}
networks: [{name: lan, type: macvlan, members: {'*': {parent: eth1}, node1: {parent: eth0}}}]
";
    let plan = world.apply(&manifest(text), Mode::Declarative);
    let shown = plan.render(&seedbed::plan::Look::plain("site.yaml"));
    for row in ["node1 size=1GiB", "node2 size=2GiB", "node1 parent=eth0", "node2 parent=eth1"] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    world.settle();
    let admission = admit(&name("node3"), &Desired::default(), world.state()).expect("no problem");
    commit(&mut world, &admission);
    world.join(3);
    assert_eq!(world.own("storage-pool/loops", "node3").value("size"), Some("1GiB"));
    assert_eq!(world.own("network/lan", "node3").value("parent"), Some("eth1"));
    world.settle();
    let again = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    assert!(again.is_empty(), "{again:?}");
    // As it was declared, so that the next member gets it too.
    let exported = seedbed::plan::export(world.state()).desired;
    let own = &exported.objects[&"network/lan".parse().expect("a key")].members;
    let own: Vec<(&str, Option<&str>)> =
        own.iter().map(|(member, own)| (member.as_str(), own.value("parent"))).collect();
    assert_eq!(own, [("node1", Some("eth0")), ("node2", Some("eth1")), ("node3", Some("eth1"))]);
    let alike = text.replace(", node1: {parent: eth0}", "");
    world.apply(&manifest(&alike), Mode::Declarative);
    let exported = seedbed::plan::export(world.state()).desired;
    let own = &exported.objects[&"network/lan".parse().expect("a key")].members;
    assert_eq!(own.keys().map(|member| member.as_str()).collect::<Vec<_>>(), ["*"]);
    let plan = world.plan(&exported, Mode::Declarative).expect("a plan");
    assert!(plan.changes.iter().all(|change| change.action == seedbed::plan::Action::Adopt), "{:?}", plan.changes);
}

#[test]
fn what_leaves_every_member_is_unset_where_nobody_says_otherwise() {
    let mut world = World::with_members(2);
    let text = |own: &str| {
        format!("networks: [{{name: br0, config: {{ipv4.address: none, ipv6.address: none}}, members: {{{own}}}}}]")
    };
    let ports = |world: &World, member: &str| {
        world.own("network/br0", member).value("bridge.external_interfaces").map(str::to_owned)
    };
    let both = "'*': {bridge.external_interfaces: eth1}, node2: {bridge.external_interfaces: eth2}";
    world.apply(&manifest(&text(both)), Mode::Declarative);
    assert_eq!((ports(&world, "node1"), ports(&world, "node2")), (Some("eth1".to_owned()), Some("eth2".to_owned())));
    world.apply(&manifest(&text("node2: {bridge.external_interfaces: eth2}")), Mode::Declarative);
    assert_eq!((ports(&world, "node1"), ports(&world, "node2")), (None, Some("eth2".to_owned())));
}
