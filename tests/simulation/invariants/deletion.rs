//! What is deleted vanishes from the hosts before its record does; nobody says that it has gone while it stands.

use seedbed::model::{Object, Phase};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    for change in &moment.entry.changes {
        let Some(before) = &change.before else { continue };
        match &change.after {
            None => nothing_is_left(moment, before)?,
            Some(after) if after.phase == Phase::Deleting => gone_where_it_says(moment, before, after)?,
            Some(_) => {}
        }
    }
    Ok(())
}

fn nothing_is_left(moment: &Moment<'_>, object: &Object) -> Result<(), String> {
    for (name, member) in moment.members {
        if member.machine.has_traces(name, object) {
            return Err(format!("the record of {} has gone, and {name} still has it", object.key));
        }
    }
    Ok(())
}

fn gone_where_it_says(moment: &Moment<'_>, before: &Object, after: &Object) -> Result<(), String> {
    for name in before.placements.keys().filter(|name| !after.placements.contains_key(*name)) {
        let Some(member) = moment.members.get(name) else { continue };
        if member.machine.has_traces(name, before) {
            return Err(format!("{name} says that {} has gone, and still has it", before.key));
        }
    }
    Ok(())
}
