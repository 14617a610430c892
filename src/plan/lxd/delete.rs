//! Removal, and its end: refused while something uses the object. Members take their part down as soon as they can; one
//! that is silent does so when it is back, so that what has cut it off can go without it.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal, guard};
use crate::kinds::project::default_profile_key;
use crate::model::{Change, Command, Config, Key, Phase, ProjectName, Stage};
use crate::plan::diff::placement::Owned;
use crate::plan::rules::{ownership, references};

/// Starts the removal of an object.
///
/// # Errors
/// LXD's refusals; see `words`.
pub fn delete(ask: &Ask<'_>) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let words = Names::of(kind, ask.key);
    let stored = ask.state.get(ask.key).ok_or_else(|| words.not_found())?;
    if let Some(refusal) = protected(ask.key) {
        return Err(refusal);
    }
    if stored.management.protect {
        return Err(words.protected());
    }
    if stored.phase == Phase::Deleting {
        return Err(words.being_removed());
    }
    let mut changes = Vec::new();
    let mut users = references::users(std::slice::from_ref(ask.key), ask.state).remove(ask.key).unwrap_or_default();
    if ask.key.kind.as_str() == "project" {
        let profile = default_profile_key(&ask.key.name);
        users.retain(|user| *user != profile);
        if !users.is_empty() {
            return Err(Refusal::new(400, "Only empty projects can be removed")
                .hinting(format!("still in it: {}", listed(&users))));
        }
        let own = ask.state.get(&profile);
        if let Some(own) = own.filter(|own| own.management.protect) {
            return Err(Names::of(guard::kind_of(&own.key)?, &own.key).protected());
        }
        changes.extend(own.map(|profile| Change::Delete { key: profile.key.clone() }));
    }
    if !users.is_empty() {
        return Err(words.in_use(&users));
    }
    let released = ownership::released(ask.key, ask.state).into_iter();
    changes.extend(released.map(|(object, management)| Change::Put(ownership::revised(object, management))));
    changes.push(Change::Delete { key: ask.key.clone() });
    Ok(ask.command(changes, Vec::new()))
}

/// Calls a removal back. What members have taken down already is made anew.
///
/// # Errors
/// When it is not being removed, and when a member has let go of keys of its own that nobody remembers.
pub fn undelete(ask: &Ask<'_>) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let stored = ask.state.get(ask.key).ok_or_else(|| Names::of(kind, ask.key).not_found())?;
    if stored.phase != Phase::Deleting {
        return Err(Refusal::new(409, format!("{} is not being removed", ask.key)));
    }
    let remembered = Owned::read(stored.applied.as_ref());
    let mut placements = BTreeMap::new();
    for member in ask.members() {
        let own = match stored.placements.get(&member) {
            Some(held) => held.config.clone(),
            None => remembered.own(&member),
        };
        let is_forgotten = !stored.placements.contains_key(&member) && own.is_empty();
        if is_forgotten && let Some(name) = stored.placements.values().find_map(|held| given(&held.config)) {
            let key = ask.key;
            let text = format!(
                "{member} has taken its part of {key} down, and its own keys (`{name}`) are not known any more"
            );
            return Err(Refusal::new(409, text).hinting("wait until all of it has gone, and create it anew"));
        }
        placements.insert(member, own);
    }
    guard::sound(ask, kind, &stored.spec, &placements)?;
    Ok(ask.command(vec![ask.put(kind, Stage::Live, stored.spec.clone(), placements)], Vec::new()))
}

/// A key that somebody gave a member. What it works out itself it works out again: a pool within its own directory.
fn given(own: &Config) -> Option<&str> {
    let is_within = |source: &str| source.contains("/storage-pools/") || source.contains("/disks/");
    let has_own_place = own.value("source").is_none_or(is_within);
    let is_worked_out = |key: &str| key.starts_with("volatile.") || has_own_place && (key == "source" || key == "size");
    own.keys().map(String::as_str).find(|key| !is_worked_out(key))
}

fn protected(key: &Key) -> Option<Refusal> {
    let is_default = key.name == ProjectName::DEFAULT;
    match key.kind.as_str() {
        "project" if is_default => Some(Refusal::new(403, "The default project cannot be deleted")),
        "profile" if is_default => Some(Refusal::new(403, "The \"default\" profile cannot be deleted")),
        "config" => Some(Refusal::new(403, "The server configuration cannot be deleted")),
        _ => None,
    }
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(", ")
}
