//! A write is applied only when everything that it relied on still held, and changes nothing when it is refused.

use seedbed::model::{Command, Expect, Reply};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    let Command::Write(write) = &moment.entry.proposed else { return Ok(()) };
    match &moment.entry.reply {
        Reply::Refused { .. } | Reply::Nothing if moment.entry.changes.is_empty() => Ok(()),
        Reply::Refused { .. } | Reply::Nothing => Err("a refused write changed something".to_owned()),
        Reply::Applied { revision } if *revision != moment.entry.revision => match moment.entry.changes.is_empty() {
            true => Ok(()),
            false => Err("a repeated request was carried out again".to_owned()),
        },
        Reply::Applied { .. } => match write.expect.iter().find(|expect| !held(moment, expect)) {
            Some(expect) => Err(format!("a write was applied that relied on another generation of {}", expect.key)),
            None => Ok(()),
        },
    }
}

fn held(moment: &Moment<'_>, expect: &Expect) -> bool {
    let changed = moment.entry.changes.iter().find(|change| change.key == expect.key);
    let before = match changed {
        Some(change) => change.before.as_ref(),
        None => moment.state().get(&expect.key),
    };
    let is_as_decided = expect.referred.is_none_or(|then| before.is_some_and(|now| now.referred == then));
    before.map(|object| object.generation) == expect.generation && is_as_decided
}
