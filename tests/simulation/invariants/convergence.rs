//! Once nothing goes wrong any more everything converges, hosts hold it, and nothing is written.

use std::collections::BTreeMap;

use seedbed::model::{ClusterState, MemberName, Phase};

use super::Violation;
use crate::log::Entry;
use crate::member::Member;

/// At the end.
pub fn check_end(state: &ClusterState, members: &BTreeMap<MemberName, Member>) -> Result<(), Violation> {
    let violation = |detail| Err(Violation { invariant: "convergence", detail });
    for object in state.objects.values().filter(|object| object.phase != Phase::Pending) {
        if !object.is_converged() {
            return violation(format!("{} did not converge: {object:?}", object.key));
        }
        for (name, member) in members.iter().filter(|(name, _)| object.placements.contains_key(*name)) {
            if !member.machine.holds(name, object) {
                return violation(format!("{} is Created, and {name} does not hold it", object.key));
            }
        }
    }
    Ok(())
}

/// After the end: whatever is written now would be written for ever.
pub fn check_quiet(entries: &[Entry]) -> Result<(), Violation> {
    match entries.first() {
        Some(entry) => {
            let detail = format!("a converged cluster wrote {:?}", entry.proposed);
            Err(Violation { invariant: "quiet", detail })
        }
        None => Ok(()),
    }
}
