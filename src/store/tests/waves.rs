//! Changes that come to the members in waves: who goes on with what, and when it is over.

use super::kit::{put, spec};
use super::world::{World, pool};
use crate::model::{
    Change, Config, Kept, Management, MemberName, PlacementPhase, Put, Revision, Rollout, Stage, Waves,
};

fn in_waves(text: &str, order: &[&[&str]]) -> Put {
    let order = order.iter().map(|wave| wave.iter().map(|name| MemberName::from(*name)).collect()).collect();
    let waves = Some(Waves { order, ..Waves::default() });
    Put { management: Some(Management { waves, ..Management::default() }), ..plain(text) }
}

fn plain(text: &str) -> Put {
    put(pool(), Rollout::EveryMember, Stage::Live, text, &["a", "b", "c"])
}

impl World {
    fn put(&mut self, put: Put) {
        self.write(vec![Change::Put(put)]);
    }

    fn waves(&self) -> Option<&Waves> {
        self.pool().management.waves.as_ref()
    }

    /// Who has not begun, with the description that it goes on with.
    fn kept(&self) -> Vec<(&str, Option<&str>)> {
        let kept = self.waves().into_iter().flat_map(|waves| &waves.kept);
        kept.map(|(member, kept)| (member.as_str(), kept.spec.as_ref().map(|spec| spec.text("description")))).collect()
    }

    /// The pool as the members have made it.
    fn made() -> Self {
        let mut world = Self::default();
        world.put(plain("old"));
        ["a", "b", "c"].iter().for_each(|name| world.report(name, PlacementPhase::Created));
        world
    }
}

#[test]
fn members_go_on_with_what_they_have_until_they_report_on_the_change() {
    let mut world = World::made();
    world.put(in_waves("new", &[&["a"], &["b", "c"]]));
    assert_eq!(world.waves().map(|waves| waves.id), Some(Revision(5)), "the entry that began them");
    assert_eq!(world.kept(), [("b", Some("old")), ("c", Some("old"))]);
    world.report("a", PlacementPhase::Errored);
    world.report("c", PlacementPhase::Created);
    assert_eq!(world.kept(), [("b", Some("old"))]);
    world.report("b", PlacementPhase::Created);
    assert!(world.waves().is_some(), "a has failed");
    world.report("a", PlacementPhase::Created);
    assert_eq!(world.waves(), None, "it has come to all of them");
}

#[test]
fn what_is_new_is_nothing_to_go_on_with() {
    let mut world = World::default();
    world.put(in_waves("new", &[&["a"], &["b"], &["c"]]));
    assert_eq!(world.kept(), [("b", None), ("c", None)]);
}

#[test]
fn a_mended_change_leaves_everybody_with_what_they_really_have() {
    let mut world = World::made();
    world.put(in_waves("broken", &[&["a"], &["b"], &["c"]]));
    world.report("a", PlacementPhase::Created);
    world.report("b", PlacementPhase::Errored);
    world.put(in_waves("mended", &[&["a"], &["b"], &["c"]]));
    assert_eq!(world.kept(), [("b", Some("broken")), ("c", Some("old"))], "b had begun, c had not");
}

#[test]
fn a_put_that_knows_of_no_waves_or_of_an_old_state_of_them_leaves_them_as_they_are() {
    let mut world = World::made();
    world.put(in_waves("new", &[&["a"], &["b"], &["c"]]));
    let seen = world.pool().management.clone();
    world.report("a", PlacementPhase::Created);
    world.report("b", PlacementPhase::Created);
    let before = world.waves().cloned();
    world.put(plain("new"));
    assert_eq!(world.waves().cloned(), before);
    world.put(Put { management: Some(Management { protect: true, ..seen.clone() }), ..plain("new") });
    assert_eq!((world.waves().cloned(), world.pool().management.protect), (before, true));
    world.put(Put { management: Some(Management::default()), ..plain("new") });
    assert_eq!(world.waves(), None, "all at once");
    world.put(Put { management: Some(seen), ..plain("new") });
    assert_eq!(world.waves(), None, "what is over does not come again");
}

#[test]
fn waves_know_members_by_their_new_names_and_forget_those_that_leave() {
    let mut world = World::made();
    world.put(in_waves("new", &[&["a"], &["b"], &["c"]]));
    world.write(vec![Change::RenameMember { from: "c".into(), to: "z".into() }]);
    assert_eq!(world.kept(), [("b", Some("old")), ("z", Some("old"))]);
    world.report("a", PlacementPhase::Created);
    world.report("z", PlacementPhase::Created);
    world.write(vec![Change::ForgetMember { member: "b".into() }]);
    assert_eq!(world.waves(), None, "nobody is left who has not made it");
}

#[test]
fn a_removal_comes_to_all_at_once_and_what_it_takes_back_is_made_anew() {
    let mut world = World::made();
    world.put(in_waves("new", &[&["a"], &["b"], &["c"]]));
    world.write(vec![Change::Delete { key: pool() }]);
    assert_eq!(world.waves(), None);
    world.put(in_waves("again", &[&["a"], &["b"], &["c"]]));
    assert_eq!(world.waves().map(|waves| &waves.kept["b"]), Some(&Kept::default()), "it may be gone from there");
}

#[test]
fn a_definition_keeps_its_waves_until_it_goes_live() {
    let mut world = World::default();
    world.put(Put { stage: Stage::Define, ..in_waves("x", &[&["a"], &["b", "c"]]) });
    world.put(Put { spec: spec("x"), ..plain("x") });
    assert_eq!(world.kept(), [("b", None), ("c", None)]);
    assert_eq!(world.pool().placements["b"].config, Config::default());
}
