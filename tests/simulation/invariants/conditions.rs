//! Placements speak of generations that existed, and in words that fit their phase. A failed create leaves a reason
//! and a message on the member that failed.

use seedbed::model::{ConditionState, Generation, Object, Phase, Placement, PlacementPhase};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    for object in moment.entry.changes.iter().filter_map(|change| change.after.as_ref()) {
        let known = &moment.log.generations[&(object.key.clone(), object.uid)];
        for (member, placement) in &object.placements {
            let at = format!("{} on {member}", object.key);
            for generation in [placement.observed, placement.realised] {
                if generation != Generation(0) && !known.contains(&generation) {
                    return Err(format!("{at} speaks of generation {generation}, which never was"));
                }
            }
            words_fit(placement).map_err(|fault| format!("{at}: {fault}"))?;
        }
        errored_is_explained(object)?;
    }
    Ok(())
}

fn words_fit(placement: &Placement) -> Result<(), String> {
    let condition = &placement.condition;
    let is_ready = condition.state == ConditionState::Ready;
    match placement.phase {
        _ if condition.reason.is_empty() => Err("it gives no reason".to_owned()),
        PlacementPhase::Created if !is_ready => Err(format!("it is Created and {}", condition.state)),
        PlacementPhase::Errored if is_ready => Err("it is Errored and ready".to_owned()),
        PlacementPhase::Errored if condition.message.is_empty() => Err("it is Errored and does not say why".to_owned()),
        PlacementPhase::Pending | PlacementPhase::Created | PlacementPhase::Errored => Ok(()),
    }
}

fn errored_is_explained(object: &Object) -> Result<(), String> {
    let failed = object
        .placements
        .values()
        .any(|placement| placement.phase == PlacementPhase::Errored && placement.observed == object.generation);
    match object.phase {
        Phase::Errored if !failed => Err(format!("{} is Errored, and no member failed", object.key)),
        Phase::Creating if failed => Err(format!("a member failed at {}, which is still Creating", object.key)),
        Phase::Pending | Phase::Creating | Phase::Created | Phase::Errored | Phase::Deleting => Ok(()),
    }
}
