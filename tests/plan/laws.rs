//! What holds for every manifest: planned, applied and settled, it plans nothing more, and what was there before makes no
//! difference to what it declares.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use seedbed::kinds::{self, SeededRng};
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
        Just(json!({"type": "nic", "nictype": "p2p", "mtu": "1400"})),
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

fn project_config() -> impl Strategy<Value = Config> {
    config(&[
        ("limits.instances", &["1", "2", ""]),
        ("restricted", &["false"]),
        ("features.profiles", &["true", "false"]),
        ("features.images", &["true", "false"]),
        ("features.networks", &["true", "false"]),
    ])
}

fn project() -> impl Strategy<Value = (Key, Declared)> {
    (project_config(), select(&["", "data"][..]), select(&["", "goods"][..])).prop_map(|(config, storage, words)| {
        let spec = json!({"config": config, "storage": storage, "description": words});
        (Key::new("project", "shop"), declared(spec, &[]))
    })
}

/// Any set of objects of any kind. The project is always there: half of the profiles are in it; and so is the pool that
/// it may be short for.
pub fn desired() -> impl Strategy<Value = Desired> {
    let any_one = prop_oneof![pool(), network(), profile(), server(), member(), certificate()];
    let data = (Key::new("storage-pool", "data"), declared(json!({"driver": "dir"}), &[]));
    (project(), proptest::collection::vec(any_one, 0..8)).prop_map(move |(project, others)| Desired {
        objects: [data.clone()].into_iter().chain(others).chain([project]).collect(),
    })
}

/// What somebody sends without a manifest: a whole configuration.
fn by_hand() -> impl Strategy<Value = Vec<(Key, Config)>> {
    let of = |key: Key| {
        move |mut config: Config| {
            config.retain(|_, value| !value.is_empty());
            (key.clone(), config)
        }
    };
    let network =
        config(&[("ipv4.address", &["none", "10.20.0.1/24"]), ("ipv4.nat", &["true"]), ("bridge.mtu", &["1400"])]);
    let profile = config(&[("limits.cpu", &["1", "2"]), ("user.a", &["x"])]);
    let one = prop_oneof![
        project_config().prop_map(of(Key::new("project", "shop"))),
        network.prop_map(of(Key::new("network", "br1"))),
        profile.prop_map(of(Key::new("profile", "web"))),
        config(&[("user.a", &["x"])]).prop_map(of(Key::new("storage-pool", "data"))),
    ];
    proptest::collection::vec(one, 1..5)
}

/// What one object is to all members and to each. What the system may choose freely is the same whatever it chose, and
/// so is what a member keeps once it has made it.
pub fn comparable(world: &World, key: &Key, declared: &Declared) -> Option<(Value, Vec<Config>)> {
    let object = world.state().get(key)?;
    let mut config = object.spec.config();
    let asked = declared.spec.config();
    for name in ["ipv4.address", "ipv6.address"] {
        let is_open = matches!(asked.value(name), None | Some("auto"));
        if is_open && config.value(name).is_some_and(|text| text != "none") {
            config.insert(name.to_owned(), "(chosen)".to_owned());
        }
    }
    // Secrets are kept where files should not be, and a member's addresses are kept because others know them.
    let is_kept = |name: &str| kinds::is_secret(key.kind.as_str(), name) || name.ends_with(".https_address");
    config.retain(|name, _| !is_kept(name));
    let mut spec = object.spec.clone();
    spec.set_config(&config);
    spec.0.retain(|_, value| !matches!(value, Value::Object(map) if map.is_empty()));
    let own = object.placements.values().map(|placement| {
        let mut config = placement.config.clone();
        config.retain(|name, _| name != "source" && !is_kept(name));
        config
    });
    Some((json!(spec), own.collect()))
}

/// The stored objects that their projects have no place for.
fn lost(world: &World) -> Vec<String> {
    let project = |project: &ProjectName| {
        world.state().get(&Key::new("project", project.as_str())).map(|object| object.spec.config())
    };
    world.state().objects.keys().filter(|key| kinds::home(key, project) != **key).map(Key::to_string).collect()
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

fn seeded(world: &World, desired: &Desired, seed: u64) -> Result<Plan, Vec<seedbed::model::Finding>> {
    plan(desired, world.state(), &world.context(Mode::Declarative), &mut SeededRng::new(seed))
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
            let config = |project: &ProjectName| Some(world.state().get(&Key::new("project", project.as_str()))?.spec.config());
            let home = |key: &Key| seedbed::kinds::home(key, config);
            for (key, declared) in &second.objects {
                // What two declare differently of one object is a finding of whoever reads the files, and no plan's matter.
                let is_told_twice = second.objects.keys().filter(|other| home(other) == home(key)).count() > 1;
                let Some(object) = world.state().get(key).filter(|_| !is_told_twice) else { continue };
                for (name, value) in asked(declared) {
                    prop_assert_eq!(object.spec.config().get(&name).cloned(), Some(value), "{} {}", key, name);
                }
            }
        }
    }

    #[test]
    fn what_was_there_makes_no_difference_to_what_is_declared(first in desired(), second in desired()) {
        let (mut used, mut fresh) = (World::with_members(2), World::with_members(2));
        if used.plan(&first, Mode::Declarative).is_err() {
            return Ok(());
        }
        used.apply(&first, Mode::Declarative);
        used.settle();
        if used.plan(&second, Mode::Declarative).is_err() || fresh.plan(&second, Mode::Declarative).is_err() {
            return Ok(());
        }
        for world in [&mut used, &mut fresh] {
            world.apply(&second, Mode::Declarative);
            world.settle();
            prop_assert_eq!(lost(world), Vec::<String>::new());
        }
        let implied = (Key::in_project("profile", &ProjectName::from("shop"), "default"), Declared::default());
        let is_home = |key: &Key| fresh.state().get(key).is_some();
        // What another file says of it stays.
        let implied = Some(implied).filter(|(key, _)| !first.objects.contains_key(key));
        let keys: Vec<_> = second.objects.clone().into_iter().chain(implied).collect();
        for (key, declared) in keys.iter().filter(|(key, _)| is_home(key) || used.state().get(key).is_some()) {
            prop_assert_eq!(comparable(&used, key, declared), comparable(&fresh, key, declared), "{}", key);
        }
    }

    #[test]
    fn what_somebody_sends_is_exported_as_it_is_and_applied_away_once(desired in desired(), by_hand in by_hand()) {
        let mut world = World::with_members(2);
        if world.plan(&desired, Mode::Declarative).is_err() {
            return Ok(());
        }
        world.apply(&desired, Mode::Declarative);
        world.settle();
        for (key, config) in by_hand {
            world.send(&key, &config);
            world.settle();
            prop_assert_eq!(lost(&world), Vec::<String>::new());
            let found = crate::exports::pending(&mut world);
            prop_assert!(found.is_empty(), "{}", found.join("\n"));
        }
        if world.plan(&desired, Mode::Declarative).is_ok() {
            world.apply(&desired, Mode::Declarative);
            world.settle();
            prop_assert_eq!(pending(&mut world, &desired, Mode::Declarative), "");
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
                if world.state().get(key).is_none() {
                    // The default profile of a project that has none of its own any more.
                    prop_assert_eq!(key.to_string(), "profile/shop/default");
                    continue;
                }
                // What a project without profiles of its own declares is said of the default project's.
                let alias = Key::in_project("profile", &ProjectName::from("shop"), key.name.as_str());
                if key.kind.as_str() == "profile" && mine.objects.contains_key(&alias) {
                    continue;
                }
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
