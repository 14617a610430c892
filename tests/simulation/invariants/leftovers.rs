//! No machine has anything of an object that is not in the log any more, or not yet. Looks at the machines
//! themselves, not through the kinds.

use seedbed::model::Key;

use super::Moment;
use crate::machine::Machine;
use crate::people;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    for key in people::objects().filter(|key| moment.state().get(key).is_none()) {
        if let Some((name, _)) = moment.members.iter().find(|(_, member)| stands(&member.machine, &key)) {
            return Err(format!("{name} has {key}, which is no object"));
        }
    }
    Ok(())
}

fn stands(machine: &Machine, key: &Key) -> bool {
    match key.kind.as_str() {
        "storage-pool" => machine.fake.storage.seen(&key.name).is_some_and(|seen| seen.recorded),
        "network" => machine.fake.network.facts(&key.name).is_some(),
        _ => false,
    }
}
