//! The formats that other versions read, byte for byte. Who changes one of these breaks clusters of mixed versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use openraft::{BasicNode, EntryPayload, Membership};

use super::kit::spec;
use crate::model::{
    ApplyMode, Change, Command, Condition, ConditionState, Config, Expect, Fault, Generation, Heal, Kept, Key,
    Management, Origin, PlacementPhase, PlacementReport, Put, Reply, Report, Revision, Rollout, Stage, Timestamp,
    Waves, Write,
};
use crate::store::raft::codec;
use crate::store::raft::types::{Entry, Proposal};

/// Every variant and every field, in the order of the golden file.
fn commands() -> Vec<Command> {
    let key = Key::in_project("network", &"staging".into(), "br0");
    let put = Put {
        key: key.clone(),
        rollout: Rollout::EveryMember,
        stage: Stage::Live,
        spec: spec("x"),
        applied: Some(spec("y")),
        management: None,
        placements: BTreeMap::from([("n1".into(), Config::from([("parent", "eth0")]))]),
    };
    let plain = Put {
        key: Key::new("profile", "p"),
        rollout: Rollout::RecordOnly,
        stage: Stage::Define,
        applied: None,
        management: None,
        placements: BTreeMap::new(),
        ..put.clone()
    };
    let managed = Put { management: Some(managed()), ..plain.clone() };
    let in_waves = Put { management: Some(in_waves()), ..plain.clone() };
    let placed = Put { rollout: Rollout::PlacedMembers, ..plain.clone() };
    let write = |expect, changes| {
        Command::Write(Write {
            request: "r-1".to_owned(),
            at: Timestamp(17),
            by: "unix:0".to_owned(),
            origin: None,
            expect,
            changes,
        })
    };
    let report = |phase, learned| PlacementReport {
        key: key.clone(),
        uid: Revision(4),
        member: "n1".into(),
        generation: Generation(2),
        phase,
        condition: Condition {
            state: ConditionState::Stalled,
            reason: "MissingTool".to_owned(),
            message: "install it".to_owned(),
            since: Timestamp(16),
        },
        learned,
    };
    let reports = |entries| Command::Report(Report { at: Timestamp(18), entries });
    let learned = BTreeMap::from([("source".to_owned(), "/x".to_owned())]);
    let forget = vec![Change::Forget { key: key.clone() }];
    let Command::Write(from) = write(vec![], forget) else { unreachable!("a write") };
    vec![
        write(vec![Expect::at(key.clone(), Some(Generation(1)))], vec![Change::Put(put)]),
        write(vec![Expect::absent(key.clone())], vec![Change::Put(plain), Change::Put(placed)]),
        write(vec![], vec![Change::Delete { key: key.clone() }, Change::Forget { key: key.clone() }]),
        write(vec![], vec![Change::ForgetMember { member: "n1".into() }]),
        write(vec![], vec![Change::RenameMember { from: "n1".into(), to: "n2".into() }]),
        reports(vec![report(Some(PlacementPhase::Created), learned), report(None, BTreeMap::new())]),
        reports(vec![report(Some(PlacementPhase::Errored), BTreeMap::new())]),
        reports(vec![report(Some(PlacementPhase::Pending), BTreeMap::new())]),
        write(vec![], vec![Change::Put(managed)]),
        Command::Write(Write { origin: Some(told()), ..from }),
        write(vec![], vec![Change::Put(in_waves)]),
        write(users(&key), vec![Change::Delete { key: Key::new("profile", "p") }]),
        write(vec![], vec![Change::Remember { key: Key::new("past", "1"), objects: vec![(key, "update".to_owned())] }]),
    ]
}

fn told() -> Origin {
    Origin {
        address: "10.0.0.9:41210".to_owned(),
        source: "site".to_owned(),
        revision: "8f3a".to_owned(),
        ..Origin::default()
    }
}

/// What an entry has to do with who refers to objects.
fn users(key: &Key) -> Vec<Expect> {
    let refers = Expect::at(key.clone(), Some(Generation(3))).referring();
    let referred = Expect { referred: Some(Revision(16)), ..Expect::at(Key::new("profile", "p"), Some(Generation(2))) };
    vec![refers, referred]
}

fn managed() -> Management {
    Management {
        source: Some("site".to_owned()),
        protect: true,
        apply: ApplyMode::IfNotPresent,
        heal: Heal::Off,
        waves: None,
    }
}

fn in_waves() -> Management {
    let kept = Kept { spec: Some(spec("w")), config: Config::from([("parent", "eth1")]) };
    let waves = Waves {
        id: Revision(3),
        order: vec![vec!["n1".into(), "n2".into()], vec!["n3".into()]],
        max_failures: 1,
        kept: BTreeMap::from([("n3".into(), kept)]),
    };
    Management { waves: Some(waves), ..Management::default() }
}

#[test]
fn every_command_has_the_bytes_of_the_golden_file_and_is_read_back_from_them() {
    let golden = include_str!("../golden/commands-v1.jsonl");
    let lines: Vec<&str> = golden.lines().collect();
    let commands = commands();
    assert_eq!(lines.len(), commands.len());
    for (line, command) in lines.into_iter().zip(commands) {
        let bytes = codec::propose(command.clone()).expect("it is small").bytes;
        assert_eq!(bytes[0], 1, "the version");
        assert_eq!(std::str::from_utf8(&bytes[1..]).expect("JSON"), line);
        let stored: Vec<u8> = [&[1], line.as_bytes()].concat();
        assert_eq!(codec::read_command(&stored), Ok(command));
    }
}

#[test]
fn replies_have_the_bytes_that_receipts_were_written_with() {
    let expected = Expect::absent(Key::new("profile", "p"));
    let replies = [
        Reply::Applied { revision: Revision(9) },
        Reply::Refused { faults: vec![Fault { expected, found: Some(Generation(2)) }] },
        Reply::Nothing,
    ];
    let golden = [
        r#"{"applied":{"revision":9}}"#,
        r#"{"refused":{"faults":[{"expected":{"key":{"kind":"profile","name":"p"},"generation":null},"found":2}]}}"#,
        r#""nothing""#,
    ];
    for (reply, line) in replies.into_iter().zip(golden) {
        assert_eq!(serde_json::to_string(&reply).expect("JSON"), line);
        assert_eq!(serde_json::from_str::<Reply>(line).expect("it is read"), reply);
    }
}

#[test]
fn log_entries_have_the_bytes_of_version_one() {
    let nodes = BTreeMap::from([(1, BasicNode::new("10.0.0.1:8443"))]);
    let membership = Membership::new(vec![[1].into()], nodes).expect("it is sound");
    let payloads = [
        EntryPayload::Blank,
        EntryPayload::Normal(Proposal::from(b"\x01{}".to_vec())),
        EntryPayload::Membership(membership),
    ];
    let head = |kind: u8| {
        let mut head = vec![1, kind];
        [3u64, 2, 258].iter().for_each(|number| head.extend(number.to_le_bytes()));
        head
    };
    let json = r#"{"configs":[[1]],"nodes":{"1":{"addr":"10.0.0.1:8443"}}}"#;
    let golden = [head(0), [head(1), b"\x01{}".to_vec()].concat(), [head(2), json.as_bytes().to_vec()].concat()];
    for (payload, bytes) in payloads.into_iter().zip(golden) {
        let entry = Entry { log_id: codec::log_id(3, 2, 258), payload };
        let mut written = Vec::new();
        codec::write_entry(&entry, &mut written).expect("it is written");
        assert_eq!(written, bytes);
        assert_eq!(codec::read_entry(&Bytes::from(bytes)).expect("it is read"), entry);
    }
}

#[test]
fn what_this_version_does_not_know_is_an_error_that_says_so() {
    for (bytes, words) in [(&b"\x02{}"[..], "format 2"), (b"", "empty"), (b"\x01{\"erase\":{}}", "unknown variant")] {
        let error = codec::read_command(bytes).expect_err("it is refused");
        assert!(error.contains(words), "{error}");
    }
    for bytes in
        [&b"\x02"[..], &[2; 40], &[1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    {
        let error = codec::read_entry(&Bytes::copy_from_slice(bytes)).expect_err("it is refused").to_string();
        assert!(error.contains("upgrade it"), "{error}");
    }
}

#[test]
fn a_command_that_would_hold_up_the_heartbeats_is_refused() {
    let huge = super::kit::write("r", Key::new("k", "n"), &"x".repeat(codec::COMMAND_BYTES_MAX), None);
    let error = codec::propose(huge).expect_err("it is refused").to_string();
    assert!(error.contains("split it"), "{error}");
}

#[test]
fn a_proposal_never_shows_what_it_carries() {
    let proposal = codec::propose(super::kit::write("r", Key::new("k", "n"), "secret", None)).expect("it is small");
    assert!(!format!("{proposal:?} {proposal}").contains("secret"));
}
