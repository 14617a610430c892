//! Nothing refers to what is not there, or is going: whoever removes an object has seen everybody who uses it.

use seedbed::kinds;
use seedbed::model::{Object, Phase};

use super::Moment;

pub fn check(moment: &Moment<'_>) -> Result<(), String> {
    let state = moment.state();
    let stays = |object: &&Object| object.phase != Phase::Deleting;
    for object in state.objects.values().filter(stays) {
        let kind = kinds::find(object.key.kind.as_str());
        for need in kind.into_iter().flat_map(|kind| kind.needs(&object.key, &object.spec)) {
            if state.get(&need.key).filter(stays).is_none() {
                return Err(format!("{} refers to {}, which is not there", object.key, need.key));
            }
        }
    }
    Ok(())
}
