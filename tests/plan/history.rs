//! What applies leave behind, and the way back.

use seedbed::kinds::records::history::{Applied, Before, RECORDS_MAX};
use seedbed::model::{Command, Desired, Finding, Key, Object, Revision, Timestamp};
use seedbed::plan::lxd::Stamp;
use seedbed::plan::{Action, Context, Look, Mode, Past, Plan, back, of_back, read_set, recall, since};

use crate::applies::{FIRST, SECOND, content, records, stamp, typed};
use crate::world::{Lcg, World, manifest};

fn before(world: &World, record: &Object) -> Before {
    typed(&world.state().objects[&Before::key(&record.key.name)])
}

/// Commits a plan with its record, and gives the revision.
fn remember(world: &mut World, plan: &Plan, why: &str) -> Revision {
    let write = plan.write_remembered(stamp(world), why, &world.state().clone(), &records(world));
    world.commit(&Command::Write(write));
    records(world).iter().map(|record| record.uid).max().expect("a record")
}

fn apply(world: &mut World, text: &str) -> Revision {
    let desired: Desired = manifest(text);
    let plan = world.plan(&desired, Mode::Declarative).expect("a plan");
    let revision = remember(world, &plan, "");
    world.settle();
    revision
}

fn past(world: &World, revision: Revision) -> Past {
    let all = records(world);
    let later = since(&all, revision).expect("a remembered revision");
    Past::before(later.into_iter().map(|record| before(world, record)))
}

/// The way back, on all of the state and on the part that is asked for, which must come to the same.
fn way_back(world: &World, revision: Revision) -> Result<Plan, Vec<Finding>> {
    let past = past(world, revision);
    let context = Context { here: &world.here, liveness: &world.liveness, mode: Mode::Declarative, claim: None };
    let part = world.state().part(&|known| {
        let mut extent =
            read_set::of_plan(&past.desired(&known.state), Mode::Declarative, &seedbed::model::Claim::default(), known);
        extent.extend(of_back(known));
        extent
    });
    let on_part = back(&past, &part, &context, &mut Lcg(5));
    assert_eq!(on_part, back(&past, world.state(), &context, &mut Lcg(5)));
    on_part
}

fn go_back(world: &mut World, revision: Revision) -> Plan {
    let plan = way_back(world, revision).unwrap_or_else(|findings| panic!("{findings:#?}"));
    remember(world, &plan, "back");
    world.settle();
    plan
}

#[test]
fn the_way_back_restores_what_was_declared_and_removes_what_was_not_there() {
    let mut world = World::with_members(2);
    let first = apply(&mut world, FIRST);
    let was = content(&world);
    apply(&mut world, SECOND);
    assert_ne!(content(&world), was);
    let plan = way_back(&world, first).expect("a plan");
    insta::assert_snapshot!(plan.render(&Look::plain("back")), @r"
    Plan  back: 3 to change, 1 to delete
      ~ storage-pool/data  dir     description: more -> (none)
      ~ network/br0        bridge  config.bridge.mtu: 1400 -> (none)
            restarts its DHCP and DNS server
      ~ profile/web
          ~ config.limits.cpu: 2 -> 1
          + config.user.a: (none) -> x
          - devices.root.path: / -> (none)
          - devices.root.pool: fast -> (none)
          - devices.root.type: disk -> (none)
      - storage-pool/fast  dir     was not there before
    ");
    go_back(&mut world, first);
    assert_eq!(content(&world), was);
}

#[test]
fn after_the_way_back_the_first_manifest_has_nothing_to_change() {
    let mut world = World::with_members(2);
    let first = apply(&mut world, FIRST);
    apply(&mut world, SECOND);
    go_back(&mut world, first);
    let plan = world.plan(&manifest(FIRST), Mode::Declarative).expect("a plan");
    assert!(plan.is_empty(), "{plan:#?}");
    assert!(way_back(&world, first).expect("a plan").is_empty(), "it is there already");
}

#[test]
fn the_way_back_from_the_way_back_is_the_way_forth() {
    let mut world = World::with_members(1);
    let first = apply(&mut world, FIRST);
    let second = apply(&mut world, SECOND);
    let was = content(&world);
    go_back(&mut world, first);
    go_back(&mut world, second);
    assert_eq!(content(&world), was);
}

#[test]
fn what_others_have_set_meanwhile_stays() {
    let mut world = World::with_members(1);
    let first = apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 1}}]");
    apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 2}}]");
    world.apply(&manifest("profiles: [{name: web, config: {user.b: y}}]"), Mode::Merge);
    go_back(&mut world, first);
    let config = world.config("profile/web");
    assert_eq!((config.value("limits.cpu"), config.value("user.b")), (Some("1"), Some("y")));
}

#[test]
fn what_is_used_bars_the_way_back_and_nothing_is_changed() {
    let mut world = World::with_members(1);
    let first = apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 1}}]");
    apply(&mut world, "networks: [{name: br0, config: {ipv4.address: 10.1.0.1/24}}]");
    let user = "profiles: [{name: mine, devices: {eth0: {type: nic, network: br0}}}]";
    world.apply(&manifest(user), Mode::Merge);
    let findings = way_back(&world, first).expect_err("somebody uses it");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, "SB182");
    assert!(findings[0].message.starts_with("network/br0 cannot go: "), "{findings:?}");
}

#[test]
fn the_way_back_does_not_wait_for_a_silent_member() {
    let mut world = World::with_members(2);
    let first = apply(&mut world, "profiles: [{name: web}]");
    apply(&mut world, "storage_pools: [{name: data, driver: dir}]");
    world.settle();
    world.lose("node2");
    let plan = go_back(&mut world, first);
    let rows: Vec<_> = plan.changes[0].members.iter().map(|row| (row.member.as_str(), row.offline)).collect();
    assert_eq!(rows, [("node1", false), ("node2", true)]);
    let text = plan.render(&seedbed::plan::Look::plain("back"));
    assert!(text.contains("node2 has been silent for 38 s: it goes there when it is back"), "{text}");
    let object = world.object("storage-pool/data");
    assert_eq!((object.phase, object.placements.len()), (seedbed::model::Phase::Deleting, 1));
    world.find("node2");
    world.settle();
    assert!(world.state().get(&Key::new("storage-pool", "data")).is_none());
}

#[test]
fn what_others_did_by_hand_since_is_named() {
    let mut world = World::with_members(1);
    let text = "profiles: [{name: h1, config: {limits.cpu: 1}}, {name: h2}, {name: h3}]";
    let last = apply(&mut world, text);
    world.apply(&manifest("profiles: [{name: h1, config: {limits.cpu: 9}}]"), Mode::Merge);
    let request = "by hand".to_owned();
    world.commit(&Command::Write(seedbed::model::Write {
        request,
        at: Timestamp(9),
        by: "unix:0".to_owned(),
        origin: None,
        expect: Vec::new(),
        changes: vec![seedbed::model::Change::Delete { key: Key::new("profile", "h3") }],
    }));
    let past = past(&world, last);
    let applies: Vec<Before> = vec![typed(&world.state().objects[&before_of(&world, last)])];
    let context = Context { here: &world.here, liveness: &world.liveness, mode: Mode::Declarative, claim: None };
    let plan = way_back(&world, last).expect("a way");
    assert!(plan.is_empty());
    let plan = plan.with_changes_by_hand((&past, &applies), world.state(), &context, &mut Lcg(5));
    let notes: Vec<&str> = plan.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!(
        notes,
        [
            "profile/h1: changed by others since it was applied, and left so; to have it back apply its manifest",
            "profile/h3: deleted by others since it was applied, and left so; to have it back apply its manifest",
        ]
    );
}

fn before_of(world: &World, revision: Revision) -> Key {
    let record = records(world).into_iter().find(|record| record.uid == revision).expect("it is remembered");
    Before::key(&record.key.name)
}

#[test]
fn a_removed_object_comes_back() {
    let mut world = World::with_members(2);
    let first = apply(&mut world, FIRST);
    let was = content(&world);
    // As a prune would leave it: the object is gone, and the record has what it was.
    let plan = world.plan(&manifest("profiles: [{name: web, description: x}]"), Mode::Declarative).expect("a plan");
    let mut plan = plan;
    plan.changes[0].action = Action::Delete;
    let stamp = Stamp { request: "prune".to_owned(), at: Timestamp(5_000), by: "source:site".to_owned() };
    let mut write = plan.write_remembered(stamp, "", &world.state().clone(), &records(&world));
    write.changes[0] = seedbed::model::Change::Delete { key: Key::new("profile", "web") };
    world.commit(&Command::Write(write));
    assert!(world.state().get(&Key::new("profile", "web")).is_none());
    let plan = go_back(&mut world, first);
    assert_eq!(plan.changes[0].action, Action::Create);
    assert_eq!(content(&world), was);
}

#[test]
fn a_record_tells_what_was_changed_and_never_a_secret() {
    let mut world = World::with_members(1);
    apply(&mut world, "config: {core.trust_password: sekret}\nprofiles: [{name: web, config: {limits.cpu: 1}}]");
    let second =
        apply(&mut world, "config: {core.trust_password: geheim}\nprofiles: [{name: web, config: {limits.cpu: 2}}]");
    apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 3}}]");
    let record = records(&world).into_iter().find(|record| record.uid == second).expect("a record");
    let applied: Applied = typed(&record);
    assert_eq!((applied.by.as_str(), applied.summary().as_str()), ("unix:0", "2 changed"));
    let changes = recall(&before(&world, &record), &past(&world, second), world.state());
    let lines: Vec<String> =
        changes.iter().flat_map(|change| change.fields.iter().map(|field| field.shown())).collect();
    assert_eq!(lines, ["config.core.trust_password: (changed)", "config.limits.cpu: 1 -> 2"]);
    let json = serde_json::to_string(&changes).expect("text");
    assert!(!json.contains("sekret") && !json.contains("geheim"), "{json}");
}

#[test]
fn only_the_newest_applies_are_remembered() {
    let mut world = World::with_members(1);
    for number in 0..RECORDS_MAX + 5 {
        apply(&mut world, &format!("profiles: [{{name: web, config: {{user.n: '{number}'}}}}]"));
    }
    assert_eq!(records(&world).len(), RECORDS_MAX);
    assert_eq!(world.state().of_kind(Before::KIND).count(), RECORDS_MAX);
    assert_eq!(since(&records(&world), Revision(1)), None, "what is forgotten is no way back");
}

/// The objects as they were are the larger part of what an update is about, and every member has them.
#[test]
fn an_entry_holds_what_is_to_be_and_not_what_was() {
    let mut world = World::with_members(1);
    let many = |text: &str| {
        let profile = |number: u32| format!("- {{name: p{number}, description: {text}}}\n");
        format!("profiles:\n{}", (0..1_000).map(profile).collect::<String>())
    };
    apply(&mut world, &many("before"));
    let plan = world.plan(&manifest(&many("after")), Mode::Declarative).expect("a plan");
    let stamp = stamp(&world);
    let with = plan.write_remembered(stamp, "", &world.state().clone(), &records(&world));
    let bytes = |command: &Command| serde_json::to_string(command).expect("JSON").len();
    let alone = bytes(&plan.write(String::new(), Timestamp(0), String::new()));
    let with = bytes(&Command::Write(with));
    println!("{alone} bytes, {with} with what it takes to go back");
    assert!(with < alone * 5 / 4, "{with} bytes with what was, {alone} without");
}
