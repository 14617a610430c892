//! The rules of the log, one test a rule.

use std::collections::BTreeMap;

use super::kit::{put, spec};
use super::world::{World, pool};
use crate::model::{
    Change, Command, Config, Expect, Generation, Key, Management, MemberName, Phase, PlacementPhase, PlacementReport,
    Put, Reply, Revision, Rollout, Stage, Timestamp, Was, Write,
};
use crate::store::needs_action;

fn member(name: &str) -> MemberName {
    MemberName::from(name)
}

/// A put of the pool.
fn pool_put(stage: Stage, members: &[&str]) -> Change {
    Change::Put(put(pool(), Rollout::EveryMember, stage, "x", members))
}

fn record(stage: Stage) -> Change {
    Change::Put(put(pool(), Rollout::RecordOnly, stage, "x", &[]))
}

fn delete() -> Change {
    Change::Delete { key: pool() }
}

impl World {
    fn phase(&self) -> Phase {
        self.pool().phase
    }

    fn is_due(&self, name: &str) -> bool {
        needs_action(self.pool(), &member(name))
    }

    fn live(members: &[&str]) -> Self {
        let mut world = Self::default();
        world.write(vec![pool_put(Stage::Live, members)]);
        world
    }

    fn created(members: &[&str]) -> Self {
        let mut world = Self::live(members);
        for name in members {
            world.report(name, Some(PlacementPhase::Created));
        }
        assert_eq!(world.phase(), Phase::Created);
        world
    }
}

#[test]
fn a_definition_makes_a_pending_object_that_nobody_acts_on() {
    let mut world = World::default();
    world.write(vec![pool_put(Stage::Define, &["a"])]);
    let object = world.pool();
    assert_eq!((object.phase, object.generation, object.uid), (Phase::Pending, Generation(1), Revision(1)));
    let placement = &object.placements[&member("a")];
    assert_eq!((placement.phase, placement.observed), (PlacementPhase::Pending, Generation(0)));
    assert_eq!(placement.condition.reason, "Defined");
    assert!(!world.is_due("a"));
}

#[test]
fn the_global_create_asks_every_member() {
    let mut world = World::default();
    world.write(vec![pool_put(Stage::Define, &["a", "b"])]);
    world.write(vec![pool_put(Stage::Live, &["a", "b"])]);
    assert_eq!((world.phase(), world.pool().generation), (Phase::Creating, Generation(2)));
    assert!(world.is_due("a") && world.is_due("b"));
    assert_eq!(world.pool().placements[&member("a")].condition.reason, "Waiting");
}

#[test]
fn an_object_is_created_when_its_last_member_has_made_it() {
    let mut world = World::live(&["a", "b"]);
    world.report("a", Some(PlacementPhase::Created));
    assert_eq!(world.phase(), Phase::Creating);
    assert!(!world.is_due("a") && world.is_due("b"));
    world.report("b", Some(PlacementPhase::Created));
    assert_eq!(world.phase(), Phase::Created);
    assert!(world.pool().is_converged());
}

#[test]
fn one_failing_member_makes_an_object_errored_and_its_success_heals_it() {
    let mut world = World::live(&["a", "b"]);
    world.report("a", Some(PlacementPhase::Created));
    world.report("b", Some(PlacementPhase::Errored));
    assert_eq!(world.phase(), Phase::Errored);
    assert!(world.is_due("b"), "it tries on");
    world.report("b", Some(PlacementPhase::Created));
    assert_eq!(world.phase(), Phase::Created);
}

#[test]
fn a_created_object_stays_created_while_an_update_fails() {
    let mut world = World::created(&["a", "b"]);
    world.write(vec![pool_put(Stage::Live, &["a", "b"])]);
    assert_eq!((world.phase(), world.pool().generation), (Phase::Created, Generation(2)));
    assert!(world.is_due("a"));
    world.report("a", Some(PlacementPhase::Errored));
    assert_eq!(world.phase(), Phase::Created);
    assert!(!world.pool().is_converged());
}

#[test]
fn an_update_keeps_what_members_said_and_takes_the_new_configuration() {
    let mut world = World::created(&["a"]);
    let Change::Put(mut change) = pool_put(Stage::Live, &["a"]) else { unreachable!("a put") };
    change.placements.insert(member("a"), Config::from([("source", "/dev/x")]));
    world.write(vec![Change::Put(change)]);
    let placement = &world.pool().placements[&member("a")];
    assert_eq!(placement.config.value("source"), Some("/dev/x"));
    assert_eq!((placement.phase, placement.observed), (PlacementPhase::Created, Generation(1)));
    assert_eq!(placement.condition.reason, "Said");
}

#[test]
fn a_put_drops_the_placements_that_it_does_not_name() {
    let mut world = World::created(&["a", "b"]);
    world.write(vec![pool_put(Stage::Live, &["b", "c"])]);
    let members: Vec<_> = world.pool().placements.keys().map(MemberName::as_str).collect();
    assert_eq!(members, ["b", "c"]);
    assert_eq!(world.pool().placements[&member("c")].phase, PlacementPhase::Pending);
}

#[test]
fn a_put_that_declares_nothing_keeps_what_was_declared() {
    let mut world = World::default();
    let declared = |applied| Change::Put(Put { applied, ..put(pool(), Rollout::RecordOnly, Stage::Live, "x", &[]) });
    world.write(vec![declared(Some(spec("declared")))]);
    world.write(vec![declared(None)]);
    assert_eq!(world.pool().applied, Some(spec("declared")));
    world.write(vec![declared(Some(spec("anew")))]);
    assert_eq!(world.pool().applied, Some(spec("anew")));
}

#[test]
fn a_put_that_says_nothing_of_the_management_keeps_it_through_changes_and_a_removal_that_was_taken_back() {
    let mut world = World::default();
    let managed =
        |management| Change::Put(Put { management, ..put(pool(), Rollout::EveryMember, Stage::Live, "x", &["a"]) });
    let site = Management { source: Some("site".to_owned()), protect: true, ..Management::default() };
    world.write(vec![managed(Some(site.clone()))]);
    world.write(vec![managed(None)]);
    assert_eq!(world.pool().management, site);
    world.write(vec![delete(), managed(None)]);
    assert_eq!(world.pool().management, site);
    world.write(vec![managed(Some(Management::default()))]);
    assert_eq!(world.pool().management, Management::default());
}

#[test]
fn a_record_is_created_at_once_and_pending_while_it_is_only_defined() {
    let mut world = World::default();
    world.write(vec![record(Stage::Define)]);
    assert_eq!(world.phase(), Phase::Pending);
    world.write(vec![record(Stage::Live)]);
    assert_eq!(world.phase(), Phase::Created);
}

#[test]
fn the_time_of_making_stays_and_the_time_of_changing_moves() {
    let mut world = World::default();
    world.write(vec![record(Stage::Live)]);
    world.write(vec![record(Stage::Live)]);
    assert_eq!((world.pool().created_at, world.pool().updated_at), (Timestamp(0), Timestamp(1)));
}

#[test]
fn what_was_only_defined_is_deleted_at_once() {
    let mut world = World::default();
    world.write(vec![pool_put(Stage::Define, &["a"])]);
    world.write(vec![delete()]);
    assert_eq!(world.find(), None);
}

#[test]
fn a_record_is_deleted_at_once() {
    let mut world = World::default();
    world.write(vec![record(Stage::Live)]);
    world.write(vec![delete()]);
    assert_eq!(world.find(), None);
}

#[test]
fn what_members_have_made_goes_when_the_last_of_them_has_removed_it() {
    let mut world = World::created(&["a", "b"]);
    world.write(vec![delete()]);
    assert_eq!((world.phase(), world.pool().generation), (Phase::Deleting, Generation(2)));
    assert!(world.is_due("a") && world.is_due("b"));
    world.report("a", None);
    assert!(world.find().is_some());
    world.report("b", Some(PlacementPhase::Errored));
    assert!(world.is_due("b"), "a removal is tried until it succeeds");
    world.report("b", None);
    assert_eq!(world.find(), None);
}

#[test]
fn a_member_that_has_not_reported_yet_may_have_acted_so_its_object_is_not_dropped() {
    let mut world = World::live(&["a"]);
    world.write(vec![delete()]);
    assert_eq!(world.phase(), Phase::Deleting);
}

#[test]
fn deleting_twice_or_what_is_not_there_changes_nothing() {
    let mut world = World::created(&["a"]);
    world.write(vec![delete()]);
    let once = world.pool().clone();
    world.write(vec![delete()]);
    assert_eq!(*world.pool(), once);
    world.report("a", None);
    assert_eq!(world.write(vec![delete()]), Reply::Applied { revision: Revision(6) });
}

#[test]
fn an_object_that_comes_again_after_its_end_is_another_one() {
    let mut world = World::created(&["a"]);
    let late = world.entry("a", Some(PlacementPhase::Errored));
    world.write(vec![Change::Forget { key: pool() }]);
    assert_eq!(world.find(), None);
    world.write(vec![pool_put(Stage::Live, &["a"])]);
    assert_eq!((world.pool().uid, world.pool().generation), (Revision(4), Generation(1)));
    let before = world.pool().clone();
    world.send(vec![late]);
    assert_eq!(*world.pool(), before, "a report on the first one is ignored");
}

#[test]
fn a_put_on_what_is_being_deleted_brings_it_back() {
    let mut world = World::created(&["a", "b"]);
    world.write(vec![delete()]);
    world.report("a", None);
    world.write(vec![pool_put(Stage::Live, &["a", "b"])]);
    assert_eq!((world.phase(), world.pool().generation), (Phase::Creating, Generation(3)));
    assert!(world.is_due("a") && world.is_due("b"));
}

#[test]
fn reports_on_an_older_generation_an_unknown_member_or_an_unknown_object_are_ignored() {
    let mut world = World::created(&["a"]);
    let old = world.entry("a", Some(PlacementPhase::Errored));
    let stranger = world.entry("z", Some(PlacementPhase::Errored));
    let nothing = PlacementReport { key: Key::new("network", "none"), ..old.clone() };
    world.write(vec![pool_put(Stage::Live, &["a"])]);
    let before = world.ledger.state.objects.clone();
    let stranger = PlacementReport { generation: Generation(2), ..stranger };
    let reply = world.send(vec![old, stranger, nothing]);
    assert_eq!(reply, Reply::Applied { revision: Revision(4) });
    assert_eq!(world.ledger.state.objects, before);
}

#[test]
fn what_a_member_has_learned_joins_its_configuration_without_a_new_generation() {
    let mut world = World::live(&["a", "b"]);
    let learned = BTreeMap::from([("volatile.source".to_owned(), "/x".to_owned())]);
    let entry = PlacementReport { learned, ..world.entry("a", Some(PlacementPhase::Created)) };
    world.send(vec![entry]);
    assert_eq!(world.pool().generation, Generation(1));
    assert_eq!(world.pool().placements[&member("a")].config.value("volatile.source"), Some("/x"));
    assert_eq!(world.pool().placements[&member("b")].config.value("volatile.source"), None);
}

#[test]
fn when_a_member_is_forgotten_its_placements_go_and_the_rest_is_rolled_up() {
    let mut world = World::live(&["a", "b"]);
    world.report("a", Some(PlacementPhase::Created));
    world.report("b", Some(PlacementPhase::Errored));
    world.write(vec![Change::ForgetMember { member: member("b") }]);
    assert_eq!((world.phase(), world.pool().placements.len()), (Phase::Created, 1));
}

#[test]
fn when_the_last_member_of_a_removal_is_forgotten_the_object_goes() {
    let mut world = World::created(&["a", "b"]);
    world.write(vec![delete()]);
    world.report("a", None);
    world.write(vec![Change::ForgetMember { member: member("b") }]);
    assert_eq!(world.find(), None);
}

#[test]
fn a_renamed_member_keeps_its_placements() {
    let mut world = World::created(&["a"]);
    let placement = world.pool().placements[&member("a")].clone();
    world.write(vec![Change::RenameMember { from: member("a"), to: member("z") }]);
    assert_eq!(world.pool().placements, BTreeMap::from([(member("z"), placement)]));
    assert_eq!((world.phase(), world.is_due("z")), (Phase::Created, false));
}

#[test]
fn a_write_is_carried_out_whole_or_not_at_all() {
    let mut world = World::created(&["a"]);
    let other = Key::new("network", "br0");
    let expect = vec![
        Expect::at(pool(), Some(Generation(7))),
        Expect::at(other.clone(), Some(Generation(1))),
        Expect::at(pool(), Some(Generation(1))),
    ];
    let before = world.ledger.state.objects.clone();
    let reply = world.write_if(expect, vec![delete()]);
    let Reply::Refused { faults } = reply else { panic!("{reply:?}") };
    let found: Vec<_> = faults.iter().map(|fault| (&fault.expected.key, fault.found)).collect();
    assert_eq!(found, [(&pool(), Some(Generation(1))), (&other, None)], "each one that failed, and no other");
    assert_eq!(world.ledger.state.objects, before);
}

#[test]
fn later_changes_of_a_write_see_the_earlier_ones() {
    let mut world = World::default();
    let first = pool_put(Stage::Define, &["a"]);
    let second = Change::RenameMember { from: member("a"), to: member("b") };
    world.write(vec![first, second, pool_put(Stage::Live, &["b"])]);
    assert_eq!((world.phase(), world.pool().generation), (Phase::Creating, Generation(2)));
    assert!(world.pool().placements.contains_key(&member("b")));
}

#[test]
fn a_request_that_is_known_gives_its_first_reply_and_changes_nothing() {
    let mut world = World::default();
    let write = Write {
        request: "once".to_owned(),
        at: Timestamp(1),
        by: "test".to_owned(),
        origin: None,
        expect: Vec::new(),
        changes: vec![record(Stage::Live)],
    };
    let first = world.apply(Command::Write(write.clone()));
    let second = world.apply(Command::Write(write));
    assert_eq!((first, world.pool().generation), (second, Generation(1)));
    assert_eq!(world.ledger.state.revision, Revision(2));
}

#[test]
fn what_objects_were_before_an_entry_is_what_they_were_before_all_of_it() {
    let mut world = World::created(&["a"]);
    let before = world.pool().clone();
    let (past, other) = (Key::new("past", "1"), Key::new("network", "br0"));
    let objects = vec![(pool(), "delete".to_owned()), (other.clone(), "create".to_owned())];
    world.write(vec![delete(), Change::Remember { key: past.clone(), objects }]);
    let stored: Vec<Was> =
        serde_json::from_value(world.ledger.state.objects[&past].spec.0["objects"].clone()).expect("what was");
    let was = |key: Key, action: &str, object| Was { key, action: action.to_owned(), object };
    assert_eq!(stored, [was(pool(), "delete", Some(before)), was(other, "create", None)]);
    assert_eq!(world.phase(), Phase::Deleting);
}
