//! Created means created: an object becomes Created only once every placement is, and a member that says so really
//! holds it on its host, as of the generation that it speaks of.

use seedbed::model::{Command, Object, Phase, PlacementPhase, Rollout};

use super::Moment;
use crate::log::Changed;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    for change in &moment.entry.changes {
        let Some(after) = &change.after else { continue };
        if after.rollout == Rollout::RecordOnly || after.phase == Phase::Deleting {
            continue;
        }
        everywhere(change, after)?;
        on_hosts(moment, change, after)?;
    }
    Ok(())
}

/// An update may make placements lag behind an object that was Created before.
fn everywhere(change: &Changed, after: &Object) -> Result<(), String> {
    let was_created = change.before.as_ref().is_some_and(|before| before.phase == Phase::Created);
    if after.phase != Phase::Created || was_created {
        return Ok(());
    }
    let is_made = |placement: &seedbed::model::Placement| {
        placement.phase == PlacementPhase::Created && placement.observed == after.generation
    };
    match after.placements.iter().find(|(_, placement)| !is_made(placement)) {
        Some((member, _)) => Err(format!("{} became Created, but not on {member}", after.key)),
        None => Ok(()),
    }
}

fn on_hosts(moment: &Moment<'_>, change: &Changed, after: &Object) -> Result<(), String> {
    let Command::Report(report) = &moment.entry.proposed else { return Ok(()) };
    for (name, placement) in &after.placements {
        let before = change.before.as_ref().and_then(|before| before.placements.get(name));
        let is_news =
            before.is_none_or(|before| before.observed != placement.observed || before.phase != placement.phase);
        if !is_news || placement.phase != PlacementPhase::Created || placement.observed != after.generation {
            continue;
        }
        let Some(member) = moment.members.get(name) else { continue };
        if member.machine.is_bound_by(&after.key, report.at) && !member.machine.holds(name, after) {
            return Err(format!(
                "{name} says that it made {} at generation {}, and its host does not hold it",
                after.key, after.generation
            ));
        }
    }
    Ok(())
}
