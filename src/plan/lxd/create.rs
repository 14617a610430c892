//! The second phase: what is defined on all members is created on all of them. Records are created at once.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal, guard, holding, profiles};
use crate::kinds::{Completion, Kind, Rng};
use crate::model::{Command, Config, MemberName, Object, Phase, Spec, Stage};
use crate::plan::diff::object::variant;
use crate::plan::rules::restricted::restrict;

/// Creates an object: `POST` without a target.
///
/// In a cluster of one there is nothing to define first: member-specific keys may come along.
///
/// # Errors
/// LXD's refusals; see `words`.
pub fn create(ask: &Ask<'_>, spec: &Spec, rng: &mut dyn Rng) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let words = Names::of(kind, ask.key);
    let stored = ask.state.get(ask.key);
    if let Some(refusal) = words.malformed(spec, |spec| !kind.entities(spec).is_empty()) {
        return Err(refusal);
    }
    if stored.is_some_and(|object| object.phase == Phase::Deleting) {
        return Err(words.being_removed());
    }
    if !guard::has_two_phases(kind) {
        return record(ask, kind, spec, rng);
    }
    let (own, shared) = guard::split(kind, spec);
    let mut request = spec.clone();
    request.set_config(&shared);
    match stored {
        None if !guard::is_spread(ask) => {
            let placements = ask.members().into_iter().map(|member| (member, own.clone())).collect();
            go_live(ask, kind, &request, placements, rng)
        }
        Some(object) if object.phase == Phase::Created => Err(words.already_created(guard::is_spread(ask))),
        _ => finalize(ask, kind, &request, &own, rng),
    }
}

/// Defines an object on all members and creates it, in one step. What a definition for one member has said already
/// stays; all others get the member-specific keys of the request.
///
/// # Errors
/// LXD's refusals; see `words`. Keys that a member needs and does not get are among them.
pub fn create_everywhere(ask: &Ask<'_>, spec: &Spec, rng: &mut dyn Rng) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let stored = ask.state.get(ask.key);
    let is_new = stored.is_none_or(|object| object.phase == Phase::Pending);
    if !guard::has_two_phases(kind) || !guard::is_spread(ask) || !is_new {
        return create(ask, spec, rng);
    }
    let words = Names::of(kind, ask.key);
    if let Some(refusal) = words.malformed(spec, |spec| !kind.entities(spec).is_empty()) {
        return Err(refusal);
    }
    let (own, shared) = guard::split(kind, spec);
    let mut request = spec.clone();
    request.set_config(&shared);
    let (asked, had) = (variant(&request), stored.map(|stored| variant(&stored.spec)));
    if let Some(had) = had.filter(|had| !asked.is_empty() && asked != *had) {
        return Err(words.other_variant_at_create(&asked, &had));
    }
    guard::all_answer(ask, &ask.members())?;
    let mut placements: BTreeMap<MemberName, Config> =
        ask.members().into_iter().map(|member| (member, own.clone())).collect();
    placements.extend(stored.map(held).unwrap_or_default());
    let request = stored.map_or_else(|| request.clone(), |stored| overlaid(&stored.spec, &request));
    go_live(ask, kind, &request, placements, rng)
}

fn finalize(
    ask: &Ask<'_>,
    kind: &'static dyn Kind,
    request: &Spec,
    own: &Config,
    rng: &mut dyn Rng,
) -> Result<Command, Refusal> {
    let words = Names::of(kind, ask.key);
    if let Some(name) = own.keys().next() {
        return Err(words.member_key_at_create(name));
    }
    let members = ask.members();
    let Some(stored) = ask.state.get(ask.key) else {
        if guard::has_member_keys(kind, request) {
            return Err(words.not_pending());
        }
        guard::all_answer(ask, &members)?;
        let placements = members.into_iter().map(|member| (member, Config::default())).collect();
        return go_live(ask, kind, request, placements, rng);
    };
    let (asked, had) = (variant(request), variant(&stored.spec));
    if !asked.is_empty() && asked != had {
        return Err(words.other_variant_at_create(&asked, &had));
    }
    let missing: Vec<MemberName> =
        members.iter().filter(|member| !stored.placements.contains_key(*member)).cloned().collect();
    if !missing.is_empty() {
        return Err(words.not_defined_on(&missing));
    }
    let placements = held(stored);
    if stored.phase != Phase::Pending {
        // Its global configuration is settled: what is left is to try again where it failed.
        if !request.config().is_empty() {
            return Err(words.partially_created());
        }
        guard::all_answer(ask, &members)?;
        return Ok(ask.command(vec![ask.put(kind, Stage::Live, stored.spec.clone(), placements)], Vec::new()));
    }
    guard::all_answer(ask, &members)?;
    go_live(ask, kind, &overlaid(&stored.spec, request), placements, rng)
}

fn held(object: &Object) -> BTreeMap<MemberName, Config> {
    object.placements.iter().map(|(member, held)| (member.clone(), held.config.clone())).collect()
}

// The definition's fields, and over them what the create says.
fn overlaid(stored: &Spec, request: &Spec) -> Spec {
    let mut spec = stored.clone();
    let config = stored.config().overlaid(&request.config());
    let said = request.0.iter().filter(|(_, value)| value.as_str() != Some(""));
    spec.0.extend(said.map(|(field, value)| (field.clone(), value.clone())));
    spec.set_config(&config);
    spec
}

fn go_live(
    ask: &Ask<'_>,
    kind: &'static dyn Kind,
    spec: &Spec,
    placements: BTreeMap<MemberName, Config>,
    rng: &mut dyn Rng,
) -> Result<Command, Refusal> {
    let spec = complete(ask, kind, spec, rng)?;
    guard::sound(ask, kind, &spec, &placements)?;
    let relied_upon = guard::references(ask, None, &spec)?;
    Ok(ask.command(vec![ask.put(kind, Stage::Live, spec, placements)], relied_upon))
}

fn complete(ask: &Ask<'_>, kind: &dyn Kind, spec: &Spec, rng: &mut dyn Rng) -> Result<Spec, Refusal> {
    let held = ask.state.get(ask.key).map(|object| &object.spec);
    let mut spec = kind.normalise(spec, held).map_err(|problem| Refusal::new(400, problem.message))?;
    kind.complete(&mut spec, &mut Completion { key: ask.key, held, around: &mut &*ask.state, rng });
    Ok(spec)
}

fn record(ask: &Ask<'_>, kind: &'static dyn Kind, spec: &Spec, rng: &mut dyn Rng) -> Result<Command, Refusal> {
    if ask.state.get(ask.key).is_some() {
        return Err(Names::of(kind, ask.key).already_exists());
    }
    let mut relied_upon = guard::references(ask, None, spec)?;
    let mut asked = spec.clone();
    let spec = complete(ask, kind, spec, rng)?;
    guard::sound(ask, kind, &spec, &BTreeMap::new())?;
    guard::accept(restrict(ask.key, &spec, ask.state, &BTreeMap::new()))?;
    relied_upon.extend(holding::target(ask, &spec)?);
    asked.set_config(&spec.config());
    let mut changes = vec![ask.put(kind, Stage::Live, spec, BTreeMap::new())];
    changes.extend(profiles::gained(ask, &asked));
    Ok(ask.command(changes, relied_upon))
}
