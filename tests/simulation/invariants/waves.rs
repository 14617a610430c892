//! Whoever is in a later wave begins only after a moment when all before it had said how it went, and no more of them
//! had failed than may.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::model::{Command, Generation, Key, MemberName, Object, Phase, PlacementPhase, Waves};

use super::Moment;
use crate::log::Entry;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    let Command::Report(_) = &moment.entry.proposed else { return Ok(()) };
    for change in &moment.entry.changes {
        let Some(before) = &change.before else { continue };
        let Some(waves) = &before.management.waves else { continue };
        let after = change.after.as_ref().and_then(|after| after.management.waves.as_ref());
        let began = waves.kept.keys().filter(|member| after.is_none_or(|after| !after.kept.contains_key(*member)));
        for member in began {
            let begin = usize::try_from(waves.id.0).expect("it is small") - 1;
            if !was_its_turn(moment.log.after(begin), before, waves, member) {
                return Err(format!("{member} began with {} out of turn: {waves:?}", before.key));
            }
        }
    }
    Ok(())
}

/// Whether there was such a moment since the waves began.
fn was_its_turn(entries: &[Entry], object: &Object, waves: &Waves, member: &MemberName) -> bool {
    let its_wave = waves.order.iter().position(|wave| wave.contains(member)).expect("who keeps something has a turn");
    let before_it: BTreeSet<&MemberName> = waves.order[..its_wave].iter().flatten().collect();
    let in_order: BTreeSet<&MemberName> = waves.order.iter().flatten().collect();
    let mut now: BTreeMap<&Key, &Object> = BTreeMap::new();
    for entry in entries {
        for change in &entry.changes {
            match &change.after {
                Some(after) => now.insert(&change.key, after),
                None => now.remove(&change.key),
            };
        }
        let together = || now.values().filter(|it| it.management.waves.as_ref().is_some_and(|it| it.id == waves.id));
        let generation: Option<Generation> = now.get(&object.key).map(|now| now.generation);
        let mut failed: BTreeSet<&MemberName> = BTreeSet::new();
        let mut has_all_said = true;
        for it in together().filter(|it| it.phase != Phase::Pending) {
            for (member, placement) in &it.placements {
                let has_said = placement.observed == it.generation;
                has_all_said &= has_said || !before_it.contains(member);
                if has_said && placement.phase == PlacementPhase::Errored && in_order.contains(member) {
                    failed.insert(member);
                }
            }
        }
        if generation == Some(object.generation) && has_all_said && failed.len() <= waves.max_failures {
            return true;
        }
    }
    false
}
