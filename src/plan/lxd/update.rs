//! Changes of an object that exists: `PUT`, with or without a target.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal, guard, profiles};
use crate::kinds::tables::key_table::{self, Edit};
use crate::kinds::{self, Completion, Kind, Rng};
use crate::model::{Change, Command, Config, Generation, Key, MemberName, Object, Phase, Placement, Spec, Stage};
use crate::plan::diff::object::settled;
use crate::plan::rules::constraints::refuse;
use crate::plan::rules::restricted::restrict;

/// Replaces an object's configuration and description. Fields that the request leaves out stay.
///
/// With a target, only that member's own keys may change; that is allowed before the object is created, too.
///
/// # Errors
/// LXD's refusals; see `words`.
pub fn update(ask: &Ask<'_>, spec: &Spec, target: Option<&MemberName>, rng: &mut dyn Rng) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let words = Names::of(kind, ask.key);
    if let Some(target) = target {
        guard::known_member(ask, target)?;
    }
    if *ask.key == Key::server() {
        return server(ask, kind, spec, target.unwrap_or(ask.here));
    }
    let stored = ask.state.get(ask.key).ok_or_else(|| words.not_found())?;
    if stored.phase == Phase::Deleting {
        return Err(words.being_removed());
    }
    if !guard::has_two_phases(kind) {
        return shared(ask, kind, stored, (spec, None), rng);
    }
    match target {
        Some(target) => local(ask, kind, stored, spec, target),
        None if stored.phase != Phase::Created => Err(words.update_too_early()),
        None if guard::is_spread(ask) => {
            let (own, _) = guard::split(kind, &asked(stored, spec));
            let differs = |name: &&String| held(stored, ask.here, name) != own.get(*name).map(String::as_str);
            if let Some(name) = own.keys().find(differs) {
                return Err(words.member_key_at_update(name));
            }
            shared(ask, kind, stored, (spec, None), rng)
        }
        None => shared(ask, kind, stored, (spec, ask.members().first()), rng),
    }
}

fn held<'a>(stored: &'a Object, member: &MemberName, name: &str) -> Option<&'a str> {
    stored.placements.get(member)?.config.get(name).map(String::as_str)
}

// The stored fields, and over them those of the request.
fn asked(stored: &Object, spec: &Spec) -> Spec {
    let mut asked = stored.spec.clone();
    asked.0.extend(spec.0.iter().map(|(field, value)| (field.clone(), value.clone())));
    asked
}

/// Changes what all members share; and the own keys of the only member, if there is only one.
fn shared(
    ask: &Ask<'_>,
    kind: &'static dyn Kind,
    stored: &Object,
    (spec, only): (&Spec, Option<&MemberName>),
    rng: &mut dyn Rng,
) -> Result<Command, Refusal> {
    let mut new = asked(stored, spec);
    let (own, common) = guard::split(kind, &new);
    if guard::has_two_phases(kind) {
        new.set_config(&common);
        guard::all_answer(ask, &ask.members())?;
    }
    let new = kind.normalise(&new, Some(&stored.spec)).map_err(|problem| Refusal::new(400, problem.message))?;
    let mut chosen = new.clone();
    kind.complete(
        &mut chosen,
        &mut Completion { key: ask.key, held: Some(&stored.spec), around: &mut &*ask.state, rng },
    );
    let new = settled(&new, chosen, &stored.spec);
    let mut placements = placements(stored);
    if let Some(only) = only {
        let entry = placements.entry(only.clone()).or_default();
        *entry = replaced(kind, &new, entry, &own);
    }
    guard::sound(ask, kind, &new, &placements)?;
    guard::accept(kind.edit(&stored.spec, &new))?;
    guard::accept(refuse(ask.key, &stored.spec, &new, ask.state, &BTreeMap::new()))?;
    guard::accept(restrict(ask.key, &new, ask.state, &BTreeMap::new()))?;
    local_edits(kind, stored, &new, &placements)?;
    let relied_upon = guard::references(ask, Some(&stored.spec), &new)?;
    let (old, now) = (stored.spec.config(), new.config());
    let along = profiles::gained(ask, &new).into_iter().chain(profiles::lost(ask, &old, &now)).collect();
    Ok(changed(ask, kind, Stage::Live, Content { spec: new, placements, along }, relied_upon))
}

/// Changes one member's own keys. Before the object is created that touches nothing but the definition.
fn local(
    ask: &Ask<'_>,
    kind: &'static dyn Kind,
    stored: &Object,
    spec: &Spec,
    target: &MemberName,
) -> Result<Command, Refusal> {
    let words = Names::of(kind, ask.key);
    let (own, common) = guard::split(kind, &asked(stored, spec));
    let before = stored.spec.config();
    if let Some(name) = common.keys().find(|name| before.get(*name) != common.get(*name)) {
        return Err(words.global_key_at_update(name));
    }
    let mut placements = placements(stored);
    let entry = placements.entry(target.clone()).or_default();
    *entry = replaced(kind, &stored.spec, entry, &own);
    guard::sound(ask, kind, &stored.spec, &placements)?;
    local_edits(kind, stored, &stored.spec, &placements)?;
    let stage = if stored.phase == Phase::Pending { Stage::Define } else { Stage::Live };
    if stage == Stage::Live {
        guard::all_answer(ask, std::slice::from_ref(target))?;
    }
    let content = Content { spec: stored.spec.clone(), placements, along: Vec::new() };
    Ok(changed(ask, kind, stage, content, Vec::new()))
}

/// What an object is to be.
struct Content {
    spec: Spec,
    placements: BTreeMap<MemberName, Config>,
    /// What else comes or goes with it.
    along: Vec<Change>,
}

/// The change, or no change when everything is as asked: clients send back what they were shown, and the log need not
/// know.
fn changed(ask: &Ask<'_>, kind: &dyn Kind, stage: Stage, content: Content, relied_upon: Vec<Key>) -> Command {
    let Content { spec, placements, along } = content;
    let is_same = |stored: &Object| stored.spec == spec && self::placements(stored) == placements;
    if along.is_empty() && ask.state.get(ask.key).is_some_and(is_same) {
        return ask.command(Vec::new(), Vec::new());
    }
    ask.command([ask.put(kind, stage, spec, placements)].into_iter().chain(along).collect(), relied_upon)
}

fn placements(stored: &Object) -> BTreeMap<MemberName, Config> {
    stored.placements.iter().map(|(member, held)| (member.clone(), held.config.clone())).collect()
}

// What is fixed once made stays when the request leaves it out: clients send back only what they were shown.
fn replaced(kind: &dyn Kind, spec: &Spec, old: &Config, new: &Config) -> Config {
    let entities = kind.entities(spec);
    let is_fixed = |name: &str| key_table::lookup_any(&entities, name).is_some_and(|info| info.edit == Edit::Fixed);
    let kept = old.iter().filter(|(name, _)| is_fixed(name)).map(|(name, value)| (name.clone(), value.clone()));
    let mut config: Config = kept.collect();
    config.extend(new.iter().map(|(name, value)| (name.clone(), value.clone())));
    config
}

fn local_edits(
    kind: &dyn Kind,
    stored: &Object,
    spec: &Spec,
    placements: &BTreeMap<MemberName, Config>,
) -> Result<(), Refusal> {
    let is_made = |placement: &&Placement| placement.realised > Generation(0);
    for (member, config) in placements {
        let Some(placement) = stored.placements.get(member).filter(is_made) else { continue };
        if placement.config.get("source") != config.get("source") && ask_is_pool(&stored.key) {
            return Err(Refusal::new(500, "Pool source cannot be changed when not in pending state"));
        }
        if placement.config != *config {
            guard::accept(kinds::edit_local(kind, spec, &placement.config, config))?;
        }
    }
    Ok(())
}

fn ask_is_pool(key: &Key) -> bool {
    key.kind.as_str() == "storage-pool"
}

/// `PUT /1.0`: the keys of all members, and those of one member, in one map.
fn server(ask: &Ask<'_>, kind: &'static dyn Kind, spec: &Spec, member: &MemberName) -> Result<Command, Refusal> {
    let (own, common) = guard::split(kind, spec);
    let stored = ask.state.get(ask.key);
    let mut shared = stored.map(|object| object.spec.clone()).unwrap_or_default();
    shared.set_config(&common);
    let mut placements: BTreeMap<MemberName, Config> =
        ask.members().into_iter().map(|member| (member, Config::default())).collect();
    placements.extend(stored.map(self::placements).unwrap_or_default());
    if let Some(before) = placements.get(member)
        && let Some(address) = before.value("cluster.https_address")
        && own.value("cluster.https_address") != Some(address)
    {
        return Err(Refusal::new(400, "Changing cluster.https_address is currently not supported"));
    }
    placements.insert(member.clone(), own);
    let shared = kind
        .normalise(&shared, stored.map(|object| &object.spec))
        .map_err(|problem| Refusal::new(400, problem.message))?;
    guard::sound(ask, kind, &shared, &placements)?;
    let content = Content { spec: shared, placements, along: Vec::new() };
    Ok(changed(ask, kind, Stage::Live, content, Vec::new()))
}
