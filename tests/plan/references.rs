//! Decisions race: each is made on a state that may be history by the time its entry comes. Whatever is created,
//! changed, renamed, removed and applied in whatever order, nothing that is stored refers to nothing.

use seedbed::kinds::{self, Rng};
use seedbed::model::{
    Claim, ClusterState, Command, Config, Desired, Fault, Key, Object, Phase, ProjectName, Reply, Spec, Write,
};
use seedbed::plan::lxd::{self, Ask, Refusal, Stamp};
use seedbed::plan::{Mode, read_set};
use serde_json::{Value, json};

use crate::world::{Lcg, World, declared};

const SEEDS: u64 = 300;
const STEPS: usize = 120;
/// So many decisions are under way at once.
const UNDER_WAY_MAX: usize = 4;

/// What came of the entries.
#[derive(Debug, Default)]
struct Tally {
    applied: usize,
    /// Refused because an object has another generation.
    moved: usize,
    /// Refused only because somebody has begun to refer to an object.
    referred: usize,
}

#[test]
fn nothing_refers_to_nothing_in_whatever_order_decisions_arrive() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        race(seed, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.applied > 1_000 && tally.moved > 100 && tally.referred > 10, "the races are rich: {tally:?}");
}

fn race(seed: u64, tally: &mut Tally) {
    let mut world = World::with_members(1);
    let mut dice = Lcg(seed);
    let mut under_way: Vec<Command> = Vec::new();
    for step in 0..STEPS {
        if under_way.len() < UNDER_WAY_MAX && dice.below(2) == 0 {
            under_way.extend(decision(&mut world, &mut dice, step));
            continue;
        }
        if under_way.is_empty() || dice.below(4) == 0 {
            world.settle();
        } else {
            let command = under_way.swap_remove(index(&mut dice, under_way.len()));
            match world.try_commit(&command) {
                Reply::Refused { faults } if faults.iter().all(is_referred) => tally.referred += 1,
                Reply::Refused { .. } => tally.moved += 1,
                Reply::Applied { .. } | Reply::Nothing => tally.applied += 1,
            }
            let dangling = dangling(world.state());
            assert!(dangling.is_empty(), "seed {seed}, step {step}: {dangling:?} after {command:#?}");
        }
    }
}

fn is_referred(fault: &Fault) -> bool {
    fault.found == fault.expected.generation
}

/// What names something that is not there, or that is going.
fn dangling(state: &ClusterState) -> Vec<String> {
    let stays = |key: &Key| state.get(key).is_some_and(|object| object.phase != Phase::Deleting);
    let features =
        |project: &ProjectName| state.get(&Key::new("project", project.as_str())).map(|object| object.spec.config());
    let broken = |object: &Object| {
        let kind = kinds::find(object.key.kind.as_str())?;
        let named = kind.needs(&object.key, &object.spec).into_iter().map(|need| kinds::home(&need.key, features));
        let project = (!object.key.project.is_default()).then(|| Key::new("project", object.key.project.as_str()));
        let lost = named.chain(project).find(|key| !stays(key))?;
        Some(format!("{} refers to {lost}", object.key))
    };
    state.objects.values().filter(|object| object.phase != Phase::Deleting).filter_map(broken).collect()
}

fn index(dice: &mut Lcg, len: usize) -> usize {
    usize::try_from(dice.below(len as u64)).expect("it is below a usize")
}

fn pick<'a>(dice: &mut Lcg, words: &[&'a str]) -> &'a str {
    words[index(dice, words.len())]
}

/// Some key of the few that everybody is about.
fn some_key(dice: &mut Lcg) -> Key {
    let project = ProjectName::from(pick(dice, &["default", "x"]));
    match dice.below(5) {
        0 => Key::new("storage-pool", pick(dice, &["p1", "p2"])),
        1 => Key::in_project("network", &project, pick(dice, &["n1", "n2"])),
        2 => Key::new("project", pick(dice, &["x", "y"])),
        _ => Key::in_project("profile", &project, pick(dice, &["a", "b"])),
    }
}

fn some_spec(dice: &mut Lcg, key: &Key) -> Value {
    match key.kind.as_str() {
        "storage-pool" => json!({"driver": "dir"}),
        "network" => json!({"type": "bridge", "config": {"ipv4.address": "none", "ipv6.address": "none"}}),
        "project" => json!({"config": {
            "features.networks": pick(dice, &["true", "false"]),
            "features.profiles": pick(dice, &["true", "true", "false"]),
        }}),
        _ => {
            let pool = pick(dice, &["p1", "p2"]);
            let network = pick(dice, &["n1", "n2"]);
            let root = json!({"type": "disk", "path": "/", "pool": pool});
            let eth0 = json!({"type": "nic", "network": network});
            match dice.below(3) {
                0 => json!({"devices": {"root": root}}),
                1 => json!({"devices": {"eth0": eth0}}),
                _ => json!({"devices": {"root": root, "eth0": eth0}}),
            }
        }
    }
}

/// What somebody decides on the state of this moment; `None` when it is refused, or changes nothing.
fn decision(world: &mut World, dice: &mut Lcg, step: usize) -> Option<Command> {
    let stamp = Stamp { request: format!("r-{step}"), at: world.liveness.at, by: "test".to_owned() };
    let key = some_key(dice);
    let Value::Object(spec) = some_spec(dice, &key) else { unreachable!("a spec is an object") };
    let spec = Spec(spec);
    let action = dice.below(8);
    if action < 2 {
        return applied(world, &key, spec, stamp);
    }
    let renamed = pick(dice, &["n1", "n2", "x", "y", "a", "b"]);
    let state = match action {
        2..5 => world.state().part(&|known| read_set::of_request(&key, &spec, false, known)),
        5 => world.state().part(&|known| read_set::of_rename(&key, renamed, known)),
        _ => world.state().part(&|known| read_set::of_removal(&key, known)),
    };
    let ask = Ask { state: &state, liveness: &world.liveness, here: &world.here, key: &key, stamp };
    let decided: Result<Command, Refusal> = match action {
        2 | 3 => lxd::create(&ask, &spec, dice),
        4 => lxd::update(&ask, &spec, None, dice),
        5 => lxd::rename(&ask, renamed),
        _ => lxd::delete(&ask),
    };
    decided.ok().filter(|command| matches!(command, Command::Write(Write { changes, .. }) if !changes.is_empty()))
}

/// The same as a manifest of one object.
fn applied(world: &mut World, key: &Key, spec: Spec, stamp: Stamp) -> Option<Command> {
    let declared = declared(Value::Object(spec.0), &[("node1", Config::default())]);
    let desired = Desired { objects: [(key.clone(), declared)].into() };
    let plan = world.plan_as(&Claim::default(), &desired, Mode::Declarative).ok()?;
    let Stamp { request, at, by } = stamp;
    (!plan.is_empty()).then(|| plan.write(request, at, by))
}
