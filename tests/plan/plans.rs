//! What is planned for which input.

use seedbed::model::{Config, Finding, Generation, Phase, PlacementPhase};
use seedbed::plan::{Action, Mode, Plan, finish};

use crate::world::{World, manifest, name};

const POOL: &str = "
storage_pools:
- name: data
  driver: dir
  members:
    node1: {source: /srv/one}
    node2: {source: /srv/two}
";

fn actions(plan: &Plan) -> Vec<(String, Action)> {
    plan.changes.iter().map(|change| (change.key.to_string(), change.action)).collect()
}

fn codes(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.code.as_str(), finding.message.as_str())).collect()
}

#[test]
fn an_object_goes_to_every_member_with_the_keys_of_each() {
    let mut world = World::with_members(3);
    let plan = world.apply(&manifest(POOL), Mode::Declarative);
    assert_eq!(actions(&plan), [("storage-pool/data".to_owned(), Action::Create)]);
    assert_eq!(world.object("storage-pool/data").placements.len(), 3);
    assert_eq!(world.own("storage-pool/data", "node2").value("source"), Some("/srv/two"));
    assert_eq!(world.own("storage-pool/data", "node3").value("source"), None);
    assert_eq!(world.object("storage-pool/data").phase, Phase::Creating);
}

#[test]
fn a_key_that_left_the_manifest_is_unset_and_one_that_nobody_declared_stays() {
    let mut world = World::with_members(1);
    world.apply(&manifest("profiles: [{name: web, config: {limits.cpu: 2, user.a: x}}]"), Mode::Declarative);
    let other = manifest("profiles: [{name: web, config: {user.b: y}}]");
    world.apply(&other, Mode::Merge);
    world.apply(&manifest("profiles: [{name: web, config: {user.a: x}}]"), Mode::Declarative);
    assert_eq!(world.config("profile/web"), Config::from([("user.a", "x"), ("user.b", "y")]));
}

#[test]
fn nothing_is_ever_unset_when_merging() {
    let mut world = World::with_members(1);
    world.apply(&manifest("profiles: [{name: web, config: {limits.cpu: 2}}]"), Mode::Merge);
    world.apply(&manifest("profiles: [{name: web, config: {user.a: x}}]"), Mode::Merge);
    assert_eq!(world.config("profile/web"), Config::from([("limits.cpu", "2"), ("user.a", "x")]));
}

#[test]
fn what_the_system_chose_for_an_empty_value_stays() {
    let mut world = World::with_members(1);
    let desired = manifest("networks: [{name: br0, type: bridge, config: {ipv4.address: ''}}]");
    world.apply(&desired, Mode::Declarative);
    world.settle();
    let chosen = world.object("network/br0").spec.config();
    assert!(world.plan(&desired, Mode::Declarative).expect("a plan").is_empty(), "chosen: {chosen:?}");
}

#[test]
fn an_empty_value_unsets_a_key_that_somebody_else_has_set() {
    let mut world = World::with_members(1);
    world.apply(&manifest("profiles: [{name: web, config: {limits.cpu: 2}}]"), Mode::Merge);
    let unset = manifest("profiles: [{name: web, config: {limits.cpu: ''}}]");
    world.apply(&unset, Mode::Declarative);
    assert_eq!(world.config("profile/web"), Config::default());
    assert!(world.plan(&unset, Mode::Declarative).expect("a plan").is_empty());
}

#[test]
fn a_device_is_replaced_as_a_whole_where_lxd_mixes_the_old_and_the_new() {
    let mut world = World::with_members(1);
    let old = "profiles: [{name: web, devices: {eth0: {type: nic, nictype: bridged, parent: br0}}}]";
    world.apply(&manifest(old), Mode::Merge);
    let new =
        manifest("networks: [{name: lxdbr0}]\nprofiles: [{name: web, devices: {eth0: {type: nic, network: lxdbr0}}}]");
    let findings = world.plan(&new, Mode::Merge).expect_err("both meet in one device");
    assert!(codes(&findings)[0].1.contains("Cannot use \"nictype\" property in conjunction with \"network\""));
    world.apply(&new, Mode::Declarative);
    assert_eq!(world.object("profile/web").spec.0["devices"]["eth0"]["network"], "lxdbr0");
    assert!(world.object("profile/web").spec.0["devices"]["eth0"].get("nictype").is_none());
}

#[test]
fn what_exists_as_declared_is_taken_over_once() {
    let mut world = World::with_members(1);
    let desired = manifest("profiles: [{name: web, config: {limits.cpu: 2}}]");
    world.apply(&desired, Mode::Merge);
    let plan = world.apply(&desired, Mode::Declarative);
    assert_eq!(actions(&plan), [("profile/web".to_owned(), Action::Adopt)]);
    assert!(world.plan(&desired, Mode::Declarative).expect("a plan").is_empty());
}

#[test]
fn what_the_system_has_chosen_does_not_differ_from_auto() {
    let mut world = World::with_members(2);
    let desired = manifest("networks: [{name: lxdbr0, config: {ipv4.address: auto, ipv6.address: none}}]");
    let plan = world.apply(&desired, Mode::Declarative);
    let chosen = world.config("network/lxdbr0");
    assert_ne!(chosen.value("ipv4.address"), Some("auto"));
    let field = plan.changes[0].fields.iter().find(|field| field.path == "config.ipv4.address").expect("shown");
    assert!(field.computed);
    world.settle();
    assert!(world.plan(&desired, Mode::Declarative).expect("a plan").is_empty());
    let more =
        manifest("networks: [{name: lxdbr0, config: {ipv4.address: auto, ipv6.address: none, bridge.mtu: 1400}}]");
    world.apply(&more, Mode::Declarative);
    assert_eq!(world.config("network/lxdbr0").value("ipv4.address"), chosen.value("ipv4.address"));
}

#[test]
fn what_a_member_has_worked_out_does_not_differ() {
    let mut world = World::with_members(2);
    world.apply(&manifest(POOL), Mode::Declarative);
    world.settle();
    let learned = Config::from([("source", "/dev/disk/by-uuid/1"), ("volatile.initial_source", "/srv/one")]);
    world.learn("storage-pool/data", "node1", learned);
    assert!(world.plan(&manifest(POOL), Mode::Declarative).expect("a plan").is_empty());
}

#[test]
fn a_source_cannot_change_once_the_pool_is_made_but_before() {
    let mut world = World::with_members(2);
    world.apply(&manifest(POOL), Mode::Declarative);
    let moved = manifest(&POOL.replace("/srv/two", "/srv/three"));
    assert_eq!(actions(&world.plan(&moved, Mode::Declarative).expect("nothing is made yet"))[0].1, Action::Update);
    world.settle();
    let findings = world.plan(&moved, Mode::Declarative).expect_err("it is made");
    assert!(findings[0].message.starts_with("storage-pool/data: on node2: "), "{findings:?}");
}

#[test]
fn a_member_specific_key_needs_a_member_in_a_cluster_of_several() {
    let text = "storage_pools: [{name: data, driver: dir, config: {source: /srv/data}}]";
    let mut one = World::with_members(1);
    one.apply(&manifest(text), Mode::Declarative);
    assert_eq!(one.own("storage-pool/data", "node1").value("source"), Some("/srv/data"));
    let mut three = World::with_members(3);
    let findings = three.plan(&manifest(text), Mode::Declarative).expect_err("whose source?");
    assert_eq!(codes(&findings), [("SB064", "Config key \"source\" is cluster member specific")]);
    let help = "write members: {node1: {source: /srv/data}, node2: {source: /srv/data}, node3: {source: /srv/data}}";
    assert_eq!(findings[0].help, [help]);
}

#[test]
fn a_bootstrap_file_may_be_applied_again_after_others_have_joined() {
    let text = manifest("storage_pools: [{name: data, driver: dir, config: {source: /srv/data}}]");
    let mut world = World::with_members(1);
    world.apply(&text, Mode::Declarative);
    world.settle();
    world.join(2);
    let plan = world.plan(&text, Mode::Declarative).expect("it says nothing new");
    // All that is left is the placement on the member that has joined.
    assert_eq!(actions(&plan), [("storage-pool/data".to_owned(), Action::Update)]);
    assert_eq!(plan.changes[0].members.iter().map(|row| row.member.as_str()).collect::<Vec<_>>(), ["node2"]);
}

#[test]
fn members_that_do_not_exist_are_named_with_what_was_meant() {
    let mut world = World::with_members(2);
    let text = "storage_pools: [{name: data, driver: dir, members: {nod2: {source: /x}}}]";
    let findings = world.plan(&manifest(text), Mode::Declarative).expect_err("nobody is called nod2");
    let message = "storage-pool/data has keys for the member `nod2`, which is not in the cluster";
    assert_eq!(codes(&findings), [("SB065", message)]);
    assert_eq!(findings[0].note.as_deref(), Some("did you mean `node2`?"));
}

#[test]
fn members_that_are_declared_but_have_not_joined_are_noted_and_remembered() {
    let mut world = World::with_members(1);
    let text = "
cluster: {enabled: true, members: {node1: {address: '10.93.0.1:8443'}, node2: {address: '10.93.0.2:8443'}}}
storage_pools: [{name: data, driver: dir, members: {node1: {source: /a}, node2: {source: /b}}}]
";
    let plan = world.apply(&manifest(text), Mode::Declarative);
    assert_eq!(codes(&plan.notes), [("SB067", "the member node2 has not joined yet")]);
    assert_eq!(world.object("storage-pool/data").placements.len(), 1);
    world.settle();
    world.join(2);
    world.apply(&manifest(text), Mode::Declarative);
    assert_eq!(world.own("storage-pool/data", "node2").value("source"), Some("/b"));
}

#[test]
fn names_that_lead_nowhere_are_all_found() {
    let mut world = World::with_members(1);
    world.apply(&manifest("storage_pools: [{name: data, driver: dir}]"), Mode::Declarative);
    let text = "
profiles:
- {name: a, devices: {root: {type: disk, path: /, pool: dta}}}
- {name: b, project: webb}
";
    let findings = world.plan(&manifest(text), Mode::Declarative).expect_err("two names lead nowhere");
    assert_eq!(
        codes(&findings),
        [
            (
                "SB062",
                "profile/a names the storage pool `dta` in devices.root.pool, which neither exists nor is declared"
            ),
            ("SB062", "profile/webb/b is in the project `webb`, which neither exists nor is declared"),
        ]
    );
    assert_eq!(findings[0].note.as_deref(), Some("did you mean `data`?"));
}

#[test]
fn what_is_needed_comes_first() {
    let mut world = World::with_members(1);
    let text = "
profiles: [{name: web, project: shop, devices: {root: {type: disk, path: /, pool: data}}}]
projects: [{name: shop}]
storage_pools: [{name: data, driver: dir}]
";
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let order: Vec<String> = plan.changes.iter().map(|change| change.key.to_string()).collect();
    let at = |key: &str| order.iter().position(|shown| shown == key).unwrap_or_else(|| panic!("{key} in {order:?}"));
    assert!(at("storage-pool/data") < at("profile/shop/web"));
    assert!(at("project/shop") < at("profile/shop/web"));
    // The project brings a default profile along.
    assert!(order.contains(&"profile/shop/default".to_owned()));
}

#[test]
fn objects_of_projects_without_the_feature_live_in_default() {
    let mut world = World::with_members(1);
    let text = "
projects: [{name: shop, config: {features.profiles: 'false'}}]
profiles: [{name: web, project: shop}]
";
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let keys: Vec<String> = plan.changes.iter().map(|change| change.key.to_string()).collect();
    assert_eq!(keys, ["project/shop", "profile/web"]);
}

#[test]
fn the_storage_and_network_of_a_project_become_devices_of_its_default_profile() {
    let mut world = World::with_members(1);
    let text = "
storage_pools: [{name: data, driver: dir}]
networks: [{name: lxdbr0, config: {ipv4.address: none, ipv6.address: none}}]
projects: [{name: shop, storage: data, network: lxdbr0}]
";
    world.apply(&manifest(text), Mode::Declarative);
    let devices = &world.object("profile/shop/default").spec.0["devices"];
    assert_eq!(devices["root"]["pool"], "data");
    assert_eq!(devices["eth0"]["network"], "lxdbr0");
}

#[test]
fn features_change_only_in_empty_projects() {
    let mut world = World::with_members(1);
    world.apply(&manifest("projects: [{name: shop}]\nprofiles: [{name: web, project: shop}]"), Mode::Declarative);
    let text = "projects: [{name: shop, config: {features.profiles: 'false'}}]";
    let findings = world.plan(&manifest(text), Mode::Declarative).expect_err("the project has a profile");
    assert_eq!(codes(&findings).iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["SB061"]);
}

#[test]
fn a_create_with_a_member_away_becomes_a_definition_and_goes_on_by_itself() {
    let mut world = World::with_members(3);
    world.lose("node3");
    let desired = manifest(POOL);
    let plan = world.apply(&desired, Mode::Declarative);
    assert_eq!(plan.blocked().map(|change| change.key.to_string()).collect::<Vec<_>>(), ["storage-pool/data"]);
    assert_eq!(plan.offline[0].silent_ms, Some(38_000));
    let stored = world.object("storage-pool/data");
    assert_eq!((stored.phase, stored.placements.len()), (Phase::Pending, 3));
    assert!(world.plan(&desired, Mode::Declarative).expect("a plan").is_empty(), "it waits, there is nothing to add");
    assert_eq!(finish(world.state(), &world.here, &world.liveness), None);
    world.find("node3");
    let go = finish(world.state(), &world.here, &world.liveness).expect("all answer");
    let write = go.write("go".to_owned(), world.liveness.at, "reconciler".to_owned());
    world.commit(&seedbed::model::Command::Write(write));
    assert_eq!(world.object("storage-pool/data").phase, Phase::Creating);
    assert_eq!(finish(world.state(), &world.here, &world.liveness), None);
}

#[test]
fn a_create_that_waits_goes_on_when_it_was_merged_too() {
    let mut world = World::with_members(2);
    world.lose("node2");
    world.apply(&manifest(POOL), Mode::Merge);
    world.find("node2");
    assert!(finish(world.state(), &world.here, &world.liveness).is_some());
}

#[test]
fn records_wait_for_nobody_and_updates_only_where_they_must() {
    let mut world = World::with_members(3);
    world.apply(&manifest(POOL), Mode::Declarative);
    world.settle();
    world.lose("node3");
    let text = format!("{POOL}  config: {{rsync.bwlimit: '10'}}\nprofiles: [{{name: web}}]\n");
    let plan = world.apply(&manifest(&text), Mode::Declarative);
    assert_eq!(plan.blocked().count(), 0);
    let waits: Vec<usize> = plan.changes.iter().map(|change| change.waits_for.len()).collect();
    assert_eq!(waits, [1, 0]);
    assert_eq!(world.object("storage-pool/data").phase, Phase::Created);
}

#[test]
fn definitions_of_a_client_are_completed_and_created() {
    let mut world = World::with_members(2);
    let key = "storage-pool/data".parse().expect("a key");
    let ask = seedbed::plan::lxd::Ask {
        state: world.state(),
        liveness: &world.liveness,
        here: &world.here,
        key: &key,
        stamp: stamp(),
    };
    let spec = crate::world::declared(serde_json::json!({"driver": "dir", "config": {"source": "/own"}}), &[]).spec;
    let command = seedbed::plan::lxd::define(&ask, &spec, &name("node1")).expect("defined");
    world.commit(&command);
    let text = "storage_pools: [{name: data, driver: dir, members: {node2: {source: /srv/two}}}]";
    let plan = world.apply(&manifest(text), Mode::Declarative);
    assert_eq!(actions(&plan)[0].1, Action::Resume);
    assert_eq!(world.own("storage-pool/data", "node1").value("source"), Some("/own"));
    assert_eq!(world.own("storage-pool/data", "node2").value("source"), Some("/srv/two"));
    assert_eq!(world.object("storage-pool/data").phase, Phase::Creating);
}

fn stamp() -> seedbed::plan::lxd::Stamp {
    let at = seedbed::model::Timestamp(5);
    seedbed::plan::lxd::Stamp { request: "define".to_owned(), at, by: "test".to_owned() }
}

#[test]
fn what_failed_is_tried_again_with_only_what_is_missing() {
    let mut world = World::with_members(2);
    world.apply(&manifest(POOL), Mode::Declarative);
    world.report(&name("node1"), PlacementPhase::Created);
    world.report(&name("node2"), PlacementPhase::Errored);
    assert_eq!(world.object("storage-pool/data").phase, Phase::Errored);
    let plan = world.plan(&manifest(POOL), Mode::Declarative).expect("a plan");
    assert_eq!(actions(&plan)[0].1, Action::Retry);
    assert!(plan.only_retries());
    let other = manifest(&POOL.replace("/srv/two", "/srv/three"));
    let plan = world.apply(&other, Mode::Declarative);
    let rows: Vec<&str> = plan.changes[0].members.iter().map(|row| row.member.as_str()).collect();
    assert_eq!(rows, ["node2"]);
}

#[test]
fn a_plan_is_bound_to_what_it_touches_and_relies_upon_and_to_nothing_else() {
    let mut world = World::with_members(2);
    world.apply(&manifest(POOL), Mode::Declarative);
    let text = "profiles: [{name: web, devices: {root: {type: disk, path: /, pool: data}}}]\nnetworks: [{name: br0}]";
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let command = plan.write("x".to_owned(), world.liveness.at, "test".to_owned());
    let seedbed::model::Command::Write(write) = command else { panic!("a write") };
    let mut expected: Vec<(String, Option<u64>)> =
        write.expect.iter().map(|expect| (expect.key.to_string(), expect.generation.map(|one| one.0))).collect();
    expected.sort();
    let generation = |key: &str| Some(world.object(key).generation.0);
    assert_eq!(
        expected,
        [
            ("cluster/members".to_owned(), generation("cluster/members")),
            ("network/br0".to_owned(), None),
            ("profile/web".to_owned(), None),
            ("storage-pool/data".to_owned(), generation("storage-pool/data")),
        ]
    );
}

#[test]
fn what_is_being_removed_cannot_be_applied() {
    let mut world = World::with_members(1);
    world.apply(&manifest(POOL.split("  members").next().expect("a start")), Mode::Declarative);
    world.settle();
    let delete = seedbed::model::Change::Delete { key: "storage-pool/data".parse().expect("a key") };
    world.commit(&seedbed::model::Command::Write(seedbed::model::Write {
        request: "delete".to_owned(),
        at: world.liveness.at,
        by: "test".to_owned(),
        origin: None,
        expect: Vec::new(),
        changes: vec![delete],
    }));
    let findings = world.plan(&manifest("storage_pools: [{name: data, driver: dir}]"), Mode::Declarative);
    assert_eq!(codes(&findings.expect_err("it goes"))[0].0, "SB066");
}

#[test]
fn secrets_are_neither_in_the_json_nor_in_the_text_of_a_plan() {
    let mut world = World::with_members(1);
    let text = "config: {core.trust_password: sekret, cluster.max_voters: 5}";
    let plan = world.plan(&manifest(text), Mode::Declarative).expect("a plan");
    let json = serde_json::to_string(&plan).expect("JSON");
    assert!(!format!("{plan:?}").contains("sekret"));
    assert!(!json.contains("sekret") && json.contains("core.trust_password"), "{json}");
    assert!(!plan.render(&seedbed::plan::Look::plain("x")).contains("sekret"));
    let again: Plan = serde_json::from_str(&json).expect("a plan");
    assert_eq!(again.digest(), plan.digest);
}

#[test]
fn a_member_keeps_its_listen_address_when_a_manifest_says_nothing_of_it() {
    let mut world = World::with_members(1);
    world.apply(&manifest("config: {core.https_address: '10.93.0.1:8443', cluster.max_voters: 5}"), Mode::Declarative);
    world.apply(&manifest("config: {images.auto_update_interval: 15}"), Mode::Declarative);
    assert_eq!(world.own("config/server", "node1").value("core.https_address"), Some("10.93.0.1:8443"));
    assert_eq!(world.config("config/server"), Config::from([("images.auto_update_interval", "15")]));
}

#[test]
fn the_trust_password_is_only_unset_by_asking_for_it() {
    let mut world = World::with_members(1);
    world.apply(&manifest("config: {core.trust_password: $argon2id$x, cluster.max_voters: 5}"), Mode::Declarative);
    world.apply(&manifest("config: {cluster.max_voters: 3}"), Mode::Declarative);
    assert_eq!(world.config("config/server").value("core.trust_password"), Some("$argon2id$x"));
    world.apply(&manifest("config: {core.trust_password: ''}"), Mode::Declarative);
    assert_eq!(world.config("config/server"), Config::default());
}

#[test]
fn a_member_takes_over_what_people_choose_but_keeps_its_address() {
    let mut world = World::with_members(1);
    let text = "cluster: {enabled: true, members: {node1: {address: '10.93.0.1:8443', failure_domain: rack1}}}";
    world.apply(&manifest(text), Mode::Declarative);
    let record = world.object("member/node1");
    assert_eq!((record.spec.text("failure_domain"), record.generation), ("rack1", Generation(2)));
    let moved = text.replace("10.93.0.1", "10.93.0.9");
    let findings = world.plan(&manifest(&moved), Mode::Declarative).expect_err("addresses stay");
    assert_eq!(codes(&findings)[0].0, "SB061");
}
