//! Removal: refused while something uses the object, and while a member cannot take its part of it down.

use super::words::Words;
use super::{Ask, Refusal, guard};
use crate::model::{Change, Command, Key, Phase, ProjectName};
use crate::plan::{own, refer};

/// Starts the removal of an object.
///
/// # Errors
/// LXD's refusals; see `words`.
pub fn delete(ask: &Ask<'_>) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let words = Words::of(kind, ask.key);
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
    let profile = Key::in_project("profile", &ProjectName(ask.key.name.clone()), "default");
    let mut changes = Vec::new();
    if ask.key.kind.as_str() == "project" {
        let inhabitants = inhabitants(ask, &profile);
        if !inhabitants.is_empty() {
            return Err(Refusal::new(400, "Only empty projects can be removed")
                .hinting(format!("still in it: {}", listed(&inhabitants))));
        }
        let own = ask.state.get(&profile);
        if let Some(own) = own.filter(|own| own.management.protect) {
            return Err(Words::of(guard::kind_of(&own.key)?, &own.key).protected());
        }
        changes.extend(own.map(|profile| Change::Delete { key: profile.key.clone() }));
    }
    let users = users(ask, &profile);
    if !users.is_empty() {
        return Err(words.in_use(&users));
    }
    // A definition stands on no host: dropping it needs nobody.
    if guard::has_two_phases(kind) && stored.phase != Phase::Pending {
        let placed: Vec<_> = stored.placements.keys().cloned().collect();
        guard::all_answer(ask, &placed)?;
    }
    if ask.key.kind.as_str() == "source" {
        // What it owns stays and is nobody's; another source of this name is another owner.
        changes.extend(own::released(&ask.key.name, ask.state).into_iter().map(Change::Put));
    }
    changes.push(Change::Delete { key: ask.key.clone() });
    Ok(ask.command(changes, Vec::new()))
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

fn inhabitants(ask: &Ask<'_>, profile: &Key) -> Vec<Key> {
    let is_in_it = |key: &&Key| key.project.as_str() == ask.key.name && *key != profile;
    ask.state.objects.keys().filter(is_in_it).cloned().collect()
}

fn users(ask: &Ask<'_>, profile: &Key) -> Vec<Key> {
    let mut users = refer::users(std::slice::from_ref(ask.key), ask.state).remove(ask.key).unwrap_or_default();
    users.retain(|user| user != profile);
    users
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(", ")
}
