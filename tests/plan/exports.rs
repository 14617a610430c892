//! Export and plan are each other's way back: what is exported plans no change, for every kind and driver.

use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use seedbed::kinds::tables::key_table::{self, KeyInfo, KeyScope};
use seedbed::kinds::{self, Kind};
use seedbed::manifest::{self, Frame, Options, Source, emit};
use seedbed::model::{Config, Desired, Key};
use seedbed::plan::{Action, Mode, export};
use serde_json::json;

use crate::laws::desired;
use crate::world::{World, declared};

/// What a plan of the exported state would change; nothing but who owns it.
pub fn pending(world: &mut World) -> Vec<String> {
    let exported = export(world.state());
    let frame = Frame { enabled: Some(true), ..Frame::default() };
    // Through the text, as a user has it.
    let text = emit(&exported.desired, &frame);
    let loaded = manifest::load(&[Source::new("export.yaml", text.clone())], &Options::default());
    if !loaded.is_usable() {
        return vec![format!("{text}\n{:#?}", loaded.findings)];
    }
    match world.plan(&loaded.desired, Mode::Declarative) {
        Ok(plan) => {
            let is_change = |change: &&seedbed::plan::PlannedChange| {
                change.action != Action::Adopt || !change.fields.is_empty() || !change.members.is_empty()
            };
            plan.changes.iter().filter(is_change).map(|change| format!("{change:?}\n{text}")).collect()
        }
        Err(findings) => vec![format!("{findings:#?}\n{text}")],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_plans_no_change(desired in desired(), members in 1_u64..4, merges: bool) {
        let mut world = World::with_members(members);
        let mode = if merges { Mode::Merge } else { Mode::Declarative };
        if world.plan(&desired, mode).is_err() {
            return Ok(());
        }
        world.apply(&desired, mode);
        world.settle();
        let found = pending(&mut world);
        prop_assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn value(info: &KeyInfo) -> String {
    match info.key {
        "source" => "/srv/pool".to_owned(),
        // A word would let the system choose.
        key if key.ends_with("address") => info.form.example(),
        _ => info.words().next().map_or_else(|| info.form.example(), str::to_owned),
    }
}

fn named(key: &str) -> String {
    let step =
        |step: &str| if step == "*" || key_table::is_name_step(step) { "some".to_owned() } else { step.to_owned() };
    key.split('.').map(step).collect::<Vec<_>>().join(".")
}

// One object with one key of its own, made, settled and exported. What the rules refuse is not there to be exported.
fn key_comes_back(kind: &dyn Kind, variant: (&str, &str), info: &KeyInfo) -> bool {
    let (key, text) = (named(info.key), value(info));
    let config = Config::from([(key.as_str(), text.as_str())]);
    let is_own = info.scope == KeyScope::Member;
    let mut spec = json!({ (variant.0): variant.1 });
    if !is_own {
        spec["config"] = json!(config);
    }
    let members = if is_own { vec![("node1", config)] } else { Vec::new() };
    let name = if kind.words().kind == "network" { "br0" } else { "some" };
    let object = (Key::new(kind.words().kind, name), declared(spec, &members));
    let desired = Desired { objects: [object].into() };
    let mut world = World::with_members(2);
    if world.plan(&desired, Mode::Declarative).is_err() {
        return false;
    }
    world.apply(&desired, Mode::Declarative);
    world.settle();
    let found = pending(&mut world);
    assert!(found.is_empty(), "{} {variant:?} {key}: {}", kind.words().kind, found.join("\n"));
    true
}

#[test]
fn every_key_of_every_driver_comes_back() {
    let mut came_back = 0;
    for kind in ["storage-pool", "network"].into_iter().filter_map(kinds::find) {
        let variants = kind.variants().expect("drivers or types");
        for variant in &variants.values {
            let mut spec = seedbed::model::Spec::default();
            spec.0.insert(variants.field.to_owned(), json!(variant));
            let settable = |info: &&&KeyInfo| !info.key.starts_with("volatile.");
            let rows: Vec<&KeyInfo> = kind.entities(&spec).into_iter().flat_map(key_table::keys_of).collect();
            let of_driver =
                rows.iter().filter(settable).filter(|info| key_comes_back(kind, (variants.field, variant), info));
            came_back += of_driver.count();
        }
    }
    assert!(came_back > 180, "only {came_back} keys were taken and came back");
}

#[test]
fn a_source_is_exported_as_it_was_given_and_what_members_chose_is_not() {
    let mut world = World::with_members(2);
    let source = Config::from([("source", "/dev/disk/by-id/x")]);
    let pool = declared(json!({"driver": "btrfs"}), &[("node1", source)]);
    let key = Key::new("storage-pool", "data");
    world.apply(&Desired { objects: [(key.clone(), pool)].into() }, Mode::Declarative);
    world.settle();
    let learned = [("source", "/dev/vdb"), ("volatile.initial_source", "/dev/disk/by-id/x")];
    world.learn("storage-pool/data", "node1", Config::from(learned));
    world.learn("storage-pool/data", "node2", Config::from([("source", "/var/lib/x.img"), ("size", "5GiB")]));
    let exported = export(world.state());
    let members = &exported.desired.objects[&key].members;
    assert_eq!(members["node1"], Config::from([("source", "/dev/disk/by-id/x")]));
    assert_eq!(members["node2"], Config::from([("size", "5GiB")]));
    assert_eq!(pending(&mut world), Vec::<String>::new());
}

#[test]
fn secrets_are_named_and_left_out() {
    let mut world = World::with_members(1);
    let config = json!({"config": {"core.trust_password": "$argon2id$x", "loki.auth.password": "sekret"}});
    world.put(&Key::server(), seedbed::model::Rollout::EveryMember, config);
    let exported = export(world.state());
    assert_eq!(exported.secrets[&Key::server()], ["core.trust_password", "loki.auth.password"]);
    assert!(!emit(&exported.desired, &Frame::default()).contains("sekret"));
}
