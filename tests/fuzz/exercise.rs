//! What the fuzzers and the replay of their corpus do with bytes, and what must hold of any of them.

use std::collections::BTreeMap;

use seedbed::kinds::Rng;
use seedbed::manifest::report::{Format, Run, markdown, report};
use seedbed::manifest::{Colour, Layers, Limits, Loaded, Options, Source, Variables, load, load_layers, render};
use seedbed::model::{
    Change, Claim, ClusterState, Command, Condition, Finding, Generation, Key, LastSeen, Liveness, MemberName, Object,
    Phase, Placement, PlacementPhase, Put, Revision, Rollout, Spec, Timestamp,
};
use seedbed::plan::{Context, Mode, plan as plan_of};

/// Stands between the texts of an input that is more than one.
const CUT: &str = "\n=====\n";

/// What `${NAME}` stands for in layers.
const VARIABLES: [(&str, &str); 3] = [("NAME", "node1"), ("NET", "10.0.0"), ("NUMBER", "2")];

/// Reads the bytes as a set of files, at once, file by file, and as layers with variables: never panics, every place that it
/// names is in the file that it names, and no rule can tell how much was read at once.
pub fn parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let sources = sources(&text);
    let once = loaded(&sources);
    places_are_in_the_text(&sources, &once);
    file_by_file(&sources, &once);
    in_layers(&sources);
}

fn file_by_file(sources: &[Source], once: &Loaded) {
    let limits = Limits { batch_bytes_max: 1, ..Limits::default() };
    let batched = load(sources, &Options { limits, ..Options::default() });
    // Of more findings than are shown, others may be left out.
    if [once, &batched].iter().any(|loaded| loaded.findings.iter().any(|finding| finding.code == "SB160")) {
        return;
    }
    assert_eq!(once.findings, batched.findings, "files one by one give the same findings");
    assert_eq!(once.desired, batched.desired, "files one by one declare the same");
    assert_eq!((&once.allowed, once.counts), (&batched.allowed, batched.counts));
}

// The first file is the base, each other one lies over those before it.
fn in_layers(sources: &[Source]) {
    let layers: Vec<Vec<Source>> = sources.iter().map(|source| vec![source.clone()]).collect();
    let variables: Variables = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for variables in [None, Some(&variables)] {
        let read = || load_layers(&Layers { layers: &layers, variables }, &Options::default());
        let once = read();
        assert_eq!(once.findings, read().findings, "the same layers give the same findings");
        places_are_in_the_text(sources, &once);
    }
}

/// Validates and renders in every form.
pub fn validate(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let sources = sources(&text);
    let once = loaded(&sources);
    let again = loaded(&sources);
    assert_eq!(once.findings, again.findings, "the same input gives the same findings");
    assert_eq!(once.desired, again.desired, "the same input declares the same");
    places_are_in_the_text(&sources, &once);
    for colour in [Colour::Always, Colour::Never] {
        let shown = render(&once.findings, &sources, colour);
        assert_eq!(shown.is_empty(), once.findings.is_empty());
    }
    let Loaded { findings, allowed, counts, .. } = &once;
    let run = Run { sources: &sources, findings, allowed, counts, checkout: None, elapsed_ms: 0 };
    for format in Format::ALL {
        assert!(!report(format, &run).is_empty() || findings.is_empty());
    }
    markdown(&run);
}

/// Plans one manifest against nothing, another against what the first one left, and the other once more.
pub fn plan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut state = cluster();
    for text in text.split(CUT).take(2) {
        let loaded = loaded(&[Source::new("a.yaml", text)]);
        if !loaded.is_usable() {
            return;
        }
        let here = MemberName::from("node1");
        let liveness = liveness();
        let context =
            Context { here: &here, liveness: &liveness, mode: Mode::Declarative, claim: Some(&Claim::default()) };
        let Ok(planned) = plan_of(&loaded.desired, &state, &context, &mut Zeros) else { return };
        let write = planned.write("fuzz".to_owned(), Timestamp(2), "fuzz".to_owned());
        let Command::Write(write) = write else { return };
        write.changes.iter().for_each(|change| apply(change, &mut state));
        let again = plan_of(&loaded.desired, &state, &context, &mut Zeros).expect("what could be planned still can be");
        assert!(again.is_empty(), "the same manifest again changes nothing: {:?}", again.changes);
    }
}

fn sources(text: &str) -> Vec<Source> {
    text.split(CUT).take(4).enumerate().map(|(number, text)| Source::new(format!("{number}.yaml"), text)).collect()
}

fn loaded(sources: &[Source]) -> Loaded {
    load(sources, &Options::default())
}

fn places_are_in_the_text(sources: &[Source], loaded: &Loaded) {
    let check = |finding: &Finding| {
        for place in finding.place.iter().chain(finding.also.iter().map(|label| &label.place)) {
            let source = sources.iter().find(|source| source.path == place.file).expect("a place is in a source");
            let within = source.text.get(place.start..place.end);
            assert!(within.is_some(), "{place:?} is not in the text: {finding:?}");
            // YAML takes a lone carriage return for the end of a line too.
            let lines = source.text.split(['\n', '\r']).count();
            assert!(place.line as usize <= lines + 1, "{finding:?}");
        }
    };
    loaded.findings.iter().for_each(check);
}

struct Zeros;

impl Rng for Zeros {
    fn below(&mut self, _: u64) -> u64 {
        0
    }
}

fn liveness() -> Liveness {
    let seen = LastSeen { heard: Timestamp(1), reachable: true };
    Liveness { at: Timestamp(1), members: [(MemberName::from("node1"), seen)].into() }
}

// A cluster of one member, as a fresh daemon is.
fn cluster() -> ClusterState {
    let mut state = ClusterState { revision: Revision(1), objects: BTreeMap::new() };
    let node1 = MemberName::from("node1");
    let address = [("address".to_owned(), "10.93.0.1:8443".into()), ("id".to_owned(), 1.into())];
    for (key, spec) in [
        (Key::member(&node1), Spec(address.into_iter().collect())),
        (Key::new("project", "default"), Spec::default()),
        (Key::new("profile", "default"), Spec::default()),
        (Key::membership(), Spec::default()),
    ] {
        state.objects.insert(key.clone(), object(key, Rollout::RecordOnly, spec));
    }
    state
}

fn object(key: Key, rollout: Rollout, spec: Spec) -> Object {
    Object {
        uid: Revision(1),
        generation: Generation(1),
        phase: Phase::Created,
        rollout,
        spec,
        referred: Default::default(),
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
        ..Object::blank(key)
    }
}

// What the log does with a change once every member has done its part.
fn apply(change: &Change, state: &mut ClusterState) {
    let Change::Put(put) = change else { return };
    let Put { key, rollout, stage: _, spec, applied, management, placements } = put;
    let mut made = object(key.clone(), *rollout, spec.clone());
    let old = state.objects.get(key);
    made.applied = applied.clone().or_else(|| old.and_then(|old| old.applied.clone()));
    made.management = management.clone().or_else(|| old.map(|old| old.management.clone())).unwrap_or_default();
    made.generation = Generation(old.map_or(1, |old| old.generation.0 + 1));
    let placement = |config: &seedbed::model::Config| Placement {
        config: config.clone(),
        phase: PlacementPhase::Created,
        observed: made.generation,
        realised: made.generation,
        condition: Condition::ready(Timestamp(3)),
    };
    made.placements = placements.iter().map(|(member, config)| (member.clone(), placement(config))).collect();
    state.objects.insert(key.clone(), made);
}
