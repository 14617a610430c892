//! Nothing that belongs to somebody else is ever touched.

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    match moment.members.iter().find(|(_, member)| !member.machine.is_foreign_untouched()) {
        Some((name, _)) => Err(format!("{name} changed something that belongs to somebody else")),
        None => Ok(()),
    }
}
