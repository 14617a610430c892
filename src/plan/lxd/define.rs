//! The first phase: what one member is to have of an object.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal, guard};
use crate::model::{Command, Config, MemberName, Phase, Spec, Stage};
use crate::plan::diff::object::variant;

/// Defines an object on one member: `POST …?target=NAME`. Nothing is made on any host.
///
/// # Errors
/// LXD's refusals; see `words`.
pub fn define(ask: &Ask<'_>, spec: &Spec, target: &MemberName) -> Result<Command, Refusal> {
    let kind = guard::kind_of(ask.key)?;
    let words = Names::of(kind, ask.key);
    if let Some(refusal) = words.malformed(spec, |spec| !kind.entities(spec).is_empty()) {
        return Err(refusal);
    }
    guard::known_member(ask, target)?;
    if !guard::has_two_phases(kind) || !guard::has_member_keys(kind, spec) {
        let text = format!("{} does not support member specific config", about(ask, spec));
        return Err(Refusal::new(400, text));
    }
    let mut own = spec.config();
    own.retain(|_, value| !value.is_empty());
    if let Some(name) = own.keys().find(|name| !guard::may_differ(kind, spec, name)) {
        return Err(words.global_key_at_define(name));
    }
    let mut placements: BTreeMap<MemberName, Config> = BTreeMap::new();
    let mut shared = spec.clone();
    shared.set_config(&Config::default());
    if let Some(stored) = ask.state.get(ask.key) {
        if stored.phase != Phase::Pending {
            return Err(words.not_in_pending_state());
        }
        if variant(&stored.spec) != variant(spec) && !variant(spec).is_empty() {
            return Err(words.other_variant_at_define());
        }
        if stored.placements.contains_key(target) {
            return Err(words.defined_twice(target));
        }
        shared = stored.spec.clone();
        let held = stored.placements.iter().map(|(member, held)| (member.clone(), held.config.clone()));
        placements.extend(held);
    }
    let held = ask.state.get(ask.key).map(|object| &object.spec);
    let shared = kind.normalise(&shared, held).map_err(|problem| Refusal::new(400, problem.message))?;
    placements.insert(target.clone(), own);
    guard::sound(ask, kind, &shared, &placements)?;
    Ok(ask.command(vec![ask.put(kind, Stage::Define, shared, placements)], Vec::new()))
}

fn about(ask: &Ask<'_>, spec: &Spec) -> String {
    match ask.key.kind.as_str() {
        "network" => format!("Network type \"{}\"", variant(spec)),
        other => format!("The kind `{other}`"),
    }
}
