//! What a plan says of its changes: what stops, who is concerned, and in which order it is done.

use seedbed::model::{Change, Command, Key, Timestamp};
use seedbed::plan::{Impact, Look, Mode, Plan, read_set, users};

use crate::world::{World, manifest};

const SITE: &str = "
storage_pools: [{name: data, driver: dir}]
networks: [{name: br0, type: bridge, config: {ipv4.address: 10.1.0.1/24, ipv6.address: none}}]
profiles:
- {name: web, devices: {root: {type: disk, path: /, pool: data}, eth0: {type: nic, network: br0}}}
- {name: shop, devices: {root: {type: disk, path: /, pool: data}}}
";

fn with_users(world: &World, plan: Plan) -> Plan {
    let keys = plan.changing();
    let part = world.state().part(&|known| read_set::of_users(&keys, known));
    assert_eq!(users(&keys, &part), users(&keys, world.state()), "users must not depend on what is not asked for");
    plan.with_users(users(&keys, &part))
}

#[test]
fn a_change_says_what_stops_and_who_uses_the_object() {
    let mut world = World::with_members(2);
    world.apply(&manifest(SITE), Mode::Declarative);
    world.settle();
    let changed = SITE.replace("10.1.0.1", "10.1.0.2").replace("driver: dir}", "driver: dir, description: fast}");
    let plan = world.plan(&manifest(&changed), Mode::Declarative).expect("a plan");
    let plan = with_users(&world, plan);
    insta::assert_snapshot!(plan.render(&Look::plain("site.yaml")), @r"
    Plan  site.yaml: 2 to change, nothing to delete
      ~ storage-pool/data  dir     description: (none) -> fast
            used by 2 profiles
      ~ network/br0        bridge  config.ipv4.address: 10.1.0.1/24 -> 10.1.0.2/24
            restarts its DHCP and DNS server; used by 1 profile
      2 objects unchanged
    ");
    let impacts: Vec<Impact> = plan.changes.iter().map(|change| change.impact).collect();
    assert_eq!(impacts, [Impact::Live, Impact::Restart]);
}

#[test]
fn what_is_new_stops_nothing_and_an_address_of_the_server_ends_connections() {
    let mut world = World::with_members(1);
    let plan = world.plan(&manifest(SITE), Mode::Declarative).expect("a plan");
    assert!(plan.changes.iter().all(|change| change.impact == Impact::Live), "{plan:?}");
    assert!(plan.changing().is_empty(), "nobody uses what does not exist");
    world.apply(&manifest("config: {core.https_address: '127.0.0.1:8443'}"), Mode::Declarative);
    world.settle();
    let moved = manifest("config: {core.https_address: '127.0.0.1:8444'}");
    let plan = world.plan(&moved, Mode::Declarative).expect("a plan");
    assert_eq!(plan.changes[0].restarts, "the HTTPS port: connections to the old address end");
}

#[test]
fn the_order_that_is_shown_is_the_order_in_which_it_is_done() {
    let mut world = World::with_members(2);
    world.apply(&manifest("profiles: [{name: web}]\nprojects: [{name: shop}]"), Mode::Declarative);
    let text = format!("projects: [{{name: shop, description: x}}, {{name: a}}]\n{SITE}");
    let plan = world.plan(&manifest(&text), Mode::Declarative).expect("a plan");
    let Command::Write(write) = plan.write("order".to_owned(), Timestamp(3), "test".to_owned()) else {
        panic!("a plan is a write")
    };
    let done: Vec<String> = write
        .changes
        .iter()
        .map(|change| match change {
            Change::Put(put) => put.key.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let shown: Vec<String> = plan.changes.iter().map(|change| change.key.to_string()).collect();
    assert!(shown.len() > 5, "{shown:?}");
    assert_eq!(done, shown);
    let lines = plan.render(&Look::plain("order"));
    let places: Vec<usize> =
        shown.iter().map(|key| lines.find(&format!(" {key} ")).or_else(|| lines.find(key)).expect("shown")).collect();
    assert!(places.is_sorted(), "{lines}");
}

#[test]
fn a_plan_that_was_taken_apart_and_read_again_commits_the_same() {
    let mut world = World::with_members(2);
    let plan = world.plan(&manifest(SITE), Mode::Declarative).expect("a plan");
    let (expect, changes) = plan.apart();
    let text = serde_json::to_string(&plan).expect("text");
    let read: Plan = serde_json::from_str(&text).expect("a plan");
    assert_eq!(read.together(expect, changes), plan);
}

/// What a plan of this text says of members that it may cut off.
fn cuts(world: &mut World, text: &str) -> Vec<String> {
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let plan = plan.with_cut_offs(&world.state().clone());
    let told = plan.notes.iter().filter(|note| note.code == seedbed::plan::CUT_OFF).count();
    let said: Vec<String> = plan.changes.iter().flat_map(|change| change.cuts_off.clone()).collect();
    assert_eq!(told, said.len(), "programs read of each one");
    said
}

fn network(name: &str, config: &str) -> String {
    format!("networks: [{{name: {name}, config: {{ipv6.address: none, {config}}}}}]")
}

#[test]
fn what_is_new_may_cut_members_off_as_well() {
    let mut world = World::with_members(2);
    for (config, expected) in [
        ("ipv4.address: 10.1.0.1/24", ""),
        ("ipv4.address: 10.93.0.2/24", "10.93.0.2 is the address at which node2 is reached: node2 would be cut off"),
        (
            "ipv4.address: 10.93.7.1/16",
            "10.93.0.2, at which node2 is reached, is in 10.93.0.0/16: node2 would be looked for there and be cut off",
        ),
        (
            "ipv4.address: 10.1.0.1/24, ipv4.routes: '10.9.0.0/24, 10.93.0.2/32'",
            "10.93.0.2, at which node2 is reached, is in 10.93.0.2/32, which leads to network/br0: node2 would be cut off",
        ),
    ] {
        let said = cuts(&mut world, &network("br0", config));
        let of_two: Vec<&String> = said.iter().filter(|text| text.contains("node2")).collect();
        assert_eq!(of_two.first().map_or("", |text| text.as_str()), expected, "{config}");
    }
    let ports = "networks: [{name: br0, config: {ipv4.address: none, ipv6.address: none}, members: {node1: {bridge.external_interfaces: eth1}}}]";
    assert_eq!(
        cuts(&mut world, ports),
        ["node1 may be reached through eth1 (bridge.external_interfaces): it would be cut off"]
    );
}

#[test]
fn the_plan_says_beside_the_change_who_is_cut_off_and_what_takes_it_back() {
    let mut world = World::with_members(2);
    let plan = world.plan(&manifest(&network("br4", "ipv4.address: 10.93.0.2/30")), Mode::Declarative).expect("a plan");
    let text = plan.with_cut_offs(&world.state().clone()).render(&Look::plain("site/"));
    let beside = "      ! 10.93.0.2 is the address at which node2 is reached: node2 would be cut off\n        apply --confirm 60s takes it back by itself\n";
    assert!(text.contains(beside), "{text}");
    assert!(!text.contains("SB184") && text.matches("takes it back").count() == 1, "{text}");
}

#[test]
fn a_change_of_what_carries_a_members_address_is_told() {
    let mut world = World::with_members(2);
    let first = "config: {core.https_address: '10.93.0.1:8443'}
networks: [{name: lan, config: {ipv4.address: 10.93.0.2/30, ipv6.address: none}}]";
    world.put(&Key::server(), seedbed::model::Rollout::EveryMember, serde_json::json!({"config": {}}));
    world.apply(&manifest(first), Mode::Declarative);
    world.settle();
    let second = first.replace("10.93.0.1:8443", ":8443").replace("10.93.0.2/30", "10.99.0.9/24");
    assert_eq!(
        cuts(&mut world, &second),
        [
            "node1 is reached elsewhere afterwards (core.https_address): it may be cut off until others know",
            "node2 is reached at 10.93.0.2, which goes away: node2 would be cut off",
        ]
    );
    assert_eq!(cuts(&mut world, first), [""; 0], "what stays cuts nobody off");
}

#[test]
fn subnets_that_overlap_with_stored_networks_are_told() {
    let mut world = World::with_members(2);
    world.apply(&manifest(&network("br0", "ipv4.address: 10.7.0.1/16")), Mode::Declarative);
    let told = |world: &mut World, text: &str| -> Vec<String> {
        let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
        plan.notes.iter().filter(|note| note.code == "SB114").map(|note| note.message.clone()).collect()
    };
    let overlapping = network("br1", "ipv4.address: 10.7.3.1/24");
    assert_eq!(
        told(&mut world, &overlapping),
        ["the subnets of network/br1 (10.7.3.0/24) and network/br0 (10.7.0.0/16) overlap"]
    );
    assert_eq!(told(&mut world, &network("br1", "ipv4.address: 10.8.3.1/24")), [""; 0]);
    world.apply(&manifest(&overlapping), Mode::Declarative);
    let described = overlapping.replace("config:", "description: x, config:");
    assert_eq!(told(&mut world, &described), [""; 0], "what was so before is no news");
    // Reading the files has told of two that they declare themselves, where an allowance may stand.
    let both = |at: u8| {
        let networks: Vec<String> = (0..2)
            .map(|low| {
                format!("- {{name: br{}, type: bridge, config: {{ipv4.address: 10.{at}.{low}.1/16}}}}\n", at + low)
            })
            .collect();
        format!("networks:\n{}", networks.concat())
    };
    assert_eq!(told(&mut world, &both(20)), [""; 0]);
    assert_eq!(told(&mut world, &both(7)).len(), 4, "each with the two stored ones");
}
