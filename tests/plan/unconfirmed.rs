//! Applies that nobody confirms: what goes back, and what does not.

use seedbed::kinds::records::confirmation::{Left, Pending, Written};
use seedbed::kinds::records::history::{Applied, Before};
use seedbed::model::{Claim, Command, Desired, Key, Reply, Revision, Timestamp};
use seedbed::plan::lxd::Stamp;
use seedbed::plan::{Action, Confirm, Context, Mode, Past, TakenBack, free, of_back, read_set, take_back};

use crate::applies::{FIRST, SECOND, content, records, stamp, typed};
use crate::world::{Lcg, World, manifest};

/// Applies, to be confirmed where that is said.
fn apply(world: &mut World, text: &str, confirm: Option<&Confirm>) {
    let desired: Desired = manifest(text);
    let plan = world.plan(&desired, Mode::Declarative).expect("a plan");
    let (state, records) = (world.state().clone(), records(world));
    let mut write = plan.write_remembered(stamp(world), "", &state, &records);
    free(&mut write);
    if let Some(confirm) = confirm {
        plan.add_confirmation(&mut write, confirm, &state, &records);
    }
    world.commit(&Command::Write(write));
    world.settle();
}

fn confirm() -> Confirm {
    Confirm { until: Timestamp(60_000), from: String::new() }
}

fn pending(world: &World) -> Pending {
    typed(&world.state().objects[&Pending::key()])
}

/// Goes back as the leader does, on the part of the state that it asks for, and gives what stays.
fn go_back(world: &mut World) -> TakenBack {
    let record = world.state().objects[&Pending::key()].clone();
    let pending = pending(world);
    let before: Before = typed(&world.state().objects[&Before::key(&pending.apply)]);
    let written: Written = typed(&world.state().objects[&Written::key()]);
    let past = Past::before([before.clone()]);
    let part = world.state().part(&|known| {
        let desired = past.desired(&known.state);
        let mut extent = read_set::of_plan(&desired, Mode::Declarative, &Claim::default(), known);
        extent.keys.extend(before.objects.iter().map(|was| was.key.clone()));
        extent.extend(of_back(known));
        extent
    });
    let context = Context { here: &world.here, liveness: &world.liveness, mode: Mode::Declarative, claim: None };
    let on_all = take_back(before.clone(), &written, world.state(), &context, &mut Lcg(5)).expect("a way");
    let taken = take_back(before, &written, &part, &context, &mut Lcg(5)).expect("a way");
    assert_eq!((&taken.plan, &taken.left), (&on_all.plan, &on_all.left));
    let stamp = Stamp { by: "cluster".to_owned(), ..stamp(world) };
    let write = taken.write((&record, &pending), stamp, &part, &records(world));
    world.commit(&Command::Write(write));
    world.settle();
    taken
}

fn left(taken: &TakenBack) -> Vec<String> {
    taken.left.iter().map(|rest| format!("{}: {}", rest.key, rest.why)).collect()
}

#[test]
fn what_nobody_confirms_goes_back_to_exactly_what_was() {
    let mut world = World::with_members(2);
    apply(&mut world, FIRST, None);
    let was = content(&world);
    apply(&mut world, SECOND, Some(&confirm()));
    let waiting = pending(&world);
    assert_eq!((waiting.until, waiting.summary.as_str()), (Timestamp(60_000), "1 created, 3 changed"));
    assert_eq!(waiting.back_to, Some(records(&world)[0].uid));
    let taken = go_back(&mut world);
    assert_eq!(left(&taken), [""; 0]);
    assert_eq!(content(&world), was);
    assert!(world.state().get(&Pending::key()).is_none() && world.state().get(&Written::key()).is_none());
    let newest: Applied = typed(records(&world).iter().max_by_key(|record| record.uid).expect("a record"));
    assert_eq!((newest.by.as_str(), newest.why.as_str()), ("cluster", "not confirmed in time"));
    let plan = world.plan(&manifest(FIRST), Mode::Declarative).expect("a plan");
    assert!(plan.is_empty(), "{plan:#?}");
}

#[test]
fn the_first_apply_of_all_goes_back_to_nothing() {
    let mut world = World::with_members(1);
    let was = content(&world);
    apply(&mut world, FIRST, Some(&confirm()));
    assert_eq!(pending(&world).back_to, None);
    let taken = go_back(&mut world);
    assert!(taken.plan.changes.iter().all(|change| change.action == Action::Delete));
    assert_eq!(content(&world), was);
}

#[test]
fn while_one_waits_no_other_is_taken() {
    let mut world = World::with_members(1);
    apply(&mut world, FIRST, Some(&confirm()));
    let plan = world.plan(&manifest(SECOND), Mode::Declarative).expect("a plan");
    let mut write = plan.write_remembered(stamp(&world), "", &world.state().clone(), &records(&world));
    free(&mut write);
    let reply = world.ledger.apply(Revision(900), &Command::Write(write));
    assert!(matches!(&reply, Reply::Refused { faults } if faults[0].expected.key == Pending::key()), "{reply:?}");
}

#[test]
fn what_somebody_has_changed_since_stays_and_the_rest_goes_back() {
    let mut world = World::with_members(1);
    apply(&mut world, FIRST, None);
    apply(&mut world, SECOND, Some(&confirm()));
    let theirs = "
networks: [{name: br0, config: {bridge.mtu: '1300', user.b: y}}]
profiles: [{name: web, config: {user.b: y}}]
";
    world.apply(&manifest(theirs), Mode::Merge);
    let taken = go_back(&mut world);
    assert_eq!(left(&taken), ["network/br0: somebody has changed it since: config.bridge.mtu stays"]);
    let web = world.config("profile/web");
    assert_eq!((web.value("limits.cpu"), web.value("user.a"), web.value("user.b")), (Some("1"), Some("x"), Some("y")));
    let network = world.config("network/br0");
    assert_eq!((network.value("bridge.mtu"), network.value("user.b")), (Some("1300"), Some("y")));
    assert_eq!(world.object("storage-pool/data").spec.text("description"), "");
    let stored: Left = typed(&world.state().objects[&Left::key()]);
    assert_eq!(stored.left, taken.left);
}

#[test]
fn what_is_new_and_in_use_stays_and_the_rest_goes_back() {
    let mut world = World::with_members(1);
    apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 1}}]", None);
    let second = "
networks: [{name: br0, config: {ipv4.address: 10.1.0.1/24}}, {name: br1, config: {ipv4.address: 10.2.0.1/24}}]
profiles: [{name: web, config: {limits.cpu: 2}, devices: {eth0: {type: nic, network: br1}}}]
";
    apply(&mut world, second, Some(&confirm()));
    let user = "profiles: [{name: mine, devices: {eth0: {type: nic, network: br0}}}]";
    world.apply(&manifest(user), Mode::Merge);
    let taken = go_back(&mut world);
    let left = left(&taken);
    assert!(left.len() == 1 && left[0].starts_with("network/br0: network/br0 cannot go: "), "{left:?}");
    assert_eq!(world.config("profile/web").value("limits.cpu"), Some("1"));
    assert!(world.state().get(&Key::new("network", "br1")).is_none());
}

#[test]
fn what_was_deleted_or_protected_since_is_told() {
    let mut world = World::with_members(1);
    apply(&mut world, "profiles: [{name: web}, {name: old, config: {limits.cpu: 1}}]", None);
    let second = "profiles: [{name: web}, {name: old, config: {limits.cpu: 2}}, {name: new}, {name: brief}]";
    apply(&mut world, second, Some(&confirm()));
    world.apply(&manifest("profiles: [{name: new, protect: true}]"), Mode::Merge);
    let forget = |name: &str| seedbed::model::Change::Forget { key: Key::new("profile", name) };
    let Command::Write(mut write) = world.plan(&Desired::default(), Mode::Merge).expect("a plan").write(
        "gone".to_owned(),
        Timestamp(3),
        "x".to_owned(),
    ) else {
        panic!("a plan is a write")
    };
    write.changes.extend([forget("old"), forget("brief")]);
    world.commit(&Command::Write(write));
    let taken = go_back(&mut world);
    assert_eq!(
        left(&taken),
        ["profile/new: somebody has changed it since", "profile/old: somebody has deleted it since"]
    );
    assert!(taken.plan.is_empty());
}

#[test]
fn the_way_back_works_without_the_member_that_was_cut_off() {
    let mut world = World::with_members(2);
    apply(&mut world, "profiles: [{name: web, config: {limits.cpu: 1}}]", None);
    let second = "
storage_pools: [{name: data, driver: dir}]
profiles: [{name: web, config: {limits.cpu: 2}}]
";
    apply(&mut world, second, Some(&confirm()));
    world.lose("node2");
    let taken = go_back(&mut world);
    assert_eq!(left(&taken), [""; 0]);
    assert_eq!(world.config("profile/web").value("limits.cpu"), Some("1"));
    let pool = world.object("storage-pool/data");
    let on: Vec<&str> = pool.placements.keys().map(|member| member.as_str()).collect();
    assert_eq!((pool.phase, on), (seedbed::model::Phase::Deleting, vec!["node2"]), "node1 has let go of it");
    let stored: Left = typed(&world.state().objects[&Left::key()]);
    assert_eq!(stored.going, [Key::new("storage-pool", "data")]);
    world.find("node2");
    world.settle();
    assert!(world.state().get(&Key::new("storage-pool", "data")).is_none());
}

#[test]
fn the_pending_record_holds_no_secret() {
    let mut world = World::with_members(1);
    apply(&mut world, "config: {core.trust_password: sekret}", Some(&confirm()));
    let json = serde_json::to_string(&world.state().objects[&Pending::key()]).expect("text");
    assert!(!json.contains("sekret"), "{json}");
    let written: Written = typed(&world.state().objects[&Written::key()]);
    assert_eq!(format!("{written:?}"), "Written(1 objects)");
}
