//! A generation never goes back, every put makes a new one, and a new object of an old name has a new uid.

use seedbed::model::{Change, Command, Object, Reply};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    for change in &moment.entry.changes {
        let (Some(before), Some(after)) = (&change.before, &change.after) else { continue };
        if after.uid < before.uid || (after.uid == before.uid && after.generation < before.generation) {
            return Err(format!("{} went back from {} to {}", change.key, version(before), version(after)));
        }
        if after.generation == before.generation && is_put(moment, after) {
            return Err(format!("{} was changed and is still {}", change.key, version(after)));
        }
    }
    Ok(())
}

fn is_put(moment: &Moment<'_>, object: &Object) -> bool {
    let Command::Write(write) = &moment.entry.proposed else { return false };
    let is_applied = matches!(moment.entry.reply, Reply::Applied { .. });
    is_applied && write.changes.iter().any(|change| matches!(change, Change::Put(put) if put.key == object.key))
}

fn version(object: &Object) -> String {
    format!("uid {} generation {}", object.uid, object.generation)
}
