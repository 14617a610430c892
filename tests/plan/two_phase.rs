//! Every refusal of LXD's two phases, with its status and its words.

use seedbed::kinds;
use seedbed::model::{ClusterState, Command, Config, Key, MemberName, Phase, PlacementPhase, Rollout, Spec};
use seedbed::plan::lxd::{Ask, Refusal, Stamp, create, create_everywhere, define, delete, undelete, update};
use seedbed::plan::read_set;
use serde_json::json;

use seedbed::plan::Mode;

use crate::world::{Lcg, World, manifest, name};

/// A request as LXD's client makes it.
enum Call<'a> {
    Define(&'a str),
    Create,
    CreateEverywhere,
    Update(Option<&'a str>),
    Delete,
    Undelete,
}

fn ask(world: &mut World, key: &str, call: &Call<'_>, spec: serde_json::Value) -> Result<Command, Refusal> {
    let serde_json::Value::Object(spec) = spec else { panic!("a spec is an object") };
    let spec = Spec(spec);
    let key: Key = key.parse().expect("a key");
    let request = format!("call-{}", world.state().revision);
    let stamp = Stamp { request, at: world.liveness.at, by: "test".to_owned() };
    let World { ledger, liveness, here, dice, .. } = world;
    let is_targeted = matches!(call, Call::Define(_) | Call::Update(Some(_)));
    let part = match call {
        Call::Delete | Call::Undelete => ledger.state.part(&|known| read_set::of_removal(&key, known)),
        _ => ledger.state.part(&|known| read_set::of_request(&key, &spec, is_targeted, known)),
    };
    let decide = |state: &ClusterState, dice: &mut Lcg| {
        let ask = Ask { state, liveness, here, key: &key, stamp: stamp.clone() };
        match call {
            Call::Define(target) => define(&ask, &spec, &name(target)),
            Call::Create => create(&ask, &spec, dice),
            Call::Update(target) => update(&ask, &spec, target.map(MemberName::from).as_ref(), dice),
            Call::CreateEverywhere => create_everywhere(&ask, &spec, dice),
            Call::Delete => delete(&ask),
            Call::Undelete => undelete(&ask),
        }
    };
    let on_part = decide(&part, &mut Lcg(dice.0));
    assert_eq!(on_part, decide(&ledger.state, dice), "a request must not depend on what it does not ask for");
    on_part
}

fn done(world: &mut World, key: &str, call: Call<'_>, spec: serde_json::Value) {
    let command = ask(world, key, &call, spec).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    world.commit(&command);
}

fn refused(world: &mut World, key: &str, call: Call<'_>, spec: serde_json::Value) -> (u16, String) {
    let refusal = ask(world, key, &call, spec).expect_err("a refusal");
    (refusal.status, refusal.message)
}

fn said(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

/// A pool and a network in the same situation.
const BOTH: [(&str, &str); 2] = [("storage-pool/data", "dir"), ("network/br9", "bridge")];

fn body(key: &str, config: Config) -> serde_json::Value {
    let (field, variant) = if key.starts_with("storage") { ("driver", "dir") } else { ("type", "bridge") };
    json!({field: variant, "config": config})
}

fn plain(key: &str) -> serde_json::Value {
    body(key, Config::default())
}

/// Defined on `node1` only, in a cluster of three.
fn half_defined(key: &str) -> World {
    let mut world = World::with_members(3);
    done(&mut world, key, Call::Define("node1"), plain(key));
    world
}

fn defined(key: &str) -> World {
    let mut world = half_defined(key);
    done(&mut world, key, Call::Define("node2"), plain(key));
    done(&mut world, key, Call::Define("node3"), plain(key));
    world
}

fn created(key: &str) -> World {
    let mut world = defined(key);
    done(&mut world, key, Call::Create, plain(key));
    world.settle();
    assert_eq!(world.object(key).phase, Phase::Created);
    world
}

fn errored(key: &str) -> World {
    let mut world = defined(key);
    done(&mut world, key, Call::Create, plain(key));
    world.report(&name("node1"), PlacementPhase::Created);
    world.report(&name("node3"), PlacementPhase::Errored);
    assert_eq!(world.object(key).phase, Phase::Errored);
    world
}

#[test]
fn the_seeds_own_commands_work() {
    let mut world = World::with_members(2);
    let source = |device: &str| json!({"driver": "zfs", "config": {"source": device}});
    done(&mut world, "storage-pool/data", Call::Define("node1"), source("/dev/vdb1"));
    done(&mut world, "storage-pool/data", Call::Define("node2"), source("/dev/vdc1"));
    assert_eq!(world.object("storage-pool/data").phase, Phase::Pending);
    done(&mut world, "storage-pool/data", Call::Create, json!({"driver": "zfs", "config": {"volume.size": "1GiB"}}));
    assert_eq!(world.object("storage-pool/data").phase, Phase::Creating);
    assert_eq!(world.own("storage-pool/data", "node2").value("source"), Some("/dev/vdc1"));
    assert_eq!(world.config("storage-pool/data").value("volume.size"), Some("1GiB"));
    let ports = |port: &str| json!({"config": {"bridge.external_interfaces": port}});
    done(&mut world, "network/my-network", Call::Define("node1"), json!({"config": {}}));
    done(&mut world, "network/my-network", Call::Define("node2"), ports("eth1"));
    done(&mut world, "network/my-network", Call::Create, json!({"config": {"ipv6.address": "none"}}));
    assert_eq!(world.own("network/my-network", "node2").value("bridge.external_interfaces"), Some("eth1"));
}

#[test]
fn finalize_names_the_members_that_are_not_defined() {
    let (pool, network) = ("storage-pool/data", "network/br9");
    assert_eq!(
        refused(&mut half_defined(pool), pool, Call::Create, plain(pool)),
        said(500, "Pool not defined on nodes: node2, node3")
    );
    assert_eq!(
        refused(&mut half_defined(network), network, Call::Create, plain(network)),
        said(500, "Network not defined on nodes: node2, node3")
    );
}

#[test]
fn finalize_needs_a_definition() {
    let mut world = World::with_members(3);
    for (key, word) in [("storage-pool/data", "Pool"), ("network/br9", "Network")] {
        let text = format!("{word} not pending on any node (use --target <node> first)");
        assert_eq!(refused(&mut world, key, Call::Create, plain(key)), said(500, &text));
    }
}

#[test]
fn a_member_that_is_down_is_found_before_anything_is_changed() {
    for (key, _) in BOTH {
        let mut world = defined(key);
        world.lose("node3");
        let down = said(500, "peer node 10.93.0.3:8443 is down");
        assert_eq!(refused(&mut world, key, Call::Create, plain(key)), down);
        let mut world = created(key);
        world.lose("node3");
        assert_eq!(refused(&mut world, key, Call::Update(None), json!({"config": {"user.a": "x"}})), down);
        assert_eq!(world.object(key).phase, Phase::Created);
    }
}

#[test]
fn a_removal_needs_nobody_who_is_silent_and_can_be_called_back() {
    for (key, _) in BOTH {
        let mut world = created(key);
        world.lose("node3");
        done(&mut world, key, Call::Delete, json!({}));
        assert_eq!(world.object(key).phase, Phase::Deleting);
        world.settle();
        let left: Vec<&str> = world.object(key).placements.keys().map(MemberName::as_str).collect();
        assert_eq!(left, ["node3"], "the others have let go of it");
        let mut other = world.ledger.state.clone();
        done(&mut world, key, Call::Undelete, json!({}));
        assert_eq!(world.object(key).phase, Phase::Creating);
        world.find("node3");
        world.settle();
        assert_eq!((world.object(key).phase, world.object(key).placements.len()), (Phase::Created, 3));
        assert_eq!(refused(&mut world, key, Call::Undelete, json!({})).0, 409, "it is not being removed");
        // Or it goes on when the member is back.
        std::mem::swap(&mut world.ledger.state, &mut other);
        world.settle();
        assert!(world.state().get(&key.parse().expect("a key")).is_none());
    }
}

#[test]
fn what_a_member_had_of_its_own_and_nobody_remembers_is_not_made_up() {
    let mut world = World::with_members(2);
    let source = |device: &str| json!({"driver": "zfs", "config": {"source": device}});
    for (member, device) in [("node1", "/dev/vdb"), ("node2", "/dev/vdc")] {
        done(&mut world, "storage-pool/data", Call::Define(member), source(device));
    }
    done(&mut world, "storage-pool/data", Call::Create, json!({"driver": "zfs"}));
    world.settle();
    world.lose("node2");
    done(&mut world, "storage-pool/data", Call::Delete, json!({}));
    world.settle();
    let (status, text) = refused(&mut world, "storage-pool/data", Call::Undelete, json!({}));
    assert_eq!(status, 409);
    assert!(text.contains("node1 has taken its part") && text.contains("`source`"), "{text}");
}

#[test]
fn one_step_defines_and_creates_on_all_members() {
    for (key, _) in BOTH {
        let mut world = World::with_members(3);
        done(&mut world, key, Call::CreateEverywhere, plain(key));
        assert_eq!((world.object(key).phase, world.object(key).placements.len()), (Phase::Creating, 3));
        // What was defined for one member stays as it was defined.
        let mut world = half_defined(key);
        done(&mut world, key, Call::CreateEverywhere, plain(key));
        world.settle();
        assert_eq!((world.object(key).phase, world.object(key).placements.len()), (Phase::Created, 3));
        assert_eq!(refused(&mut world, key, Call::CreateEverywhere, plain(key)).0, 500, "it is there");
        let mut world = World::with_members(3);
        world.lose("node3");
        let down = said(500, "peer node 10.93.0.3:8443 is down");
        assert_eq!(refused(&mut world, key, Call::CreateEverywhere, plain(key)), down);
        assert!(world.state().get(&key.parse().expect("a key")).is_none());
    }
    let mut world = World::with_members(2);
    let spec = json!({"driver": "btrfs", "config": {"size": "1GiB", "rsync.bwlimit": "10"}});
    done(&mut world, "storage-pool/loops", Call::CreateEverywhere, spec);
    for member in ["node1", "node2"] {
        assert_eq!(world.own("storage-pool/loops", member).value("size"), Some("1GiB"));
    }
    assert_eq!(world.config("storage-pool/loops").value("rsync.bwlimit"), Some("10"));
    let parentless = json!({"type": "physical", "config": {}});
    let (status, text) = refused(&mut world, "network/lan", Call::CreateEverywhere, parentless);
    assert!(status == 400 && text.contains("parent"), "{status} {text}");
}

#[test]
fn shared_keys_do_not_take_a_target() {
    let mut world = World::with_members(3);
    let pool = body("storage-pool/data", Config::from([("rsync.bwlimit", "10")]));
    assert_eq!(
        refused(&mut world, "storage-pool/data", Call::Define("node1"), pool),
        said(500, "Config key \"rsync.bwlimit\" may not be used as member-specific key")
    );
    let network = body("network/br9", Config::from([("ipv4.address", "none")]));
    assert_eq!(
        refused(&mut world, "network/br9", Call::Define("node1"), network),
        said(400, "Config key \"ipv4.address\" may not be used as member-specific key")
    );
}

#[test]
fn member_specific_keys_need_a_target() {
    let mut world = defined("storage-pool/data");
    let spec = body("storage-pool/data", Config::from([("source", "/x")]));
    assert_eq!(
        refused(&mut world, "storage-pool/data", Call::Create, spec),
        said(500, "Config key \"source\" is cluster member specific")
    );
    let mut world = defined("network/br9");
    let spec = body("network/br9", Config::from([("bridge.external_interfaces", "eth1")]));
    assert_eq!(
        refused(&mut world, "network/br9", Call::Create, spec),
        said(500, "Config key \"bridge.external_interfaces\" is cluster member specific")
    );
}

#[test]
fn a_member_is_defined_once() {
    for (key, text) in [
        ("storage-pool/data", "The storage pool already defined on member \"node1\""),
        ("network/br9", "The network is already defined on member \"node1\""),
    ] {
        assert_eq!(refused(&mut half_defined(key), key, Call::Define("node1"), plain(key)), said(400, text));
    }
}

#[test]
fn a_target_must_be_a_member() {
    let not_found = said(404, "Cluster member not found");
    for (key, _) in BOTH {
        assert_eq!(refused(&mut World::with_members(2), key, Call::Define("node9"), plain(key)), not_found);
        assert_eq!(refused(&mut created(key), key, Call::Update(Some("node9")), json!({})), not_found);
    }
}

#[test]
fn definitions_agree_in_driver_and_type() {
    let (pool, network) = ("storage-pool/data", "network/br9");
    assert_eq!(
        refused(&mut half_defined(pool), pool, Call::Define("node2"), json!({"driver": "btrfs"})),
        said(500, "Storage pool already exists with a different driver")
    );
    assert_eq!(
        refused(&mut half_defined(network), network, Call::Define("node2"), json!({"type": "macvlan"})),
        said(500, "Requested network type doesn't match type in existing database record")
    );
    assert_eq!(
        refused(&mut defined(pool), pool, Call::Create, json!({"driver": "btrfs"})),
        said(500, "Requested storage pool driver \"btrfs\" doesn't match driver in existing database record \"dir\"")
    );
    assert_eq!(
        refused(&mut defined(network), network, Call::Create, json!({"type": "macvlan"})),
        said(500, "Requested network type \"macvlan\" doesn't match type in existing database record \"bridge\"")
    );
}

#[test]
fn nothing_is_defined_after_the_create_began() {
    for (key, text) in [
        ("storage-pool/data", "Storage pool is not in pending state"),
        ("network/br9", "Network is not in pending state"),
    ] {
        assert_eq!(refused(&mut created(key), key, Call::Define("node1"), plain(key)), said(500, text));
        assert_eq!(refused(&mut errored(key), key, Call::Define("node1"), plain(key)), said(500, text));
    }
}

#[test]
fn what_is_created_is_created() {
    for (key, text) in [
        ("storage-pool/data", "The storage pool is already created"),
        ("network/br9", "The network is already created"),
    ] {
        assert_eq!(refused(&mut created(key), key, Call::Create, plain(key)), said(500, text));
    }
    let mut alone = World::with_members(1);
    done(&mut alone, "network/br9", Call::Create, plain("network/br9"));
    alone.settle();
    let again = refused(&mut alone, "network/br9", Call::Create, plain("network/br9"));
    assert_eq!(again, said(500, "The network already exists"));
}

#[test]
fn a_second_create_takes_no_configuration_and_tries_again() {
    for (key, word, config) in [
        ("storage-pool/data", "Storage pool", Config::from([("rsync.bwlimit", "1")])),
        ("network/br9", "Network", Config::from([("ipv4.nat", "true")])),
    ] {
        let mut world = errored(key);
        let text =
            format!("{word} already partially created. Please do not specify any global config when re-running create");
        assert_eq!(refused(&mut world, key, Call::Create, body(key, config)), said(500, &text));
        let before = world.object(key).generation;
        done(&mut world, key, Call::Create, plain(key));
        assert!(world.object(key).generation > before);
        world.settle();
        assert_eq!(world.object(key).phase, Phase::Created);
    }
}

#[test]
fn shared_keys_change_only_once_created_and_members_keys_before_that() {
    for (key, spoken) in [("storage-pool/data", "storage pool"), ("network/br9", "network")] {
        let text = format!("Cannot update {spoken} global config when not in created state");
        let change = json!({"config": {"user.a": "x"}});
        assert_eq!(refused(&mut defined(key), key, Call::Update(None), change.clone()), said(400, &text));
        assert_eq!(refused(&mut errored(key), key, Call::Update(None), change), said(400, &text));
    }
    let mut world = defined("storage-pool/data");
    let source = json!({"config": {"source": "/elsewhere"}});
    done(&mut world, "storage-pool/data", Call::Update(Some("node2")), source);
    assert_eq!(world.own("storage-pool/data", "node2").value("source"), Some("/elsewhere"));
    assert_eq!(world.object("storage-pool/data").phase, Phase::Pending);
}

#[test]
fn an_update_tells_shared_keys_from_those_of_members() {
    let target = Call::Update(Some("node1"));
    assert_eq!(
        refused(&mut created("storage-pool/data"), "storage-pool/data", target, json!({"config": {"user.a": "x"}})),
        said(400, "Config key \"user.a\" may not be used as cluster member specific key")
    );
    let target = Call::Update(Some("node1"));
    assert_eq!(
        refused(&mut created("network/br9"), "network/br9", target, json!({"config": {"user.a": "x"}})),
        said(400, "Config key \"user.a\" may not be used as member-specific key")
    );
    for (key, own) in [("storage-pool/data", "size"), ("network/br9", "bridge.external_interfaces")] {
        let text = format!("Config key \"{own}\" is cluster member specific");
        let change = json!({"config": {own: "1GiB"}});
        assert_eq!(refused(&mut created(key), key, Call::Update(None), change), said(400, &text));
    }
}

#[test]
fn names_and_drivers_are_checked() {
    let mut world = World::with_members(3);
    let long = Key { name: "a/b".to_owned(), ..Key::new("storage-pool", "x") };
    let stamp = Stamp { request: "r".to_owned(), at: world.liveness.at, by: "test".to_owned() };
    let ask_for = |key: &Key, spec: serde_json::Value| {
        let serde_json::Value::Object(spec) = spec else { panic!("a spec is an object") };
        let World { ledger, liveness, here, .. } = &world;
        let ask = Ask { state: &ledger.state, liveness, here, key, stamp: stamp.clone() };
        define(&ask, &Spec(spec), &name("node1")).map_err(|refusal| (refusal.status, refusal.message))
    };
    assert_eq!(ask_for(&long, json!({"driver": "dir"})), Err(said(400, "Storage pool names may not contain slashes")));
    let empty = Key::new("storage-pool", "");
    assert_eq!(ask_for(&empty, json!({"driver": "dir"})), Err(said(400, "No name provided")));
    let pool = "storage-pool/data";
    assert_eq!(refused(&mut world, pool, Call::Define("node1"), json!({})), said(400, "No driver provided"));
    assert_eq!(
        refused(&mut world, pool, Call::Define("node1"), json!({"driver": "floppy"})),
        said(400, "Unknown driver")
    );
}

#[test]
fn a_pool_is_used_only_once_it_is_there() {
    let root = json!({"devices": {"root": {"type": "disk", "path": "/", "pool": "data"}}});
    let mut world = defined("storage-pool/data");
    assert_eq!(
        refused(&mut world, "profile/web", Call::Create, root.clone()),
        said(500, "Specified pool is not fully created")
    );
    let nic = json!({"devices": {"eth0": {"type": "nic", "network": "br9"}}});
    let mut world = defined("network/br9");
    assert_eq!(
        refused(&mut world, "profile/web", Call::Create, nic),
        said(500, "Specified network is not fully created")
    );
    assert_eq!(refused(&mut world, "profile/web", Call::Create, root), said(404, "Storage pool not found"));
}

#[test]
fn a_profile_can_be_changed_while_its_pool_is_in_trouble() {
    let mut world = created("storage-pool/data");
    let root = json!({"devices": {"root": {"type": "disk", "path": "/", "pool": "data"}}});
    done(&mut world, "profile/web", Call::Create, root);
    world.put(&Key::new("storage-pool", "data"), Rollout::EveryMember, json!({"driver": "dir", "config": {}}));
    let state = &mut world.ledger.state;
    state.objects.get_mut(&Key::new("storage-pool", "data")).expect("the pool").phase = Phase::Errored;
    done(&mut world, "profile/web", Call::Update(None), json!({"config": {"user.a": "x"}}));
    assert_eq!(world.config("profile/web").value("user.a"), Some("x"));
}

#[test]
fn an_update_that_changes_nothing_is_no_change() {
    let mut world = created("storage-pool/data");
    let changes = |world: &mut World, target, spec| {
        let command = ask(world, "storage-pool/data", &Call::Update(target), spec).expect("no refusal");
        let Command::Write(write) = command else { panic!("a write") };
        write.changes.len()
    };
    assert_eq!(changes(&mut world, None, json!({"config": {}, "description": ""})), 0);
    assert_eq!(changes(&mut world, Some("node1"), json!({"config": {}})), 0);
    assert_eq!(changes(&mut world, None, json!({"config": {"user.a": "x"}})), 1);
}

#[test]
fn the_source_of_a_pool_stays() {
    let mut world = created("storage-pool/data");
    let change = json!({"config": {"source": "/elsewhere"}});
    assert_eq!(
        refused(&mut world, "storage-pool/data", Call::Update(Some("node1")), change),
        said(500, "Pool source cannot be changed when not in pending state")
    );
}

#[test]
fn what_is_in_use_is_not_removed() {
    let mut world = created("storage-pool/data");
    let root = json!({"devices": {"root": {"type": "disk", "path": "/", "pool": "data"}}});
    done(&mut world, "profile/web", Call::Create, root);
    let call = ask(&mut world, "storage-pool/data", &Call::Delete, json!({})).expect_err("in use");
    assert_eq!((call.status, call.message.as_str()), (400, "The storage pool is currently in use"));
    assert_eq!(call.hint.as_deref(), Some("used by profile/web"));
    let mut world = created("network/br9");
    let nic = json!({"devices": {"eth0": {"type": "nic", "nictype": "bridged", "parent": "br9"}}});
    done(&mut world, "profile/web", Call::Create, nic);
    let text = "The network is currently in use";
    assert_eq!(refused(&mut world, "network/br9", Call::Delete, json!({})), said(400, text));
    done(&mut world, "profile/web", Call::Delete, json!({}));
    done(&mut world, "network/br9", Call::Delete, json!({}));
    assert_eq!(world.object("network/br9").phase, Phase::Deleting);
}

#[test]
fn a_definition_is_dropped_without_asking_anybody() {
    for (key, _) in BOTH {
        let mut world = defined(key);
        world.lose("node3");
        done(&mut world, key, Call::Delete, json!({}));
        assert!(world.state().get(&key.parse().expect("a key")).is_none());
    }
}

#[test]
fn a_cluster_of_one_needs_no_definition() {
    for (key, own) in [
        ("storage-pool/data", Config::from([("source", "/srv/data"), ("rsync.bwlimit", "1")])),
        ("network/br9", Config::from([("bridge.external_interfaces", "eth1"), ("ipv4.address", "none")])),
    ] {
        let mut world = World::with_members(1);
        done(&mut world, key, Call::Create, body(key, own.clone()));
        let first = own.keys().find(|name| world.own(key, "node1").contains_key(*name)).expect("a member's key");
        assert!(!world.config(key).contains_key(first));
        world.settle();
        assert_eq!(world.object(key).phase, Phase::Created);
    }
}

#[test]
fn records_are_created_at_once_and_only_once() {
    let mut world = World::with_members(3);
    done(&mut world, "project/shop", Call::Create, json!({}));
    assert_eq!(world.config("project/shop").value("features.profiles"), Some("true"));
    assert_eq!(world.object("profile/shop/default").phase, Phase::Created);
    assert_eq!(refused(&mut world, "project/shop", Call::Create, json!({})), said(409, "The project already exists"));
    done(&mut world, "profile/shop/web", Call::Create, json!({}));
    assert_eq!(
        refused(&mut world, "project/shop", Call::Delete, json!({})),
        said(400, "Only empty projects can be removed")
    );
    done(&mut world, "profile/shop/web", Call::Delete, json!({}));
    done(&mut world, "project/shop", Call::Delete, json!({}));
    assert!(world.state().get(&"profile/shop/default".parse().expect("a key")).is_none());
    assert_eq!(refused(&mut world, "profile/web", Call::Update(None), json!({})), said(404, "Profile not found"));
    assert_eq!(refused(&mut world, "profile/gone/web", Call::Create, json!({})), said(404, "Project not found"));
}

#[test]
fn only_what_is_there_is_held() {
    let mut world = World::with_members(1);
    done(&mut world, "project/shop", Call::Create, json!({}));
    done(&mut world, "profile/shop/web", Call::Create, json!({}));
    done(&mut world, "profile/app", Call::Create, json!({}));
    let hold = |key: &str| json!({"key": key, "until": 1, "description": "why"});
    let name = |key: &str| format!("hold/{}", key.replace('/', ":"));
    for (key, hint) in [
        ("profile/apq", "did you mean profile/app?"),
        ("profile/shop/app", "did you mean profile/app?"),
        ("profile/web", "did you mean profile/shop/web?"),
        ("profile/shop/wob", "did you mean profile/shop/web?"),
        ("profile/nothing", "seedbed get profile lists what there is"),
        ("storage-pool/data", "seedbed get storage-pool lists what there is"),
        ("storage/data", "did you mean storage-pool/data?"),
        ("profiles/shop/web", "did you mean profile/shop/web?"),
        ("netwerk/br0", "did you mean network/br0?"),
        ("thing/br0", "seedbed status lists what there is"),
    ] {
        let refusal = ask(&mut world, &name(key), &Call::Create, hold(key)).expect_err("nothing to hold");
        let expected = (404, format!("there is no {key} to hold"), Some(hint.to_owned()));
        assert_eq!((refusal.status, refusal.message, refusal.hint), expected);
    }
    for key in ["profile/app", "profile/shop/web", "project/shop", "member/node1"] {
        done(&mut world, &name(key), Call::Create, hold(key));
    }
    // A hold may outlive what it holds: it is prolonged and released all the same.
    done(&mut world, "profile/app", Call::Delete, json!({}));
    done(&mut world, "hold/profile:app", Call::Update(None), json!({"key": "profile/app", "until": 2}));
    done(&mut world, "hold/profile:app", Call::Delete, json!({}));
}

#[test]
fn defaults_are_protected() {
    let mut world = World::with_members(1);
    for (key, text) in [
        ("project/default", "The default project cannot be deleted"),
        ("profile/default", "The \"default\" profile cannot be deleted"),
    ] {
        assert_eq!(refused(&mut world, key, Call::Delete, json!({})), said(403, text));
    }
}

#[test]
fn the_server_configuration_is_split_by_member() {
    let mut world = World::with_members(2);
    let config = json!({"config": {"core.https_address": ":8443", "cluster.max_voters": "5"}});
    done(&mut world, "config/server", Call::Update(None), config);
    assert_eq!(world.config("config/server"), Config::from([("cluster.max_voters", "5")]));
    assert_eq!(*world.own("config/server", "node1"), Config::from([("core.https_address", ":8443")]));
    assert_eq!(*world.own("config/server", "node2"), Config::default());
    let wrong = json!({"config": {"cluster.max_voters": "4"}});
    let text = "cannot set 'cluster.max_voters' to '4': Value must be an odd number equal to or higher than 3";
    assert_eq!(refused(&mut world, "config/server", Call::Update(None), wrong), said(400, text));
}

#[test]
fn every_kind_that_members_realise_has_two_phases_or_is_the_configuration() {
    let spread: Vec<&str> =
        kinds::ALL.iter().filter(|kind| kind.rollout() == Rollout::EveryMember).map(|kind| kind.words().kind).collect();
    assert_eq!(spread, ["config", "storage-pool", "network"]);
}

#[test]
fn a_pool_and_a_network_that_are_named_as_a_project_are_deleted_like_any_other() {
    let mut world = World::with_members(1);
    let default = "{type: disk, path: /, pool: default}";
    let text = format!(
        "storage_pools:\n- {{name: default, driver: dir}}\n- {{name: shop, driver: dir}}\nnetworks:\n- {{name: shop}}\n\
         projects:\n- {{name: shop, storage: shop, network: shop}}\nprofiles:\n- {{name: default, devices: {{root: {default}}}}}\n"
    );
    world.apply(&manifest(&text), Mode::Declarative);
    world.settle();
    for (key, user) in [
        ("storage-pool/default", "profile/default"),
        ("storage-pool/shop", "profile/shop/default"),
        ("network/shop", "profile/shop/default"),
    ] {
        let refusal = ask(&mut world, key, &Call::Delete, json!({})).expect_err("it is used");
        assert!(refusal.hint.unwrap_or_default().contains(user), "{key}: {}", refusal.message);
    }
}

#[test]
fn a_project_does_not_keep_the_pool_that_it_was_short_for() {
    let mut world = World::with_members(1);
    let site = "storage_pools:\n- {name: data, driver: dir}\n- {name: other, driver: dir}\nprojects:\n- {name: shop, storage: data}\n";
    world.apply(&manifest(site), Mode::Declarative);
    world.settle();
    let devices = json!({"devices": {"root": {"type": "disk", "path": "/", "pool": "other"}}});
    let moved = ask(&mut world, "profile/shop/default", &Call::Update(None), devices).expect("it changes");
    world.commit(&moved);
    ask(&mut world, "storage-pool/data", &Call::Delete, json!({})).expect("nobody uses it any more");
}

#[test]
fn the_default_profile_of_a_project_comes_and_goes_with_its_profiles() {
    let mut world = World::with_members(1);
    let made = ask(&mut world, "project/shop", &Call::Create, json!({"config": {}})).expect("it is made");
    world.commit(&made);
    let profile: Key = "profile/shop/default".parse().expect("a key");
    for (has, config) in [
        (false, json!({"features.profiles": "false"})),
        (true, json!({"features.profiles": "true"})),
        (false, json!({})),
    ] {
        let changed =
            ask(&mut world, "project/shop", &Call::Update(None), json!({"config": config})).expect("it changes");
        world.commit(&changed);
        assert_eq!(world.state().get(&profile).is_some(), has, "{config}");
    }
}

#[test]
fn the_users_of_a_project_are_those_who_live_in_it() {
    let mut world = World::with_members(1);
    world.apply(&manifest("projects:\n- {name: shop}\nprofiles:\n- {name: web, project: shop}\n"), Mode::Declarative);
    let keys = ["project/shop", "project/default"].map(|key| key.parse::<Key>().expect("a key"));
    let part = world.state().part(&|known| read_set::of_users(&keys, known));
    let users = seedbed::plan::users(&keys, &part);
    assert_eq!(users, seedbed::plan::users(&keys, world.state()));
    let of = |key: &Key| users[key].iter().map(Key::to_string).collect::<Vec<_>>();
    assert_eq!(of(&keys[0]), ["profile/shop/default", "profile/shop/web"]);
    assert_eq!(of(&keys[1]), ["profile/default"]);
}
