//! Random histories: the database and the state in memory must agree, however the entries are batched.

use std::collections::BTreeMap;

use futures_util::stream;
use openraft::EntryPayload;
use openraft::RaftSnapshotBuilder;
use openraft::storage::RaftStateMachine;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config as Runs, TestRunner};
use tempfile::TempDir;

use super::kit::spec;
use crate::model::{
    Change, ClusterState, Command, Condition, Config, Expect, Generation, Key, KindName, Known, Management, MemberName,
    PlacementPhase, PlacementReport, Put, ReadSet, Report, Revision, Rollout, Stage, Timestamp, Waves, Write,
};
use crate::store::failure::Failure;
use crate::store::machine::{Reads, StateMachine};
use crate::store::raft::codec;
use crate::store::raft::types::Entry;
use crate::store::{MemoryState, needs_action};

fn member() -> impl Strategy<Value = MemberName> {
    prop_oneof!["a", "b", "c"].prop_map(MemberName)
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        Just(Key::new("network", "x")),
        Just(Key::new("network", "y")),
        Just(Key::in_project("profile", &"p".into(), "x")),
    ]
}

fn put() -> impl Strategy<Value = Put> {
    let rollout = prop_oneof![Just(Rollout::RecordOnly), Just(Rollout::EveryMember), Just(Rollout::PlacedMembers)];
    let stage = prop_oneof![Just(Stage::Define), Just(Stage::Live), Just(Stage::Live)];
    let placements = prop::collection::btree_map(member(), Just(Config::from([("k", "v")])), 0..3);
    let applied = prop::option::of("[a-z]".prop_map(|text| spec(&text)));
    let waves = || Waves { order: vec![vec!["a".into()], vec!["b".into(), "c".into()]], ..Waves::default() };
    let managed = move |(protect, is_in_waves): (bool, bool)| {
        let waves = is_in_waves.then(waves);
        Management { source: Some("site".to_owned()), protect, waves, ..Management::default() }
    };
    let management = prop::option::of(any::<(bool, bool)>().prop_map(managed));
    (key(), rollout, stage, "[a-z]", applied, management, placements).prop_map(
        |(key, rollout, stage, text, applied, management, placements)| Put {
            key,
            rollout,
            stage,
            spec: spec(&text),
            applied,
            management,
            placements,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => put().prop_map(Change::Put),
        2 => key().prop_map(|key| Change::Delete { key }),
        1 => key().prop_map(|key| Change::Forget { key }),
        1 => member().prop_map(|member| Change::ForgetMember { member }),
        1 => prop::collection::vec((key(), Just("update".to_owned())), 1..3)
            .prop_map(|objects| Change::Remember { key: Key::new("past", "1"), objects }),
        1 => (member(), member()).prop_map(|(from, to)| Change::RenameMember { from, to }),
    ]
}

fn write() -> impl Strategy<Value = Command> {
    let generation = prop::option::of((1..4u64).prop_map(Generation));
    let referred = prop_oneof![4 => Just(None), 1 => (0..9u64).prop_map(|revision| Some(Revision(revision)))];
    let expect = (key(), generation, any::<bool>(), referred).prop_map(|(key, generation, refers, referred)| Expect {
        key,
        generation,
        refers,
        referred,
    });
    let expect = prop::collection::vec(expect, 0..2);
    (0..20u8, expect, prop::collection::vec(change(), 1..4)).prop_map(|(request, expect, changes)| {
        let (request, by) = (request.to_string(), "test".to_owned());
        Command::Write(Write { request, at: Timestamp(5), by, origin: None, expect, changes })
    })
}

/// Reports whose uid and generation are set to what fits when they are sent, mostly.
fn report() -> impl Strategy<Value = Command> {
    let phase = prop::option::of(prop_oneof![
        Just(PlacementPhase::Pending),
        Just(PlacementPhase::Created),
        Just(PlacementPhase::Created),
        Just(PlacementPhase::Errored)
    ]);
    let learned = prop::collection::btree_map("[lm]", "[a-z]", 0..2);
    let entry = (key(), member(), phase, learned, any::<bool>()).prop_map(|(key, member, phase, learned, is_late)| {
        let generation = Generation(u64::from(!is_late));
        let condition = Condition::ready(Timestamp(6));
        PlacementReport { key, uid: Revision(0), member, generation, phase, condition, learned }
    });
    prop::collection::vec(entry, 1..3).prop_map(|entries| Command::Report(Report { at: Timestamp(6), entries }))
}

/// Makes reports speak of the objects that are there; those that are late speak of the generation before.
fn aimed(command: Command, ledger: &MemoryState) -> Command {
    let Command::Report(mut report) = command else { return command };
    for entry in &mut report.entries {
        if let Some(object) = ledger.state.get(&entry.key) {
            entry.uid = object.uid;
            entry.generation = Generation(object.generation.0 + entry.generation.0 - 1);
        }
    }
    Command::Report(report)
}

fn entry(index: u64, command: Command) -> Entry {
    let proposal = codec::propose(command).expect("it is small");
    // Followers read the bytes.
    let payload = EntryPayload::Normal(Vec::from(proposal).into());
    Entry { log_id: codec::log_id(1, 1, index), payload }
}

/// Applies the history to a database in batches of the given sizes, with a snapshot on the way, and compares.
async fn compare(history: Vec<Command>, sizes: Vec<usize>) {
    let (dir, other) = (TempDir::new().expect("a directory"), TempDir::new().expect("another"));
    let mut machine = StateMachine::open(dir.path(), Failure::default()).expect("a state");
    let mut ledger = MemoryState::default();
    let mut entries = Vec::new();
    for (index, command) in (1..).zip(history) {
        let command = aimed(command, &ledger);
        ledger.apply(Revision(index), &command);
        entries.push(entry(index, command));
    }
    let mut sizes = sizes.into_iter().cycle();
    let mut rest = entries;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let batch: Vec<_> = rest.drain(..size).map(|entry| Ok((entry, None))).collect();
        machine.apply(stream::iter(batch)).await.expect("it applies");
        if size == 3 {
            let snapshot = machine.build_snapshot().await.expect("it is built");
            let mut fresh = StateMachine::open(other.path(), Failure::default()).expect("a state");
            fresh.install_snapshot(&snapshot.meta, snapshot.snapshot).await.expect("it is installed");
            machine.close();
            fresh.close();
            std::fs::rename(other.path().join("state.db"), dir.path().join("state.db")).expect("it moves");
            machine = StateMachine::open(dir.path(), Failure::default()).expect("a state");
        }
    }
    let stored = machine.reads().state().expect("it reads");
    assert_eq!(stored, ledger.state);
    for name in ["a", "b", "c"].map(MemberName::from) {
        let due = ledger.state.objects.values().filter(|object| needs_action(object, &name)).cloned();
        assert_eq!(machine.reads().work(&name).expect("it reads"), due.collect::<Vec<_>>(), "the work of {name}");
    }
    parts(machine.reads(), &ledger.state);
    machine.close();
}

/// Parts of the state, read from the tables and cut out of the whole.
fn parts(reads: &Reads, state: &ClusterState) {
    let nothing = ReadSet::default;
    let keys = [Key::new("network", "x"), Key::new("network", "z")].into();
    for extent in [
        ReadSet { keys, ..nothing() },
        ReadSet { kinds: ["network".into()].into(), ..nothing() },
        ReadSet { projects: ["p".into(), "q".into()].into(), ..nothing() },
        ReadSet { placed: true, ..nothing() },
    ] {
        let read = reads.part(&|_| extent.clone()).expect("it reads");
        assert_eq!(read, state.part(&|_| extent.clone()), "{extent:?}");
    }
    // A name may also stand elsewhere in the record: too much is read then, never too little.
    let naming = ReadSet { naming: [("network".into(), "e".to_owned())].into(), ..nothing() };
    let read = reads.part(&|_| naming.clone()).expect("it reads");
    let wanted = state.part(&|_| naming.clone());
    assert!(wanted.objects.iter().all(|(key, object)| read.get(key) == Some(object)), "{wanted:?} in {read:?}");
    assert!(read.objects.keys().all(|key| key.kind.as_str() == "network"), "{read:?}");
    // What was found tells what to read next.
    let further = |known: &Known| {
        let found = known.state.of_kind("network").next().is_some();
        let kinds = ["network"].into_iter().chain(found.then_some("profile")).map(KindName::from).collect();
        ReadSet { kinds, ..ReadSet::default() }
    };
    assert_eq!(reads.part(&further).expect("it reads"), state.part(&further));
}

#[test]
fn the_database_and_the_state_in_memory_agree_after_any_history_and_batching() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let command = prop_oneof![3 => write(), 2 => report()];
    let history = prop::collection::vec(command, 1..40);
    let mut runner = TestRunner::new(Runs { cases: 60, failure_persistence: None, ..Runs::default() });
    let result = runner.run(&(history, prop::collection::vec(1..9usize, 1..6)), |(history, sizes)| {
        runtime.block_on(compare(history, sizes));
        Ok(())
    });
    result.expect("they agree");
}

#[test]
fn receipts_leave_at_the_same_entry_however_the_entries_are_batched() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let history =
        |count: u64| (1..=count).map(|index| super::kit::write(&index.to_string(), Key::new("k", "n"), "", None));
    let replies = |sizes: [usize; 2]| {
        runtime.block_on(async {
            let dir = TempDir::new().expect("a directory");
            let mut machine = StateMachine::open(dir.path(), Failure::default()).expect("a state");
            let mut entries: Vec<_> =
                (1..).zip(history(40_000)).map(|(index, command)| entry(index, command)).collect();
            // The first request again: 32,768 entries and a step later it is new.
            entries.push(entry(40_001, super::kit::write("1", Key::new("k", "new"), "", None)));
            entries.push(entry(40_002, super::kit::write("39999", Key::new("k", "newer"), "", None)));
            for (number, batch) in entries.chunks(sizes[0]).enumerate() {
                for part in batch.chunks(if number % 2 == 0 { sizes[1] } else { sizes[0] }) {
                    let part: Vec<_> = part.iter().cloned().map(|entry| Ok((entry, None))).collect();
                    machine.apply(stream::iter(part)).await.expect("it applies");
                }
            }
            let kinds: BTreeMap<Key, Generation> = machine
                .reads()
                .state()
                .expect("it reads")
                .objects
                .into_iter()
                .map(|(key, object)| (key, object.generation))
                .collect();
            machine.close();
            kinds
        })
    };
    let expected = BTreeMap::from([(Key::new("k", "n"), Generation(1)), (Key::new("k", "new"), Generation(1))]);
    assert_eq!(replies([512, 500]), expected);
    assert_eq!(replies([509, 101]), expected);
}
