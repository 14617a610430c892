//! Holds: only what is there can be held. A hold on a slip of the pen would keep nobody from anything.

use super::{Ask, Refusal};
use crate::kinds::tables::key_table;
use crate::kinds::{self, hold};
use crate::model::{ClusterState, Key, Spec};

/// What is to be held, when the request is for a hold.
///
/// # Errors
/// When there is no such object, with what may have been meant.
pub fn target(ask: &Ask<'_>, spec: &Spec) -> Result<Option<Key>, Refusal> {
    let Some(held) = hold::target(ask.key, spec) else { return Ok(None) };
    if ask.state.get(&held).is_some() {
        return Ok(Some(held));
    }
    Err(Refusal::new(404, format!("there is no {held} to hold")).hinting(hint(&held, ask.state)))
}

fn hint(held: &Key, state: &ClusterState) -> String {
    if let Some(meant) = alike(held, state) {
        return format!("did you mean {meant}?");
    }
    if kinds::find(held.kind.as_str()).is_some() {
        return format!("seedbed get {} lists what there is", held.kind);
    }
    match kind_like(held.kind.as_str()) {
        Some(kind) => format!("did you mean {}?", Key::in_project(kind, &held.project, &held.name)),
        None => "seedbed status lists what there is".to_owned(),
    }
}

/// The same name in another project, or a name that looks like it.
fn alike<'a>(held: &Key, state: &'a ClusterState) -> Option<&'a Key> {
    let of_kind = || state.objects.keys().filter(|key| key.kind == held.kind);
    let beside = || of_kind().filter(|key| key.project == held.project);
    of_kind().find(|key| key.name == held.name).or_else(|| {
        let name = key_table::nearest(&held.name, beside().map(|key| key.name.as_str()))?;
        beside().find(|key| key.name == name)
    })
}

/// The kind that is called this in paths, manifests or commands, or whose name looks like it.
fn kind_like(word: &str) -> Option<&'static str> {
    let mut all = kinds::ALL.iter().map(|kind| kind.words());
    let meant = all.find(|words| [words.section, words.collection, words.noun].contains(&word)).map(|words| words.kind);
    meant.or_else(|| key_table::nearest(word, kinds::ALL.iter().map(|kind| kind.words().kind)))
}
