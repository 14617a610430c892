//! In which order members take up a change, and when those that have not had their turn keep what they have.
//!
//! The order lies in the object itself: each member decides from its own copy whether it is its turn, and all come to
//! the same answer. Nobody has to lead.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::name::MemberName;
use super::number::Revision;
use super::object::{Object, Phase, Placement, PlacementPhase, Spec};

/// What is asked for: members take up a change in waves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// The waves, such as `node1,25%`: each a member, several as `node1+node2`, a number of members, or a share of all.
    /// A number at the end goes on until nobody is left; after a member all others make one more wave.
    pub waves: String,
    /// How many members may fail before no other one begins.
    #[serde(default)]
    pub max_failures: usize,
}

/// The waves of a change that has not come to every member yet. They go when it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waves {
    /// The entry that began them, the same for all objects that it changed; 0 in an entry that is to begin them.
    #[serde(default, skip_serializing_if = "is_new")]
    pub id: Revision,
    /// Who takes it up after whom. A member that stands nowhere here joined later and waits for nobody.
    pub order: Vec<Vec<MemberName>>,
    /// How many members may fail before no other one begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_failures: usize,
    /// The members that have not begun, with what they go on with until their turn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<MemberName, Kept>,
}

/// What a member goes on with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// What all members shared; `None` when the object is new to the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// Its own keys.
    #[serde(default, skip_serializing_if = "has_none")]
    pub config: Config,
}

/// How far the waves of one entry are.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    waves: &'a Waves,
    objects: Vec<&'a Object>,
}

impl Waves {
    /// In which wave a member is, counted from 0.
    pub fn wave_of(&self, member: &MemberName) -> Option<usize> {
        self.order.iter().position(|wave| wave.contains(member))
    }

    /// Begins them as the entry `id`: who is not in the first wave goes on with what `held` says.
    #[must_use]
    pub fn begun(self, id: Revision, held: impl Fn(&MemberName) -> Kept) -> Self {
        let later = self.order.iter().skip(1).flatten();
        let kept = later.map(|member| (member.clone(), held(member))).collect();
        Self { id, kept, ..self }
    }

    /// Gives a member its new name.
    pub fn rename(&mut self, from: &MemberName, to: &MemberName) {
        self.order.iter_mut().flatten().filter(|member| *member == from).for_each(|member| *member = to.clone());
        if let Some(kept) = self.kept.remove(from) {
            self.kept.insert(to.clone(), kept);
        }
    }
}

impl<'a> Progress<'a> {
    /// How far all waves among these objects are, by the entry that began them.
    pub fn of_all(objects: impl IntoIterator<Item = &'a Object>) -> BTreeMap<Revision, Self> {
        let mut all: BTreeMap<Revision, Self> = BTreeMap::new();
        for object in objects {
            let Some(waves) = &object.management.waves else { continue };
            // A definition waits for a member that is away, and the others do not wait with it.
            if object.phase != Phase::Pending {
                let progress = all.entry(waves.id).or_insert_with(|| Self { waves, objects: Vec::new() });
                progress.objects.push(object);
            }
        }
        all
    }

    /// The members that could not take up the change.
    pub fn failed(&self) -> BTreeSet<&'a MemberName> {
        let has_failed = |placement: &Placement| placement.phase == PlacementPhase::Errored;
        let failed = self.placements().filter(|(object, _, it)| has_spoken(object, it) && has_failed(it));
        failed.map(|(_, member, _)| member).filter(|member| self.waves.wave_of(member).is_some()).collect()
    }

    /// Whether more members have failed than may: nobody else begins until they have mended it, or somebody acts.
    pub fn is_stopped(&self) -> bool {
        self.failed().len() > self.waves.max_failures
    }

    /// The first wave that has not ended.
    pub fn wave(&self) -> usize {
        let open = self.placements().filter(|(object, _, placement)| !has_spoken(object, placement));
        open.filter_map(|(_, member, _)| self.waves.wave_of(member)).min().unwrap_or(self.waves.order.len())
    }

    fn placements(&self) -> impl Iterator<Item = (&'a Object, &'a MemberName, &'a Placement)> {
        let each = |object: &'a Object| object.placements.iter().map(move |(member, it)| (object, member, it));
        self.objects.clone().into_iter().flat_map(each)
    }
}

/// Whether a member may take up what an object asks for: it has begun already, or all members before it have said how
/// it went with every object of the same entry, and no more of them have failed than may.
///
/// `all` is what [`Progress::of_all`] gives for the objects that the member has left to do.
pub fn may_act(object: &Object, member: &MemberName, all: &BTreeMap<Revision, Progress<'_>>) -> bool {
    let Some(waves) = &object.management.waves else { return true };
    if !waves.kept.contains_key(member) {
        return true;
    }
    let Some(progress) = all.get(&waves.id) else { return false };
    !progress.is_stopped() && waves.wave_of(member).is_none_or(|wave| wave <= progress.wave())
}

fn has_spoken(object: &Object, placement: &Placement) -> bool {
    placement.observed == object.generation
}

// serde hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_new(id: &Revision) -> bool {
    *id == Revision(0)
}

fn has_none(config: &Config) -> bool {
    config.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Generation, Key, Management, Rollout, Timestamp};

    fn names(all: &[&str]) -> Vec<MemberName> {
        all.iter().map(|name| MemberName::from(*name)).collect()
    }

    /// An object at generation 2 in the waves a, then b and c, then d; `said` is what each member last reported.
    fn object(name: &str, max_failures: usize, said: &[(&str, u64, PlacementPhase)]) -> Object {
        let order = vec![names(&["a"]), names(&["b", "c"]), names(&["d"])];
        let waves = Waves { order, max_failures, ..Waves::default() }.begun(Revision(7), |_| Kept::default());
        let placement = |observed, phase| Placement {
            config: Config::default(),
            phase,
            observed: Generation(observed),
            realised: Generation(1),
            condition: Condition::waiting(Timestamp(0)),
        };
        let said = said.iter().map(|(member, observed, phase)| ((*member).into(), placement(*observed, *phase)));
        Object {
            uid: Revision(1),
            generation: Generation(2),
            phase: Phase::Created,
            rollout: Rollout::EveryMember,
            management: Management { waves: Some(waves), ..Management::default() },
            placements: said.collect(),
            ..Object::blank(Key::new("network", name))
        }
    }

    fn acting(objects: &[Object]) -> Vec<&str> {
        let all = Progress::of_all(objects);
        let may = |member: &&str| may_act(&objects[0], &MemberName::from(*member), &all);
        ["a", "b", "c", "d"].into_iter().filter(may).collect()
    }

    #[test]
    fn a_wave_begins_when_all_before_it_have_said_how_it_went() {
        use PlacementPhase::{Created, Errored};
        let old = |member| (member, 1, Created);
        let done = |member| (member, 2, Created);
        let failed = |member| (member, 2, Errored);
        for (max_failures, said, expected) in [
            (0, [old("a"), old("b"), old("c"), old("d")], vec!["a"]),
            (0, [done("a"), old("b"), old("c"), old("d")], vec!["a", "b", "c"]),
            (0, [failed("a"), old("b"), old("c"), old("d")], vec!["a"]),
            (1, [failed("a"), old("b"), old("c"), old("d")], vec!["a", "b", "c"]),
            (0, [done("a"), done("b"), old("c"), old("d")], vec!["a", "b", "c"]),
            (0, [done("a"), failed("b"), old("c"), old("d")], vec!["a"]),
            (1, [failed("a"), failed("b"), old("c"), old("d")], vec!["a"]),
            (1, [failed("a"), done("b"), done("c"), old("d")], vec!["a", "b", "c", "d"]),
        ] {
            assert_eq!(acting(&[object("one", max_failures, &said)]), expected, "{max_failures} {said:?}");
        }
    }

    #[test]
    fn objects_of_one_entry_stop_together_and_those_of_another_do_not_matter() {
        use PlacementPhase::{Created, Errored};
        let fine = object("one", 0, &[("a", 2, Created), ("b", 1, Created), ("d", 1, Created)]);
        let slow = object("two", 0, &[("a", 1, Created), ("b", 1, Created)]);
        let broken = object("two", 0, &[("a", 2, Errored), ("b", 1, Created)]);
        assert_eq!(acting(std::slice::from_ref(&fine)), ["a", "b", "c"]);
        assert_eq!(acting(&[fine.clone(), slow]), ["a"]);
        assert_eq!(acting(&[fine.clone(), broken.clone()]), ["a"]);
        let mut of_another = broken.clone();
        of_another.management.waves.as_mut().expect("it has waves").id = Revision(8);
        assert_eq!(acting(&[fine.clone(), of_another]), ["a", "b", "c"]);
        let only_defined = Object { phase: Phase::Pending, ..broken };
        assert_eq!(acting(&[fine, only_defined]), ["a", "b", "c"]);
    }

    #[test]
    fn who_has_begun_goes_on_and_who_joined_later_waits_for_nobody() {
        use PlacementPhase::{Created, Errored};
        let mut object = object("one", 0, &[("a", 2, Errored), ("b", 1, Created), ("d", 1, Created)]);
        let waves = object.management.waves.as_mut().expect("it has waves");
        waves.kept.remove(&MemberName::from("b"));
        waves.rename(&MemberName::from("d"), &MemberName::from("z"));
        assert_eq!(waves.wave_of(&MemberName::from("z")), Some(2));
        assert_eq!(acting(std::slice::from_ref(&object)), ["a", "b", "d"], "d is a name that nobody of them has");
        let all = Progress::of_all([&object]);
        assert!(!may_act(&object, &MemberName::from("z"), &all));
    }
}
