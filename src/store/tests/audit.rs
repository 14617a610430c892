//! The audit log: what it says of commands, and that nobody changes it unseen.

use std::collections::BTreeMap;

use futures_util::stream;
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, RaftSnapshotBuilder};
use rusqlite::Connection;
use tempfile::TempDir;

use super::kit::{profile, put, spec, write};
use crate::model::{
    AuditCheck, Audited, Change, Command, Condition, ConditionState, Config, Generation, Key, Origin, PlacementPhase,
    PlacementReport, Put, Report, Revision, Rollout, Stage, Timestamp, Write,
};
use crate::store::failure::Failure;
use crate::store::machine::{AuditAsk, StateMachine};
use crate::store::raft::codec;

/// A member's state, fed with commands as its log would.
struct Member {
    dir: TempDir,
    machine: StateMachine,
    index: u64,
}

impl Member {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let machine = StateMachine::open(dir.path(), Failure::default()).expect("a state");
        Self { dir, machine, index: 0 }
    }

    async fn apply(&mut self, batch: Vec<Command>) {
        let entry = |command| {
            self.index += 1;
            let payload = EntryPayload::Normal(codec::propose(command).expect("it is small"));
            Ok((crate::store::raft::types::Entry { log_id: codec::log_id(1, 1, self.index), payload }, None))
        };
        let entries: Vec<_> = batch.into_iter().map(entry).collect();
        self.machine.apply(stream::iter(entries)).await.expect("it applies");
    }

    fn list(&self, ask: &AuditAsk) -> Vec<Audited> {
        self.machine.reads().audit(ask).expect("it reads")
    }

    fn check(&self) -> AuditCheck {
        self.machine.reads().audit_check(Revision(1), Revision(u64::MAX)).expect("it reads")
    }

    fn restart(&mut self) {
        self.machine.close();
        self.machine = StateMachine::open(self.dir.path(), Failure::default()).expect("a state");
    }

    fn tamper(&self, sql: &str) {
        let changed = Connection::open(self.dir.path().join("state.db")).and_then(|it| it.execute(sql, []));
        assert_eq!(changed.expect("it is a database"), 1, "{sql}");
    }
}

fn written(request: &str, changes: Vec<Change>) -> Command {
    let (request, by) = (request.to_owned(), "unix:0".to_owned());
    Command::Write(Write { request, at: Timestamp(7), by, origin: None, expect: Vec::new(), changes })
}

fn pool(text: &str, source: &str) -> Put {
    let mut put = put(Key::new("storage-pool", "data"), Rollout::EveryMember, Stage::Live, text, &["n1"]);
    put.placements.insert("n1".into(), Config::from([("source", source)]));
    put
}

fn said(state: ConditionState, reason: &str, since: i64) -> Command {
    let condition = Condition { state, reason: reason.to_owned(), message: String::new(), since: Timestamp(since) };
    let entry = PlacementReport {
        key: Key::new("storage-pool", "data"),
        uid: Revision(1),
        member: "n1".into(),
        generation: Generation(2),
        phase: Some(PlacementPhase::Created),
        condition,
        learned: BTreeMap::new(),
    };
    Command::Report(Report { at: Timestamp(9), entries: vec![entry] })
}

fn texts(member: &Member) -> Vec<String> {
    let mut entries = member.list(&AuditAsk::default());
    entries.reverse();
    entries.iter().map(|it| serde_json::to_string(&it.entry).expect("JSON")).collect()
}

#[tokio::test]
async fn each_write_tells_who_did_what_to_which_keys_and_no_value() {
    let mut member = Member::new();
    let mut from = write("2", profile("p"), "new", None);
    if let Command::Write(write) = &mut from {
        write.origin = Some(Origin { address: "10.0.0.9:4".to_owned(), ..Origin::default() });
    }
    let refused = write("3", profile("p"), "other", None);
    let mut changed = spec("other");
    changed.set_config(&Config::from([("core.trust_password", "sekret")]));
    let changed = Put { spec: changed, ..pool("", "/dev/vdb") };
    member.apply(vec![written("1", vec![Change::Put(pool("a", "/dev/sda"))]), from.clone(), refused, from]).await;
    member.apply(vec![written("4", vec![Change::Put(changed), Change::Forget { key: profile("p") }])]).await;
    member.apply(vec![written("5", vec![Change::Delete { key: Key::new("storage-pool", "data") }])]).await;
    // These bytes are hashed on members of all versions.
    assert_eq!(
        texts(&member),
        [
            r#"{"at":7,"by":"unix:0","what":[{"did":"create","key":"storage-pool/data"}]}"#,
            r#"{"at":1,"by":"test","from":{"address":"10.0.0.9:4"},"what":[{"did":"create","key":"profile/p"}]}"#,
            r#"{"at":7,"by":"unix:0","what":[{"did":"delete","key":"profile/p"},{"did":"change","key":"storage-pool/data","names":["config","description","members.n1.source"]}]}"#,
            r#"{"at":7,"by":"unix:0","what":[{"did":"delete","key":"storage-pool/data"}]}"#,
        ]
    );
    assert_eq!(
        member.check().head,
        "a149d6173e546f2d520eadf078e91f51ea3a2e3f6fa7d05717e33b2c8a2feb27",
        "the chain of version one"
    );
    let of_profile = AuditAsk { key: Some("profile/p".to_owned()), ..AuditAsk::default() };
    assert_eq!(member.list(&of_profile).iter().map(|it| it.revision.0).collect::<Vec<_>>(), [5, 2]);
    let newest = AuditAsk { limit: 1, ..AuditAsk::default() };
    assert_eq!(member.list(&newest)[0].revision, Revision(6));
    let later = AuditAsk { since_ms: Some(2), ..AuditAsk::default() };
    assert_eq!(member.list(&later).len(), 3);
    member.machine.close();
}

#[tokio::test]
async fn what_a_member_finds_and_puts_right_is_told_each_time_and_nothing_else_of_its_reports() {
    let mut member = Member::new();
    member.apply(vec![written("1", vec![Change::Put(pool("a", "x"))])]).await;
    member.apply(vec![written("2", vec![Change::Put(pool("b", "x"))])]).await;
    let ready = || said(ConditionState::Ready, "Ready", 10);
    let healed = |since| said(ConditionState::Ready, "Restored", since);
    let drifted = |reason| said(ConditionState::Drifted, reason, 20);
    member
        .apply(vec![ready(), healed(11), healed(11), healed(12), drifted("Otherwise"), drifted("Gone"), ready()])
        .await;
    let did: Vec<_> = member.list(&AuditAsk::default()).into_iter().map(|it| (it.revision.0, it.entry.what)).collect();
    let did: Vec<_> = did.into_iter().rev().skip(2).map(|(at, what)| (at, what[0].did.word())).collect();
    assert_eq!(did, [(4, "healed"), (6, "healed"), (7, "drifted"), (9, "cleared")]);
    member.machine.close();
}

#[tokio::test]
async fn the_chain_is_the_same_however_entries_are_batched_and_after_restarts_and_snapshots() {
    let commands = || (0..40).map(|n| write(&n.to_string(), profile(&format!("p{n}")), "new", None));
    let (mut one, mut other) = (Member::new(), Member::new());
    one.apply(commands().collect()).await;
    for (n, command) in commands().enumerate() {
        other.apply(vec![command]).await;
        if n == 20 {
            other.restart();
        }
    }
    let (whole, same) = (one.check(), other.check());
    assert_eq!(whole, same);
    assert_eq!((whole.entries, whole.compared, whole.broken), (40, 40, None));
    let snapshot = one.machine.build_snapshot().await.expect("it is built");
    let mut third = Member::new();
    third.machine.install_snapshot(&snapshot.meta, snapshot.snapshot).await.expect("it is installed");
    third.index = one.index;
    for member in [&mut one, &mut third] {
        member.apply(vec![write("later", profile("later"), "new", None)]).await;
    }
    assert_eq!(one.check(), third.check());
    for member in [one, other, third] {
        member.machine.close();
    }
}

#[tokio::test]
async fn an_entry_that_was_changed_dropped_or_moved_is_named() {
    let text =
        |n: u64, word: &str| format!("UPDATE entries SET audit = replace(audit, 'test', '{word}') WHERE idx = {n}");
    for (sql, named) in [
        (text(3, "evil"), 3),
        ("UPDATE entries SET hash = zeroblob(32) WHERE idx = 4".to_owned(), 4),
        ("UPDATE entries SET audit = NULL WHERE idx = 5".to_owned(), 5),
        // The one after it does not build upon what stands before it any more.
        ("DELETE FROM entries WHERE idx = 2".to_owned(), 3),
        ("DELETE FROM entries WHERE idx = 1".to_owned(), 2),
    ] {
        let mut member = Member::new();
        member.apply((0..6).map(|n| write(&n.to_string(), profile(&format!("p{n}")), "new", None)).collect()).await;
        assert_eq!(member.check().broken, None);
        member.tamper(&sql);
        assert_eq!(member.check().broken.map(|it| it.revision.0), Some(named), "{sql}");
        member.machine.close();
    }
}

#[tokio::test]
async fn old_entries_go_and_the_chain_still_holds() {
    let mut member = Member::new();
    member.apply((0..3).map(|n| write(&n.to_string(), profile(&format!("p{n}")), "new", None)).collect()).await;
    // As many entries later as are kept, and a step.
    member.index = 32_768 + 1_023;
    member.apply(vec![write("late", profile("late"), "new", None)]).await;
    let check = member.check();
    assert_eq!((check.entries, check.first.0, check.broken), (1, 33_792, None));
    member.restart();
    member.apply(vec![write("later", profile("later"), "new", None)]).await;
    assert_eq!((member.check().entries, member.check().broken), (2, None));
    member.machine.close();
}
