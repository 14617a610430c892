//! Who answers.

use crate::model::{Liveness, MemberName};
use crate::plan::report::OfflineMember;

/// The members among `members` that do not answer. The member that plans is never one of them.
pub fn offline(members: &[MemberName], here: &MemberName, liveness: &Liveness) -> Vec<OfflineMember> {
    let silent = members.iter().filter(|member| *member != here && !liveness.is_reachable(member));
    silent.map(|member| OfflineMember { member: member.clone(), silent_ms: liveness.silent_ms(member) }).collect()
}
