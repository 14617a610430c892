//! What plans look like.

use seedbed::kinds::SeededRng;
use seedbed::plan::{Look, Meaning, Mode};

use crate::world::{World, manifest};

const SITE: &str = "
config: {core.trust_password: sekret, images.auto_update_interval: 15}
storage_pools:
- name: data
  driver: zfs
  members: {node1: {source: /dev/vdb1}, node2: {source: /dev/vdc1}, node3: {source: /dev/vdb1}}
networks:
- {name: lxdbr0, type: bridge, config: {ipv4.address: 192.168.100.14/24, ipv4.nat: 'true', ipv6.address: none}}
profiles:
- name: default
  devices: {root: {type: disk, path: /, pool: data}}
projects:
- {name: shop, config: {features.profiles: 'false'}}
";

fn shown(world: &mut World, text: &str) -> String {
    let plan = world.plan(&manifest(text), Mode::Declarative).unwrap_or_else(|findings| panic!("{findings:#?}"));
    plan.render(&Look::plain("site.yaml"))
}

#[test]
fn a_first_plan_says_what_appears_and_where() {
    insta::assert_snapshot!(shown(&mut World::with_members(3), SITE), @r#"
    Plan  site.yaml: 4 to create, 1 to change, nothing to delete
      + config/server              core.trust_password=(secret) · images.auto_update_interval=15
      + project/shop
            features.profiles=false
            chosen: features.images=true, features.storage.buckets=true, features.storage.volumes=true
      + storage-pool/data  zfs
            node1 source=/dev/vdb1
            node2 source=/dev/vdc1
            node3 source=/dev/vdb1
      + network/lxdbr0     bridge  ipv4.address=192.168.100.14/24 · ipv4.nat=true · ipv6.address=none
      ~ profile/default
          + devices.root.path: (none) -> /
          + devices.root.pool: (none) -> data
          + devices.root.type: (none) -> disk
    "#);
}

#[test]
fn a_later_plan_says_what_changes_and_folds_the_rest() {
    let mut world = World::with_members(3);
    world.apply(&manifest(SITE), Mode::Declarative);
    world.settle();
    let text = SITE
        .replace("192.168.100.14/24, ipv4.nat: 'true'", "192.168.100.15/24, bridge.mtu: 1400")
        .replace("sekret", "geheim")
        .replace("images.auto_update_interval: 15", "images.auto_update_interval: 20")
        .replace("devices:", "config: {user.user-data: \"#cloud-config\\nusers: []\\n\"}\n  devices:");
    insta::assert_snapshot!(shown(&mut world, &text), @r#"
    Plan  site.yaml: 3 to change, nothing to delete
      ~ config/server
          ~ config.core.trust_password: (changed)
          ~ config.images.auto_update_interval: 15 -> 20
      ~ network/lxdbr0    bridge
          + config.bridge.mtu: (none) -> 1400
          ~ config.ipv4.address: 192.168.100.14/24 -> 192.168.100.15/24
          - config.ipv4.nat: true -> (none)
            restarts its DHCP and DNS server
      ~ profile/default           config.user.user-data: (none) -> (2 lines)
      2 objects unchanged
    "#);
}

#[test]
fn an_empty_plan_is_one_line() {
    let mut world = World::with_members(3);
    world.apply(&manifest(SITE), Mode::Declarative);
    world.settle();
    insta::assert_snapshot!(shown(&mut world, SITE), @r#"Plan  site.yaml: nothing to change, 5 objects as declared"#);
}

#[test]
fn a_plan_names_the_members_that_it_waits_for() {
    let mut world = World::with_members(3);
    world.apply(&manifest("storage_pools: [{name: old, driver: dir}]"), Mode::Declarative);
    world.settle();
    world.lose("node3");
    let text = "
storage_pools:
- {name: old, driver: dir, config: {rsync.bwlimit: '10'}}
- {name: new, driver: dir, members: {node3: {source: /srv/new}}}
profiles: [{name: web}]
cluster: {enabled: true, members: {node3: {}, node4: {address: '10.93.0.4:8443'}}}
";
    insta::assert_snapshot!(shown(&mut world, text), @r#"
    Plan  site.yaml: 2 to create, 1 to change, 1 to take over as they are, nothing to delete, 2 waiting for node3
      = member/node3           as declared: the manifest owns it from now on
      ! storage-pool/new  dir  node3 source=/srv/new
          ? node3 has been silent for 38 s: defined now, created everywhere when it is back
      ~ storage-pool/old  dir  config.rsync.bwlimit: (none) -> 10
          ? node3 has been silent for 38 s: it changes there when it is back
      + profile/web
      ? the member node4 has not joined yet
    "#);
}

#[test]
fn what_was_there_already_says_so() {
    let mut world = World::with_members(2);
    world.apply(&manifest("profiles: [{name: web, config: {limits.cpu: 2}}]"), Mode::Merge);
    world.apply(&manifest("storage_pools: [{name: data, driver: dir}]"), Mode::Declarative);
    world.report(&crate::world::name("node1"), seedbed::model::PlacementPhase::Created);
    world.report(&crate::world::name("node2"), seedbed::model::PlacementPhase::Errored);
    let text = "
storage_pools: [{name: data, driver: dir}]
profiles: [{name: web, config: {limits.cpu: 2}}]
";
    insta::assert_snapshot!(shown(&mut world, text), @r#"
    Plan  site.yaml: 1 to go on with, 1 to take over as they are, nothing to delete
      ~ storage-pool/data  dir  failed before: try again
      = profile/web             as declared: the manifest owns it from now on
    "#);
}

#[test]
fn long_lines_are_broken_into_one_for_each_member() {
    let mut world = World::with_members(3);
    let source = |number: u8| format!("/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R00000{number}");
    let members: Vec<String> = (1..=3).map(|number| format!("node{number}: {{source: {}}}", source(number))).collect();
    let text = format!("storage_pools: [{{name: data, driver: zfs, members: {{{}}}}}]", members.join(", "));
    insta::assert_snapshot!(shown(&mut world, &text), @r#"
    Plan  site.yaml: 1 to create, nothing to delete
      + storage-pool/data  zfs
            node1 source=/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R000001
            node2 source=/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R000002
            node3 source=/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R000003
    "#);
}

#[test]
fn colours_follow_the_meaning() {
    let mut world = World::with_members(1);
    let plan = world.plan(&manifest("profiles: [{name: web}]"), Mode::Declarative).expect("a plan");
    let paint = |meaning: Meaning, text: &str| format!("<{meaning:?}>{text}</>");
    let text = plan.render(&Look { title: "x", width: 80, paint: &paint });
    assert!(text.contains("<Added>+</> <Strong>profile/web"), "{text}");
}

#[test]
fn the_json_holds_what_the_screen_shows() {
    let mut world = World::with_members(2);
    world.lose("node2");
    let text = "storage_pools: [{name: data, driver: dir, members: {node1: {source: /a}}}]";
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let mut json = serde_json::to_value(&plan).expect("JSON");
    json.as_object_mut().expect("an object").remove("digest");
    json["changes"][0].as_object_mut().expect("an object").remove("at");
    insta::assert_snapshot!(serde_json::to_string(&json).expect("text"), @r#"{"base":6,"changes":[{"action":"create","fields":[{"after":"dir","path":"driver"}],"impact":"live","key":{"kind":"storage-pool","name":"data"},"members":[{"fields":[{"after":"/a","path":"source"}],"member":"node1"},{"member":"node2","offline":true}],"precondition":null,"variant":"dir","waits_for":["node2"]}],"format_version":"1.2","offline":[{"member":"node2","silent_ms":38000}],"summary":{"adopt":0,"create":1,"delete":0,"members":2,"resume":0,"update":0,"waiting":1},"unchanged":0}"#);
}

#[test]
fn the_digest_follows_what_is_asked_for_and_not_what_is_chosen() {
    let auto = manifest("networks: [{name: lxdbr0, config: {ipv4.address: auto}}]");
    let digest = |seed: u64, desired| {
        let mut world = World::with_members(1);
        world.dice = crate::world::Lcg(seed);
        world.plan(desired, Mode::Declarative).expect("a plan").digest
    };
    assert_eq!(digest(1, &auto), digest(2, &auto));
    let none = manifest("networks: [{name: lxdbr0, config: {ipv4.address: none}}]");
    assert_ne!(digest(1, &auto), digest(1, &none));
}

#[test]
fn the_digest_of_a_plan_with_a_seed_gives_the_choice_again_and_binds_it() {
    let auto = manifest("networks: [{name: lxdbr0, config: {ipv4.address: auto}}]");
    let plan = |seed: u64, desired| {
        let world = World::with_members(1);
        let context = world.context(Mode::Declarative);
        seedbed::plan::plan(desired, world.state(), &context, &mut SeededRng::new(seed)).expect("a plan")
    };
    let one = plan(1, &auto);
    assert_eq!(seedbed::plan::seed_of(&one.digest), Some(1));
    assert_eq!((plan(1, &auto).digest, plan(1, &auto).apart()), (one.digest.clone(), one.apart()));
    assert_ne!(plan(2, &auto).digest, one.digest);
    let read: seedbed::plan::Plan = serde_json::from_value(serde_json::json!(one)).expect("a plan");
    assert_eq!(read.digest(), one.digest);
    let none = manifest("networks: [{name: lxdbr0, config: {ipv4.address: none, ipv6.address: none}}]");
    assert_eq!(plan(1, &none).digest, plan(2, &none).digest, "where nothing is chosen no seed matters");
}
