//! Real files: what can be planned is applied once, plans nothing more, and makes the same whatever was there before.

use std::fs;
use std::path::{Path, PathBuf};

use seedbed::manifest::{self, Options, Source};
use seedbed::model::{ApplyMode, Declared, Desired, Key, MemberName, Rollout};
use seedbed::plan::Mode;

use crate::world::World;

/// The right manifests of the project, and the preseeds of others that stand beside it when they are there.
fn manifests() -> Vec<(String, Desired)> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A worktree of the project may stand deeper than the project itself.
    let beside =
        home.ancestors().skip(1).map(|folder| folder.join("shared/corpus/preseeds")).find(|path| path.is_dir());
    let folders = [Some(home.join("tests/manifests/valid")), Some(home.join("examples")), beside];
    let files = folders.into_iter().flatten().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    let load = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("text");
        let loaded = manifest::load(&[Source::new("site.yaml", text)], &Options::default());
        loaded.is_usable().then(|| (path.display().to_string(), loaded.desired))
    };
    paths.iter().filter_map(load).collect()
}

/// A cluster in which these files can be applied: with the members that they name.
fn world(sets: &[&Desired]) -> World {
    let declared = sets.iter().flat_map(|set| set.objects.values());
    let mut names: Vec<MemberName> = declared.flat_map(|declared| declared.members.keys().cloned()).collect();
    let records = sets.iter().flat_map(|set| set.objects.keys()).filter(|key| key.kind.as_str() == Key::MEMBER);
    names.extend(records.map(|key| MemberName::from(key.name.as_str())));
    names.retain(|name| !name.is_every());
    let mut world = World::with_members(1);
    for (number, name) in names.iter().enumerate() {
        let address = format!("10.94.0.{number}:8443");
        let record = serde_json::json!({"id": number + 10, "address": address, "config": {}});
        world.put(&Key::member(name), Rollout::RecordOnly, record);
    }
    world
}

fn settled(world: &mut World, desired: &Desired) -> bool {
    if world.plan(desired, Mode::Declarative).is_err() {
        return false;
    }
    world.apply(desired, Mode::Declarative);
    world.settle();
    true
}

#[test]
fn what_is_applied_once_plans_nothing_more() {
    let mut applied = 0;
    for (name, desired) in manifests() {
        let mut world = world(&[&desired]);
        if settled(&mut world, &desired) {
            let plan = world.plan(&desired, Mode::Declarative).expect("a plan");
            assert!(plan.is_empty(), "{name}: {:#?}", plan.changes);
            applied += 1;
        }
    }
    assert!(applied > 15, "only {applied} could be applied");
}

#[test]
fn one_after_another_makes_what_the_last_one_makes_alone() {
    let all = manifests();
    let mut compared = 0;
    for ((first, before), (second, desired)) in all.iter().zip(all.iter().skip(1)) {
        let (mut used, mut fresh) = (world(&[before, desired]), world(&[before, desired]));
        let is_possible = settled(&mut used, before) && settled(&mut used, desired) && settled(&mut fresh, desired);
        if !is_possible {
            continue;
        }
        // What is only to be there, or only added to, is as it was found.
        let is_all = |declared: &&Declared| declared.policy.apply.unwrap_or_default() == ApplyMode::Override;
        for (key, declared) in desired.objects.iter().filter(|(_, declared)| is_all(declared)) {
            let (used, fresh) =
                (crate::laws::comparable(&used, key, declared), crate::laws::comparable(&fresh, key, declared));
            assert_eq!(used, fresh, "{key} of {second} after {first}");
        }
        compared += 1;
    }
    assert!(compared > 10, "only {compared} pairs could be applied");
}
