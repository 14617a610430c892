//! A report changes only what it speaks of: its own member's placement, of the very object and generation.

use seedbed::model::{Command, MemberName, PlacementReport};

use super::Moment;
use crate::log::Changed;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    let Command::Report(report) = &moment.entry.proposed else { return Ok(()) };
    moment.entry.changes.iter().try_for_each(|change| changed_by(&report.entries, change))
}

fn changed_by(entries: &[PlacementReport], change: &Changed) -> Result<(), String> {
    let Some(before) = &change.before else { return Err(format!("a report made {}", change.key)) };
    let current: Vec<&MemberName> = entries
        .iter()
        .filter(|it| it.key == before.key && it.uid == before.uid && it.generation == before.generation)
        .map(|entry| &entry.member)
        .collect();
    for (member, placement) in &before.placements {
        let after = change.after.as_ref().and_then(|after| after.placements.get(member));
        if after != Some(placement) && !current.contains(&member) {
            return Err(format!("an outdated report changed {} on {member}", change.key));
        }
    }
    match &change.after {
        Some(after) if after.generation != before.generation || after.spec != before.spec => {
            Err(format!("a report changed what {} is to be", change.key))
        }
        Some(_) | None => Ok(()),
    }
}
