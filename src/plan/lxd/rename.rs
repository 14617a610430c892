//! New names: `POST …/NAME`. An object of the new name takes the place of the old one, in one entry.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal, guard};
use crate::kinds::project::default_profile_key;
use crate::model::{Change, Command, Config, Key, MemberName, Object, Phase, ProjectName, Put, Stage};
use crate::plan::rules::references;

/// Gives the object another name.
///
/// Manifests know objects by their names: what one declared is refused, because the next apply would make it anew.
///
/// # Errors
/// LXD's refusals.
pub fn rename(ask: &Ask<'_>, name: &str) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let (words, spoken) = (Names::of(kind, ask.key), kind.words().spoken);
    if name.is_empty() {
        return Err(Refusal::new(400, "No name provided"));
    }
    let is_default = ask.key.name == ProjectName::DEFAULT;
    match ask.key.kind.as_str() {
        "profile" if is_default => return Err(Refusal::new(403, "The \"default\" profile cannot be renamed")),
        "project" if is_default => return Err(Refusal::new(403, "The 'default' project cannot be renamed")),
        "network" if guard::is_spread(ask) => {
            return Err(Refusal::new(400, "Renaming clustered network not supported"));
        }
        "network" | "profile" | "project" => {}
        _ => return Err(Refusal::new(501, format!("A {spoken} keeps its name")).hinting("create another")),
    }
    let stored = ask.state.get(ask.key).ok_or_else(|| words.not_found())?;
    refuse_if_kept(stored, &words)?;
    let to = Key { name: name.to_owned(), ..ask.key.clone() };
    if ask.state.get(&to).is_some() {
        return Err(Refusal::new(409, format!("A {spoken} named {name:?} already exists")));
    }
    guard::sound_as(ask, kind, &to, &stored.spec, &placements(stored))?;
    let mut renamed = vec![stored];
    let users = references::users(std::slice::from_ref(ask.key), ask.state).remove(ask.key).unwrap_or_default();
    if ask.key.kind.as_str() == "project" {
        let profile = default_profile_key(&ask.key.name);
        let mut inhabitants = users;
        inhabitants.retain(|user| *user != profile);
        if !inhabitants.is_empty() {
            return Err(Refusal::new(400, "Only empty projects can be renamed"));
        }
        renamed.extend(ask.state.get(&profile));
    } else if !users.is_empty() {
        return Err(words.in_use(&users));
    }
    let changes = renamed.into_iter().flat_map(|object| moved(object, ask.key, &to)).collect();
    Ok(ask.command(changes, Vec::new()))
}

fn refuse_if_kept(stored: &Object, words: &Names<'_>) -> Result<(), Refusal> {
    if stored.management.protect {
        return Err(words.protected());
    }
    if stored.phase == Phase::Deleting {
        return Err(words.being_removed());
    }
    if stored.phase == Phase::Pending {
        return Err(words.update_too_early());
    }
    if stored.applied.is_some() || stored.management.source.is_some() {
        return Err(Refusal::new(409, "A manifest declares it under this name")
            .hinting("rename it there: the next apply makes the new one, and this one can be deleted"));
    }
    Ok(())
}

fn placements(stored: &Object) -> BTreeMap<MemberName, Config> {
    stored.placements.iter().map(|(member, held)| (member.clone(), held.config.clone())).collect()
}

/// The old one goes, the new one comes: on hosts, removals are done first.
fn moved(object: &Object, from: &Key, to: &Key) -> [Change; 2] {
    let mut key = object.key.clone();
    if object.key == *from {
        key = to.clone();
    } else {
        key.project = ProjectName::from(to.name.as_str());
    }
    let put = Put {
        key,
        rollout: object.rollout,
        stage: Stage::Live,
        spec: object.spec.clone(),
        applied: None,
        management: Some(object.management.clone()),
        placements: placements(object),
    };
    [Change::Delete { key: object.key.clone() }, Change::Put(put)]
}
