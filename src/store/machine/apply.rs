//! What applying a command does, as a pure function.
//!
//! The database, the simulator and the tests all use this one. It reads nothing but the command and the
//! state: two members that apply the same entries hold the same rows.

use std::collections::BTreeMap;

use super::state_view::View;
use crate::model::{
    Change, Command, Condition, Config, Expect, Fault, Generation, Kept, Key, Management, MemberName, Object, Phase,
    Placement, PlacementPhase, PlacementReport, Put, Reply, Revision, Rollout, Spec, Stage, Timestamp, Was, Write,
};

/// What a command changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Each changed object as it is afterwards; `None` where it has gone.
    pub objects: BTreeMap<Key, Option<Object>>,
    /// What the proposer gets.
    pub reply: Reply,
}

/// What applying `command` as the entry `revision` gives.
pub fn transition(view: &dyn View, revision: Revision, command: &Command) -> Transition {
    let mut draft = WriteSet { view, revision, objects: BTreeMap::new() };
    match command {
        Command::Write(write) => {
            let faults = draft.faults(write);
            if !faults.is_empty() {
                return Transition { objects: BTreeMap::new(), reply: Reply::Refused { faults } };
            }
            for change in &write.changes {
                draft.change(change, write.at);
            }
            draft.refer(write);
        }
        Command::Report(report) => report.entries.iter().for_each(|entry| draft.report(entry)),
    }
    Transition { objects: draft.objects, reply: Reply::Applied { revision } }
}

/// The changes so far, on top of what was there.
struct WriteSet<'a> {
    view: &'a dyn View,
    revision: Revision,
    objects: BTreeMap<Key, Option<Object>>,
}

impl WriteSet<'_> {
    fn object(&self, key: &Key) -> Option<Object> {
        match self.objects.get(key) {
            Some(drafted) => drafted.clone(),
            None => self.view.object(key),
        }
    }

    fn set(&mut self, object: Object) {
        self.objects.insert(object.key.clone(), Some(object));
    }

    fn drop(&mut self, key: &Key) {
        self.objects.insert(key.clone(), None);
    }

    /// Keeps a changed object, unless its removal has just been finished.
    fn settle(&mut self, mut object: Object) {
        if object.phase == Phase::Deleting && object.placements.is_empty() {
            return self.drop(&object.key);
        }
        object.phase = rolled_up(&object);
        if object.placements.values().all(|placement| has_realised(&object, placement)) {
            object.management.waves = None;
        }
        self.set(object);
    }

    fn faults(&self, write: &Write) -> Vec<Fault> {
        let fault = |expected: &Expect| {
            let object = self.object(&expected.key);
            let found = object.as_ref().map(|object| object.generation);
            let is_as_decided = expected.referred.is_none_or(|then| object.is_some_and(|now| now.referred == then));
            (found != expected.generation || !is_as_decided).then(|| Fault { expected: expected.clone(), found })
        };
        write.expect.iter().filter_map(fault).collect()
    }

    /// What others may refer to from now on remembers it: entries that rest on nobody doing so do not hold any more.
    fn refer(&mut self, write: &Write) {
        for expected in write.expect.iter().filter(|expected| expected.refers) {
            if let Some(mut object) = self.object(&expected.key) {
                object.referred = self.revision;
                self.set(object);
            }
        }
    }

    fn change(&mut self, change: &Change, at: Timestamp) {
        match change {
            Change::Put(put) => self.put(put, at),
            Change::Delete { key } => self.delete(key, at),
            Change::Forget { key } => {
                if self.object(key).is_some() {
                    self.drop(key);
                }
            }
            Change::ForgetMember { member } => self.each_placed_on(member, |object| {
                object.placements.remove(member);
            }),
            Change::Remember { key, objects } => self.remember(key, objects, at),
            Change::RenameMember { from, to } => self.each_placed_on(from, |object| {
                if let Some(placement) = object.placements.remove(from) {
                    object.placements.insert(to.clone(), placement);
                }
                if let Some(waves) = &mut object.management.waves {
                    waves.rename(from, to);
                }
            }),
        }
    }

    fn put(&mut self, put: &Put, at: Timestamp) {
        let old = self.object(&put.key);
        let (uid, generation, referred, created_at) = match &old {
            Some(old) => (old.uid, old.generation.next(), old.referred, old.created_at),
            None => (self.revision, Generation(1), Revision::default(), at),
        };
        let (old_phase, old_spec, old_applied, old_management, mut old_placements) = match old {
            Some(old) => (Some(old.phase), old.spec, old.applied, old.management, old.placements),
            None => (None, Spec::default(), None, Management::default(), BTreeMap::new()),
        };
        if old_phase == Some(Phase::Deleting) {
            // Members may have removed it already: what is not there now is to be made, not lost.
            old_placements.values_mut().for_each(|placement| placement.realised = Generation(0));
        }
        let held = |member: &MemberName| held(member, &old_management, &old_spec, &old_placements);
        let management = managed(put, self.revision, &old_management, held);
        self.settle(Object {
            key: put.key.clone(),
            uid,
            generation,
            phase: phase_after(put, old_phase),
            rollout: put.rollout,
            spec: put.spec.clone(),
            applied: put.applied.clone().or(old_applied),
            management,
            referred,
            created_at,
            updated_at: at,
            placements: placed(put, old_placements, at),
        });
    }

    /// Stores what objects were before this entry. The record has the form of a spec, so that no kind is needed to write it.
    fn remember(&mut self, key: &Key, objects: &[(Key, String)], at: Timestamp) {
        let was = |(key, action): &(Key, String)| Was {
            key: key.clone(),
            action: action.clone(),
            object: self.view.object(key),
        };
        let objects: Vec<Was> = objects.iter().map(was).collect();
        // Structures of texts and numbers, which can always be written.
        let spec = Spec::of(&BTreeMap::from([("objects", objects)])).unwrap_or_default();
        let key = key.clone();
        let (rollout, stage, placements) = (Rollout::RecordOnly, Stage::Live, BTreeMap::new());
        self.put(&Put { key, rollout, stage, spec, applied: None, management: None, placements }, at);
    }

    fn delete(&mut self, key: &Key, at: Timestamp) {
        let Some(mut object) = self.object(key) else { return };
        if object.phase == Phase::Deleting {
            return;
        }
        if !may_be_realised(&object) {
            return self.drop(key);
        }
        object.phase = Phase::Deleting;
        // Everybody takes it down at once.
        object.management.waves = None;
        object.generation = object.generation.next();
        object.updated_at = at;
        self.set(object);
    }

    /// Changes every object that has a placement on `member`, those that this command made included.
    fn each_placed_on(&mut self, member: &MemberName, change: impl Fn(&mut Object)) {
        let stored = self.view.objects_placed_on(member).into_iter().map(|object| object.key);
        let drafted = self.objects.keys().cloned();
        let keys: std::collections::BTreeSet<Key> = stored.chain(drafted).collect();
        for key in keys {
            let Some(mut object) = self.object(&key) else { continue };
            if object.placements.contains_key(member) {
                change(&mut object);
                self.settle(object);
            }
        }
    }

    fn report(&mut self, entry: &PlacementReport) {
        let Some(mut object) = self.object(&entry.key) else { return };
        // A slow member may speak of an object, or of a generation, that is already history.
        if object.uid != entry.uid || object.generation != entry.generation {
            return;
        }
        let Some(placement) = object.placements.get_mut(&entry.member) else { return };
        match entry.phase {
            None => {
                object.placements.remove(&entry.member);
            }
            Some(phase) => {
                placement.phase = phase;
                placement.observed = entry.generation;
                if phase == PlacementPhase::Created {
                    placement.realised = entry.generation;
                }
                placement.condition = entry.condition.clone();
                placement.config.extend(entry.learned.clone());
            }
        }
        if let Some(waves) = &mut object.management.waves {
            waves.kept.remove(&entry.member);
        }
        self.settle(object);
    }
}

/// How an object is managed after a put. New waves begin; those that are under way go on, whatever the put says of them.
fn managed(put: &Put, revision: Revision, old: &Management, held: impl Fn(&MemberName) -> Kept) -> Management {
    let mut management = put.management.clone().unwrap_or_else(|| old.clone());
    management.waves = match management.waves {
        Some(new) if new.id == Revision(0) => Some(new.begun(revision, held)),
        Some(_) => old.waves.clone(),
        None => None,
    };
    management
}

/// What a member goes on with until its turn: what it had begun with, or what it has.
fn held(member: &MemberName, old: &Management, spec: &Spec, placements: &BTreeMap<MemberName, Placement>) -> Kept {
    if let Some(kept) = old.waves.as_ref().and_then(|waves| waves.kept.get(member)) {
        return kept.clone();
    }
    match placements.get(member).filter(|placement| placement.realised > Generation(0)) {
        Some(placement) => Kept { spec: Some(spec.clone()), config: placement.config.clone() },
        None => Kept::default(),
    }
}

/// Whether the member has made the newest generation.
fn has_realised(object: &Object, placement: &Placement) -> bool {
    placement.observed == object.generation && placement.phase == PlacementPhase::Created
}

fn phase_after(put: &Put, old: Option<Phase>) -> Phase {
    match (put.stage, put.rollout) {
        (Stage::Define, _) => Phase::Pending,
        (Stage::Live, Rollout::RecordOnly) => Phase::Created,
        (Stage::Live, Rollout::EveryMember | Rollout::PlacedMembers) => match old {
            Some(Phase::Created) => Phase::Created,
            Some(Phase::Pending | Phase::Creating | Phase::Errored | Phase::Deleting) | None => Phase::Creating,
        },
    }
}

/// The placements after a put: those that were there keep what their members said.
fn placed(put: &Put, mut old: BTreeMap<MemberName, Placement>, at: Timestamp) -> BTreeMap<MemberName, Placement> {
    let place = |(member, config): (&MemberName, &Config)| {
        let condition = match put.stage {
            Stage::Define => Condition::defined(at),
            Stage::Live => Condition::waiting(at),
        };
        let placement = match old.remove(member) {
            // Nobody has spoken yet: what stands there is the store's own word, and that has moved on.
            Some(old) if old.observed == Generation(0) => Placement { config: config.clone(), condition, ..old },
            Some(old) => Placement { config: config.clone(), ..old },
            None => Placement {
                config: config.clone(),
                phase: PlacementPhase::Pending,
                observed: Generation(0),
                realised: Generation(0),
                condition,
            },
        };
        (member.clone(), placement)
    };
    put.placements.iter().map(place).collect()
}

/// Whether a host may hold something of the object. Once it has gone live, a member may have acted without
/// having said so yet; dropping the record then would leave what it made behind.
fn may_be_realised(object: &Object) -> bool {
    let touched =
        |placement: &Placement| placement.phase != PlacementPhase::Pending || placement.observed > Generation(0);
    let asked_for = object.phase != Phase::Pending;
    object.rollout != Rollout::RecordOnly
        && !object.placements.is_empty()
        && (asked_for || object.placements.values().any(touched))
}

/// Where the object stands once its placements have changed. A Created object stays Created whatever an update
/// does: its placements tell.
fn rolled_up(object: &Object) -> Phase {
    let at_newest = |placement: &Placement, phase| placement.observed == object.generation && placement.phase == phase;
    match object.phase {
        Phase::Pending | Phase::Created | Phase::Deleting => object.phase,
        Phase::Creating | Phase::Errored => {
            let mut placements = object.placements.values();
            if object.rollout == Rollout::PlacedMembers && object.placements.is_empty() {
                // The members that were to have it are gone: it stands nowhere.
                object.phase
            } else if placements.clone().all(|placement| at_newest(placement, PlacementPhase::Created)) {
                Phase::Created
            } else if placements.any(|placement| at_newest(placement, PlacementPhase::Errored)) {
                Phase::Errored
            } else {
                Phase::Creating
            }
        }
    }
}

/// Whether `member` has something to do about the object.
pub fn needs_action(object: &Object, member: &MemberName) -> bool {
    let Some(placement) = object.placements.get(member) else { return false };
    match object.phase {
        Phase::Pending => false,
        Phase::Deleting => true,
        Phase::Creating | Phase::Created | Phase::Errored => {
            object.rollout != Rollout::RecordOnly
                && (placement.observed < object.generation || placement.phase != PlacementPhase::Created)
        }
    }
}
