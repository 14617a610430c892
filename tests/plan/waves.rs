//! Changes that come to the members in waves.

use seedbed::model::{Canary, Claim, Object, PlacementPhase, Waves};
use seedbed::plan::{Look, Mode, Past, Plan, back};

use crate::world::{Lcg, World, manifest, name};

const SITE: &str = "
storage_pools: [{name: data, driver: dir, description: first}]
networks: [{name: br0, type: bridge, description: first, config: {ipv4.address: none, ipv6.address: none}}]
profiles: [{name: web, description: first}]
";

fn canary(waves: &str, max_failures: usize) -> Claim {
    Claim { canary: Some(Canary { waves: waves.to_owned(), max_failures }), ..Claim::default() }
}

fn apply(world: &mut World, claim: &Claim, text: &str) -> Plan {
    world.apply_as(claim, &manifest(text), Mode::Declarative)
}

fn waves<'a>(world: &'a World, key: &str) -> Option<&'a Waves> {
    world.object(key).management.waves.as_ref()
}

/// Three members that hold the site, and a first one that cannot take up the change of it.
fn stopped() -> World {
    let mut world = World::with_members(3);
    apply(&mut world, &Claim::default(), SITE);
    world.settle();
    apply(&mut world, &canary("1", 0), &SITE.replace("first", "two"));
    world.report(&name("node1"), PlacementPhase::Errored);
    world
}

#[test]
fn a_plan_says_in_which_order_members_take_it_up_and_what_comes_to_all_at_once() {
    let mut world = World::with_members(4);
    world.lose("node2");
    let plan = world.plan_as(&canary("node3,1", 1), &manifest(SITE), Mode::Declarative).expect("a plan");
    insta::assert_snapshot!(plan.render(&Look::plain("site.yaml")), @r"
    Plan  site.yaml: 3 to create, nothing to delete, 2 waiting for node2
      in waves: node3, then node1, then node4, then node2;
                it stops when more than 1 member fails, 1 other change to all at once
      ! storage-pool/data  dir     description=first
          ? node2 has been silent for 38 s: defined now, created everywhere when it is back
      ! network/br0        bridge  ipv4.address=none · ipv6.address=none · description=first
          ? node2 has been silent for 38 s: defined now, created everywhere when it is back
      + profile/web                description=first
    ");
    let json = serde_json::to_value(&plan.waves).expect("JSON");
    assert_eq!(json["order"], serde_json::json!([["node3"], ["node1"], ["node4"], ["node2"]]));
    let at_once = world.plan(&manifest(SITE), Mode::Declarative).expect("a plan");
    assert_ne!(plan.digest, at_once.digest, "who has seen one has not seen the other");
    assert_eq!(at_once.waves, None);
    let all = world.plan_as(&canary("100%", 1), &manifest(SITE), Mode::Declarative).expect("a plan");
    assert_eq!(all.waves, None, "all at once is no order");
}

#[test]
fn what_is_no_wave_is_refused_with_what_would_be_one() {
    let mut world = World::with_members(3);
    let findings = world.plan_as(&canary("nod1", 0), &manifest(SITE), Mode::Declarative).expect_err("no such member");
    assert_eq!(findings[0].to_string(), "error[SB072]: `nod1` is neither a member nor a number or share of members");
    assert_eq!(findings[0].note.as_deref(), Some("did you mean `node1`?"));
}

#[test]
fn a_plan_made_again_while_members_take_it_up_changes_nothing() {
    let mut world = stopped();
    for claim in [Claim::default(), canary("1", 0), canary("2", 1)] {
        let again = world.plan_as(&claim, &manifest(&SITE.replace("first", "two")), Mode::Declarative).expect("a plan");
        assert!(again.is_empty(), "{:?}", again.changes);
    }
}

#[test]
fn a_mended_change_comes_in_the_same_order_and_one_with_an_order_of_its_own_in_that() {
    let mut world = stopped();
    let before = waves(&world, "network/br0").cloned().expect("waves");
    assert_eq!(waves(&world, "storage-pool/data").expect("waves").id, before.id, "one entry");
    assert_eq!(waves(&world, "profile/web"), None, "a record");
    let plan = apply(&mut world, &Claim::default(), &SITE.replace("first", "three"));
    assert_eq!(plan.waves.map(|waves| waves.order), Some(before.order.clone()));
    let after = waves(&world, "network/br0").expect("waves");
    assert!(after.id > before.id);
    assert_eq!(after.kept[&name("node3")].spec.as_ref().map(|spec| spec.text("description")), Some("first"));
    apply(&mut world, &canary("node3", 0), &SITE.replace("first", "four"));
    assert_eq!(waves(&world, "network/br0").expect("waves").order[0], [name("node3")]);
    apply(&mut world, &canary("100%", 0), &SITE.replace("first", "five"));
    assert_eq!(waves(&world, "network/br0"), None);
}

#[test]
fn who_joined_since_comes_last_and_who_left_is_forgotten() {
    let mut world = stopped();
    world.join(4);
    let plan = world.plan(&manifest(&SITE.replace("first", "three")), Mode::Declarative).expect("a plan");
    let order = plan.waves.expect("waves").order;
    assert_eq!(order, [["node1"], ["node2"], ["node3"], ["node4"]].map(|wave| wave.map(name).to_vec()));
}

#[test]
fn what_has_stopped_goes_on_in_spite_of_the_failures_that_there_are() {
    let mut world = stopped();
    let desired = manifest(&SITE.replace("first", "two"));
    let resume = Claim { resume: true, ..Claim::default() };
    let plan = world.apply_as(&resume, &desired, Mode::Declarative);
    let keys: Vec<String> = plan.changes.iter().map(|change| change.key.to_string()).collect();
    assert_eq!(keys, ["storage-pool/data", "network/br0"]);
    assert_eq!(waves(&world, "network/br0").expect("waves").max_failures, 1);
    world.report(&name("node1"), PlacementPhase::Errored);
    let again = world.plan_as(&resume, &desired, Mode::Declarative).expect("a plan");
    assert!(again.is_empty(), "it has not stopped: {:?}", again.changes);
    world.settle();
    assert!(world.state().objects.values().all(Object::is_converged));
}

#[test]
fn the_way_back_is_taken_by_all_at_once() {
    let mut world = stopped();
    let was = |key: &str| {
        let mut object = world.object(key).clone();
        object.spec.0.insert("description".to_owned(), "first".into());
        // As if an earlier change had been under way even then.
        seedbed::kinds::records::history::Was {
            key: object.key.clone(),
            action: "update".to_owned(),
            object: Some(object),
        }
    };
    let before =
        seedbed::kinds::records::history::Before { objects: vec![was("network/br0"), was("storage-pool/data")] };
    let liveness = world.liveness.clone();
    let here = world.here.clone();
    let context = seedbed::plan::Context { here: &here, liveness: &liveness, mode: Mode::Declarative, claim: None };
    let plan = back(&Past::before([before]), world.state(), &context, &mut Lcg(7)).expect("a way back");
    assert_eq!(plan.waves, None);
    world.commit(&plan.write("back".to_owned(), seedbed::model::Timestamp(9), "test".to_owned()));
    assert_eq!(waves(&world, "network/br0"), None);
}
