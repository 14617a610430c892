//! What holds for every manifest: planned, applied and settled, it plans nothing more.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use seedbed::kinds::Seeded;
use seedbed::model::{Config, Declared, Desired, Key, ProjectName};
use seedbed::plan::{Mode, Plan, plan};
use serde_json::{Value, json};

use crate::world::{World, declared};

fn config(keys: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Config> {
    let entry =
        select(keys).prop_flat_map(|(key, values)| (Just(key.to_owned()), select(values).prop_map(str::to_owned)));
    proptest::collection::vec(entry, 0..4)
        .prop_map(|entries| entries.into_iter().collect::<BTreeMap<_, _>>())
        .prop_map(Config)
}

fn own(keys: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Vec<(&'static str, Config)>> {
    let some =
        |name: &'static str| (any::<bool>(), config(keys)).prop_map(move |(there, keys)| there.then_some((name, keys)));
    (some("node1"), some("node2")).prop_map(|(one, two)| one.into_iter().chain(two).collect())
}

fn pool() -> impl Strategy<Value = (Key, Declared)> {
    let shared = config(&[("rsync.bwlimit", &["0", "10"]), ("user.a", &["x", "y", ""])]);
    let own = own(&[("source", &["/srv/a", "/srv/b"])]);
    (select(&["data", "fast"][..]), shared, own).prop_map(|(name, config, own)| {
        (Key::new("storage-pool", name), declared(json!({"driver": "dir", "config": config}), &own))
    })
}

fn network() -> impl Strategy<Value = (Key, Declared)> {
    let shared = config(&[
        ("ipv4.address", &["auto", "none", "10.20.0.1/24"]),
        ("ipv6.address", &["auto", "none"]),
        ("ipv4.nat", &["true", "yes", "false"]),
        ("bridge.mtu", &["1400", "9000"]),
    ]);
    let own = own(&[("bridge.external_interfaces", &["eth1", "eth2", ""])]);
    (select(&["lxdbr0", "br1"][..]), shared, own).prop_map(|(name, config, own)| {
        (Key::new("network", name), declared(json!({"type": "bridge", "config": config}), &own))
    })
}

fn profile() -> impl Strategy<Value = (Key, Declared)> {
    let shared = config(&[("limits.cpu", &["1", "2"]), ("user.a", &["x", ""]), ("limits.memory", &["1GiB", "010GiB"])]);
    let nic = prop_oneof![
        Just(json!({"type": "nic", "nictype": "bridged", "parent": "br0"})),
        Just(json!({"type": "nic", "nictype": "p2p", "name": "eth0"})),
        Just(json!({"type": "none"})),
    ];
    let devices = btree_map(select(&["eth0", "eth1"][..]).prop_map(str::to_owned), nic, 0..3);
    let project = select(&["default", "shop"][..]);
    (select(&["default", "web"][..]), project, shared, devices).prop_map(|(name, project, config, devices)| {
        let spec = json!({"config": config, "devices": devices, "description": ""});
        (Key::in_project("profile", &ProjectName::from(project), name), declared(spec, &[]))
    })
}

fn server() -> impl Strategy<Value = (Key, Declared)> {
    let shared = config(&[("cluster.max_voters", &["3", "5"]), ("images.auto_update_interval", &["15", ""])]);
    let own = own(&[("core.https_address", &[":8443"])]);
    (shared, own).prop_map(|(config, own)| (Key::server(), declared(json!({"config": config}), &own)))
}

fn member() -> impl Strategy<Value = (Key, Declared)> {
    let texts = (select(&["", "rack1", "rack2"][..]), select(&["node1", "node2", "node9"][..]));
    let groups = proptest::collection::vec(select(&["left", "right"][..]), 0..2);
    (texts, groups).prop_map(|((domain, name), groups)| {
        (Key::new("member", name), declared(json!({"failure_domain": domain, "groups": groups}), &[]))
    })
}

fn certificate() -> impl Strategy<Value = (Key, Declared)> {
    select(&["client", "metrics"][..]).prop_map(|usage| {
        (Key::new("certificate", &"ab".repeat(32)), declared(json!({"type": usage, "name": "me"}), &[]))
    })
}

/// Any set of objects of any kind. The project is always there: half of the profiles are in it.
pub fn desired() -> impl Strategy<Value = Desired> {
    let project = config(&[("limits.instances", &["1", "2", ""]), ("restricted", &["true", "false"])]);
    let project = project.prop_map(|config| (Key::new("project", "shop"), declared(json!({"config": config}), &[])));
    let any_one = prop_oneof![pool(), network(), profile(), server(), member(), certificate()];
    (project, proptest::collection::vec(any_one, 0..8))
        .prop_map(|(project, others)| Desired { objects: others.into_iter().chain([project]).collect() })
}

fn pending(world: &mut World, desired: &Desired, mode: Mode) -> String {
    match world.plan(desired, mode) {
        Ok(plan) => plan.changes.iter().map(|change| format!("{change:?}\n")).collect(),
        Err(findings) => format!("{findings:?}"),
    }
}

/// The declared configuration, as far as it says something and leaves nothing to the system.
fn asked(declared: &Declared) -> Vec<(String, String)> {
    let config = declared.spec.0.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let texts = config.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
    texts.filter(|(_, value)| !value.is_empty() && value != "auto").collect()
}

/// The keys that only the earlier declaration has.
fn gone(earlier: &Declared, later: &Declared) -> Vec<String> {
    let later = later.spec.config();
    earlier.spec.config().0.into_keys().filter(|name| !later.contains_key(name)).collect()
}

fn seeded(world: &World, desired: &Desired, seed: u64) -> Result<Plan, Vec<seedbed::model::Finding>> {
    plan(desired, world.state(), &world.context(Mode::Declarative), &mut Seeded::new(seed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_applied_and_settled_plans_nothing_more(desired in desired(), members in 2_u64..5, merges: bool) {
        let mode = if merges { Mode::Merge } else { Mode::Declarative };
        let mut world = World::with_members(members);
        world.apply(&desired, mode);
        prop_assert_eq!(pending(&mut world, &desired, mode), "", "before the members have acted");
        world.settle();
        prop_assert_eq!(pending(&mut world, &desired, mode), "", "after they have");
    }

    #[test]
    fn the_last_manifest_wins_whatever_came_before(first in desired(), second in desired()) {
        let mut world = World::with_members(2);
        if world.plan(&first, Mode::Declarative).is_ok() {
            world.apply(&first, Mode::Declarative);
        }
        if world.plan(&second, Mode::Declarative).is_ok() {
            world.apply(&second, Mode::Declarative);
            world.settle();
            prop_assert_eq!(pending(&mut world, &second, Mode::Declarative), "");
            for (key, declared) in &second.objects {
                let left = first.objects.get(key).map(|earlier| gone(earlier, declared)).unwrap_or_default();
                let config = world.state().get(key).map(|object| object.spec.config()).unwrap_or_default();
                prop_assert!(left.iter().all(|name| !config.contains_key(name)), "{}: {:?} in {:?}", key, left, config);
                let Some(object) = world.state().get(key) else { continue };
                for (name, value) in asked(declared) {
                    prop_assert_eq!(object.spec.config().get(&name).cloned(), Some(value), "{} {}", key, name);
                }
            }
        }
    }

    #[test]
    fn what_nobody_declares_stays(other in desired(), mine in desired()) {
        let mut world = World::with_members(2);
        if world.plan(&other, Mode::Merge).is_ok() {
            world.apply(&other, Mode::Merge);
        }
        let before = world.state().clone();
        if world.plan(&mine, Mode::Declarative).is_ok() {
            world.apply(&mine, Mode::Declarative);
            for (key, object) in &before.objects {
                let declared = mine.objects.get(key).map(|declared| declared.spec.config()).unwrap_or_default();
                let config = object.spec.config();
                let kept = config.iter().filter(|(name, _)| !declared.contains_key(*name));
                for (name, value) in kept {
                    prop_assert_eq!(world.state().objects[key].spec.config().get(name).cloned(), Some(value.clone()), "{} {}", key, name);
                }
            }
        }
    }

    #[test]
    fn what_a_plan_shows_is_committed_byte_by_byte_or_it_is_another_plan(
        desired in desired(),
        other in desired(),
        seed: u64,
        moves: bool,
    ) {
        let mut world = World::with_members(2);
        let Ok(seen) = seeded(&world, &desired, seed) else { return Ok(()) };
        if moves && world.plan(&other, Mode::Merge).is_ok() {
            world.apply(&other, Mode::Merge);
        }
        let chance = seedbed::plan::seed_of(&seen.digest).unwrap_or(seed.wrapping_add(1));
        let Ok(now) = seeded(&world, &desired, chance) else { return Ok(()) };
        if now.digest == seen.digest {
            let bytes = |plan: &Plan| serde_json::to_string(&plan.apart().1).expect("JSON");
            prop_assert_eq!(bytes(&now), bytes(&seen));
            let shown = |plan: &Plan| plan.render(&seedbed::plan::Look::plain("x"));
            prop_assert_eq!(shown(&now), shown(&seen));
        } else {
            prop_assert!(moves, "the same state gives the same plan");
        }
    }

    #[test]
    fn a_plan_carries_no_more_than_the_objects_that_it_shows(desired in desired()) {
        let mut world = World::with_members(2);
        let Ok(plan) = world.plan(&desired, Mode::Declarative) else { return Ok(()) };
        let seedbed::model::Command::Write(write) = plan.write(String::new(), world.liveness.at, String::new()) else {
            return Ok(());
        };
        prop_assert_eq!(write.changes.len(), plan.changes.len());
        let is_expected = |key: &Key| write.expect.iter().any(|expect| expect.key == *key);
        prop_assert!(plan.changes.iter().all(|change| is_expected(&change.key)));
    }
}
