//! Every example is right, can be planned and applied, and then plans nothing more.

use std::fs;
use std::path::Path;

use seedbed::kinds;
use seedbed::manifest::{self, Loaded, Options, Source};
use seedbed::model::Key;
use seedbed::plan::Mode;
use seedbed::plan::join::compare;

use crate::world::World;

fn examples() -> Vec<(String, Loaded)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let load = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).expect("text");
        let loaded = manifest::load(&[Source { path: name.clone(), text }], &Options::default());
        (name, loaded)
    };
    paths.iter().map(load).collect()
}

fn example(name: &str) -> Loaded {
    let found = examples().into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("examples/{name}")).1
}

#[test]
fn no_example_has_a_finding() {
    for (name, loaded) in examples() {
        assert!(loaded.findings.is_empty(), "{name}: {:#?}", loaded.findings);
        assert!(!loaded.desired.objects.is_empty(), "{name}");
    }
}

#[test]
fn every_kind_that_a_manifest_can_declare_has_an_example_of_its_own() {
    let with_section = kinds::ALL.iter().map(|kind| kind.words()).filter(|words| !words.section.is_empty());
    // Certificates are trusted by command; no manifest of LXD's has them.
    for words in with_section.filter(|words| words.kind != "certificate") {
        let loaded = example(&format!("{}.yaml", words.kind));
        let of_the_kind = loaded.desired.objects.keys().filter(|key| key.kind.as_str() == words.kind);
        assert!(of_the_kind.count() > 0, "{}", words.kind);
    }
}

#[test]
fn every_example_is_planned_applied_and_then_as_it_should_be() {
    for (name, loaded) in examples() {
        // Those that name members or sources for several need them; the others are for the first member.
        let names_members = loaded.desired.objects.values().any(|declared| !declared.members.is_empty());
        let mut world = World::with_members(if names_members { 3 } else { 1 });
        let members = loaded.desired.objects.keys().filter(|key| key.kind.as_str() == Key::MEMBER);
        for key in members.cloned().collect::<Vec<_>>() {
            let spec = loaded.desired.objects[&key].spec.0.clone();
            world.put(&key, seedbed::model::Rollout::RecordOnly, spec.into());
        }
        world.apply(&loaded.desired, Mode::Declarative);
        world.settle();
        let plan = world.plan(&loaded.desired, Mode::Declarative).expect("a plan");
        assert!(plan.is_empty(), "{name}: {:#?}", plan.changes);
    }
}

#[test]
fn the_seeds_files_agree() {
    let mut world = World::with_members(1);
    world.apply(&example("seed-bootstrap.yaml").desired, Mode::Merge);
    world.settle();
    assert_eq!(compare(&example("seed-join.yaml").desired, world.state()), []);
}
