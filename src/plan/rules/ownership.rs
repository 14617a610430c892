//! Who an object belongs to, and what its manifest lets a plan do with it.

use crate::kinds::{self, hold::HoldSpec};
use crate::model::{
    ApplyMode, Claim, ClusterState, Declared, Finding, Key, Management, MemberName, Object, Phase, Placement, Put,
    Rollout, Severity, Stage,
};
use crate::plan::compute::{Mode, Scene};

/// What a plan may do with one declared object.
pub struct Held {
    /// How the object is managed from now on.
    pub management: Management,
    /// Whether its content stays as it is, whatever the manifest says.
    pub is_left_alone: bool,
}

/// Whether the content of an object stays as it is.
pub fn is_left_alone(declared: &Declared, stored: Option<&Object>) -> bool {
    // A definition is not there yet: it goes on to be created.
    let is_there = |object: &Object| object.phase != Phase::Pending || object.rollout == Rollout::RecordOnly;
    match declared.policy.apply.unwrap_or_default() {
        ApplyMode::Override | ApplyMode::Merge => false,
        ApplyMode::IfNotPresent => stored.is_some_and(is_there),
        ApplyMode::Ignore => true,
    }
}

/// What happens to keys of one object that a manifest no longer has.
pub fn mode(declared: &Declared, of_plan: Mode) -> Mode {
    if declared.policy.apply == Some(ApplyMode::Merge) { Mode::Merge } else { of_plan }
}

/// Decides whose an object is to be.
///
/// # Errors
/// When it belongs to somebody else.
pub fn hold(key: &Key, declared: &Declared, stored: Option<&Object>, scene: &Scene<'_>) -> Result<Held, Box<Finding>> {
    let now = stored.map(|object| object.management.clone()).unwrap_or_default();
    let is_left_alone = is_left_alone(declared, stored);
    let Some(Claim { source, take_over, heal, .. }) = scene.context.claim else {
        return Ok(Held { management: now, is_left_alone });
    };
    let source = source.as_deref();
    // Somebody is at work on it: its source waits. A person who applies files knows what they do.
    if source.is_some() && stored.is_some() && scene.held.contains_key(key) {
        return Ok(Held { management: now, is_left_alone: true });
    }
    let heal = heal.unwrap_or(now.heal);
    let is_ours = now.source.as_deref() == source;
    let is_foreign = now.source.is_some() && !is_ours;
    // What a project implies is nobody's: it comes and goes with the project.
    let is_implied = !scene.explicit.contains(key);
    let apply = declared.policy.apply.unwrap_or_default();
    let protect = declared.policy.protect.unwrap_or(now.protect);
    let management = match (is_left_alone, is_foreign) {
        _ if is_implied => now,
        (true, true) => now,
        (true, false) if is_ours && source.is_some() => Management { protect, apply, heal, ..now },
        (true, false) if apply == ApplyMode::IfNotPresent => Management { protect, ..now },
        (true, false) => now,
        (false, true) if !*take_over => return Err(Box::new(belongs(key, declared, &now, source))),
        (false, _) => Management { source: source.map(str::to_owned), protect, apply, heal, ..now },
    };
    Ok(Held { management, is_left_alone })
}

/// The code of what somebody holds.
pub const HELD: &str = "SB079";

/// What is declared and held for a time.
pub fn held(scene: &Scene<'_>) -> Vec<Finding> {
    let is_met = |key: &Key| scene.wanted.contains_key(key) && scene.state.get(key).is_some();
    let note = |(key, hold): (&Key, &HoldSpec)| {
        let text = format!("{key} is held ({}): no source changes it until that ends", hold.description);
        let note = Finding::warning(HELD, text).helping(format!("to end it: seedbed hold release {key}"));
        Finding { severity: Severity::Note, ..note }
    };
    // A plan that leaves everything with whoever has it is nobody's to change.
    let is_for_change = scene.context.claim.is_some();
    scene.held.iter().filter(|(key, _)| is_for_change && is_met(key)).map(note).collect()
}

/// Whether there is such a source.
pub fn exists(source: &str, state: &ClusterState) -> bool {
    state.get(&Key::new("source", source)).is_some()
}

/// The object once more as it stands in the two phases, managed otherwise.
pub fn revised(object: &Object, management: Management) -> Put {
    let stage = if object.phase == Phase::Pending { Stage::Define } else { Stage::Live };
    let config = |(member, placement): (&MemberName, &Placement)| (member.clone(), placement.config.clone());
    Put {
        key: object.key.clone(),
        rollout: object.rollout,
        stage,
        spec: object.spec.clone(),
        applied: None,
        management: Some(management),
        placements: object.placements.iter().map(config).collect(),
    }
}

/// The name under which an object owns others.
pub fn owner(key: &Key) -> Option<&str> {
    kinds::find(key.kind.as_str())?.owner(key)
}

/// What the deletion of an object leaves without an owner, and how it is managed from then on: another object of this
/// name is another owner.
pub fn released<'a>(key: &Key, state: &'a ClusterState) -> Vec<(&'a Object, Management)> {
    let Some(owner) = owner(key) else { return Vec::new() };
    let is_its = |object: &&Object| object.management.source.as_deref() == Some(owner);
    let stays = |object: &&Object| object.phase != Phase::Deleting;
    let all = state.objects.values().filter(is_its).filter(stays);
    all.map(|object| (object, Management { source: None, ..object.management.clone() })).collect()
}

fn belongs(key: &Key, declared: &Declared, now: &Management, source: Option<&str>) -> Finding {
    let owner = now.source.as_deref().unwrap_or_default();
    let finding = Finding::error("SB069", format!("{key} belongs to the source `{owner}`"))
        .at(declared.at.clone())
        .helping(format!("change it where {owner} reads it, or take it out of these files"))
        .helping(format!("to see what {owner} would make of these files: seedbed plan --source {owner} …"));
    match source {
        Some(source) => finding.helping(format!("to hand it over: seedbed adopt {key} --source {source}")),
        None => finding
            .helping(format!("to take it away from {owner}: seedbed adopt {key} --release, or apply with --take-over")),
    }
}
