//! Placements are on members, and what every member has is on every member.

use std::collections::BTreeSet;

use seedbed::model::{MemberName, Phase, Rollout};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    let members: BTreeSet<MemberName> = moment.state().members().into_iter().collect();
    for object in moment.state().objects.values() {
        if let Some(name) = object.placements.keys().find(|name| !members.contains(*name)) {
            return Err(format!("{} is placed on {name}, which is no member", object.key));
        }
        let is_live = !matches!(object.phase, Phase::Pending | Phase::Deleting);
        if object.rollout == Rollout::EveryMember
            && is_live
            && let Some(name) = members.iter().find(|name| !object.placements.contains_key(*name))
        {
            return Err(format!("{} is on every member but {name}", object.key));
        }
    }
    Ok(())
}
