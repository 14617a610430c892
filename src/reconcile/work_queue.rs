//! What one member has to look at in a pass, and in which order.

use std::collections::BTreeMap;

use super::attempts::Memory;
use super::pass::PassScope;
use crate::kinds::{self, AnyActuator, Intent, Local, Work};
use crate::model::{
    Heal, Kept, Key, MemberName, Object, Phase, Placement, Progress, ProjectName, Rollout, Timestamp, may_act,
};

/// One placement to look at.
pub(super) struct Task<'a> {
    pub object: &'a Object,
    pub placement: &'a Placement,
    pub work: Work,
    pub actor: Actor,
    /// Why what has changed on the host stays as it is found; `None` where it is put right.
    pub left: Option<Left>,
    /// Whether the member only keeps up what it has until its turn: nothing is said of that.
    pub is_kept: bool,
}

/// Why a member only tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The object says so.
    HealOff,
    /// Somebody holds it for a time.
    Held,
}

/// Who brings a placement about.
#[derive(Clone, Copy)]
pub(super) enum Actor {
    /// The kind's own half for members.
    Node(&'static dyn AnyActuator),
    /// Nobody: the kind leaves nothing on a host.
    Nothing,
    /// Nobody here: a newer version wrote a kind that this one does not know.
    Unknown,
}

/// Everything that is due, in groups: the members of a group do not depend on each other.
/// Removals come first, users before what they use; then creations, the other way round.
pub(super) fn agenda<'a>(
    me: &MemberName,
    objects: &'a [Object],
    memory: &Memory,
    look: PassScope,
    now: Timestamp,
) -> Vec<Vec<Task<'a>>> {
    let due = objects.iter().filter(|object| is_realised(object) && memory.is_due(object, look, now));
    let waves = Progress::of_all(objects);
    let task = |object: &'a Object| match may_act(object, me, &waves) {
        true => task(me, object, memory),
        // What it has does not outlive a reboot by itself.
        false => (look == PassScope::AtAll).then(|| kept(me, object, memory)).flatten(),
    };
    let tasks: Vec<Task<'a>> = due.filter_map(task).collect();
    let (present, absent): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.work.intent == Intent::Present);
    let mut groups = by_depth(absent);
    groups.reverse();
    groups.extend(by_depth(present));
    groups
}

/// Whether members act on the object at all: not on records, and not before the global create.
fn is_realised(object: &Object) -> bool {
    object.rollout != Rollout::RecordOnly && object.phase != Phase::Pending
}

fn task<'a>(me: &MemberName, object: &'a Object, memory: &Memory) -> Option<Task<'a>> {
    let placement = object.placements.get(me)?;
    let intent = match object.phase {
        Phase::Deleting => Intent::Absent,
        Phase::Pending | Phase::Creating | Phase::Created | Phase::Errored => Intent::Present,
    };
    let local = Local::of(object, me)?;
    let actor = match kinds::find(object.key.kind.as_str()) {
        Some(kind) => kind.node().map_or(Actor::Nothing, Actor::Node),
        None => Actor::Unknown,
    };
    let left = left(object, placement, memory).filter(|_| intent == Intent::Present);
    Some(Task { object, placement, work: Work { local, intent }, actor, left, is_kept: false })
}

/// What the member has, as long as others take up a change before it.
fn kept<'a>(me: &MemberName, object: &'a Object, memory: &Memory) -> Option<Task<'a>> {
    let Kept { spec, config } = object.management.waves.as_ref()?.kept.get(me)?;
    let task = task(me, object, memory)?;
    let local = Local { spec: spec.clone()?, config: config.clone(), ..task.work.local };
    let left = left_alone(object, memory);
    Some(Task { work: Work { local, ..task.work }, left, is_kept: true, ..task })
}

/// What was asked for since the member made it is done in any case.
fn left(object: &Object, placement: &Placement, memory: &Memory) -> Option<Left> {
    if placement.realised != object.generation {
        return None;
    }
    left_alone(object, memory)
}

fn left_alone(object: &Object, memory: &Memory) -> Option<Left> {
    if memory.is_held(&object.key) {
        return Some(Left::Held);
    }
    (object.management.heal == Heal::Off).then_some(Left::HealOff)
}

/// Groups tasks so that each comes after all that it needs.
fn by_depth(tasks: Vec<Task<'_>>) -> Vec<Vec<Task<'_>>> {
    let needs: BTreeMap<Key, Vec<Key>> = tasks.iter().map(|task| (task.object.key.clone(), needed(task))).collect();
    let mut depths = BTreeMap::new();
    let mut groups: Vec<Vec<Task<'_>>> = Vec::new();
    for task in tasks {
        let depth = depth_of(&task.object.key, &needs, &mut depths);
        while groups.len() <= depth {
            groups.push(Vec::new());
        }
        groups[depth].push(task);
    }
    groups
}

fn needed(task: &Task<'_>) -> Vec<Key> {
    let Some(kind) = kinds::find(task.object.key.kind.as_str()) else { return Vec::new() };
    let named = kind.needs(&task.object.key, &task.object.spec).into_iter().map(|need| need.key);
    // Where the project has none of its own, the name means what the default project has.
    named.flat_map(|key| [Key { project: ProjectName::default(), ..key.clone() }, key]).collect()
}

fn depth_of(key: &Key, needs: &BTreeMap<Key, Vec<Key>>, depths: &mut BTreeMap<Key, usize>) -> usize {
    if let Some(depth) = depths.get(key) {
        return *depth;
    }
    // Also ends the descent where objects need each other in a circle.
    depths.insert(key.clone(), 0);
    let below = needs.get(key).into_iter().flatten().filter(|need| needs.contains_key(need));
    let depth = below.map(|need| depth_of(need, needs, depths) + 1).max().unwrap_or(0);
    depths.insert(key.clone(), depth);
    depth
}
