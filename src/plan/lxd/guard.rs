//! What several requests are checked for.

use std::collections::BTreeMap;

use super::names::Names;
use super::{Ask, Refusal};
use crate::kinds::tables::key_table::{self, KeyScope};
use crate::kinds::{self, Kind, Problem, home};
use crate::model::{Config, Key, MemberName, Phase, Rollout, Severity, Spec};
use crate::plan::diff::implied::stored_features;
use crate::plan::impact::liveness::offline;
use crate::plan::rules::references;

/// The kind of the object.
pub fn kind_of(key: &Key) -> Result<&'static dyn Kind, Refusal> {
    let unknown = || Refusal::new(404, format!("There is no kind `{}`", key.kind));
    kinds::find(key.kind.as_str()).ok_or_else(unknown)
}

/// Whether more than one member has to agree.
pub fn is_spread(ask: &Ask<'_>) -> bool {
    ask.members().len() > 1
}

/// Whether the configuration asks the two phases of its kind: records and kinds without a member half do not.
pub fn has_two_phases(kind: &dyn Kind) -> bool {
    kind.rollout() == Rollout::EveryMember && kind.words().kind != "config"
}

pub fn known_member(ask: &Ask<'_>, target: &MemberName) -> Result<(), Refusal> {
    let is_known = ask.members().contains(target);
    is_known.then_some(()).ok_or_else(|| Refusal::new(404, "Cluster member not found"))
}

/// Refuses when a member among `members` does not answer.
pub fn all_answer(ask: &Ask<'_>, members: &[MemberName]) -> Result<(), Refusal> {
    let silent = offline(members, ask.here, ask.liveness);
    let Some(first) = silent.first() else { return Ok(()) };
    let record = ask.state.get(&Key::member(&first.member));
    let address = record.map_or(first.member.as_str(), |record| match record.spec.text("address") {
        "" => first.member.as_str(),
        address => address,
    });
    let names: Vec<&str> = silent.iter().map(|silent| silent.member.as_str()).collect();
    let since = first.silent_ms.map_or_else(String::new, |ms| format!(" (silent for {} s)", ms / 1000));
    Err(Refusal::new(500, format!("peer node {address} is down")).hinting(format!(
        "nothing was changed; bring {}{since} back and try again, or go on without: seedbed cluster remove {} --force",
        names.join(", "),
        first.member
    )))
}

/// Member-specific keys, and those that all members share. Unknown keys are left with the shared ones, and empty values
/// are left out: they unset.
pub fn split(kind: &dyn Kind, spec: &Spec) -> (Config, Config) {
    let entities = kind.entities(spec);
    let name = kind.words().kind;
    let set = spec.config().0.into_iter().filter(|(_, value)| !value.is_empty());
    set.partition(|(key, _)| kinds::is_member_specific(name, &entities, key)).into_configs()
}

trait IntoConfigs {
    fn into_configs(self) -> (Config, Config);
}

impl IntoConfigs for (BTreeMap<String, String>, BTreeMap<String, String>) {
    fn into_configs(self) -> (Config, Config) {
        (Config(self.0), Config(self.1))
    }
}

/// Whether members may differ in a key.
pub fn may_differ(kind: &dyn Kind, spec: &Spec, name: &str) -> bool {
    let info = key_table::lookup_any(&kind.entities(spec), name);
    info.is_some_and(|info| info.scope != KeyScope::Global)
}

/// Whether members have keys of their own in objects of this sort. Networks such as ovn have none.
pub fn has_member_keys(kind: &dyn Kind, spec: &Spec) -> bool {
    let entities = kind.entities(spec);
    entities.iter().flat_map(|entity| key_table::keys_of(entity)).any(|info| info.scope == KeyScope::Member)
}

/// Refuses what the kind finds wrong, but for what a newer version has stored.
pub fn sound(
    ask: &Ask<'_>,
    kind: &dyn Kind,
    spec: &Spec,
    placements: &BTreeMap<MemberName, Config>,
) -> Result<(), Refusal> {
    sound_as(ask, kind, ask.key, spec, placements)
}

/// The same under another name.
pub fn sound_as(
    ask: &Ask<'_>,
    kind: &dyn Kind,
    key: &Key,
    spec: &Spec,
    placements: &BTreeMap<MemberName, Config>,
) -> Result<(), Refusal> {
    let problems = kinds::check(kind, key, spec, placements, &Config::default());
    accept(kinds::unless_held(problems, spec, ask.state.get(ask.key).map(|object| &object.spec)))
}

/// Refuses when there are errors among the problems.
pub fn accept(problems: Vec<Problem>) -> Result<(), Refusal> {
    let errors: Vec<Problem> = problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let words: Vec<&str> = errors.iter().map(|problem| problem.message.as_str()).collect();
    let hints: Vec<&str> = errors.iter().flat_map(|p| p.note.iter().chain(&p.help)).map(String::as_str).collect();
    let refusal = Refusal::new(400, words.join("; "));
    Err(if hints.is_empty() { refusal } else { refusal.hinting(hints.join("; ")) })
}

/// Everything that the object names must exist, and pools and networks must be there to be used. What `old` named
/// already is not asked for again: a profile can be changed while one of its pools is in trouble.
pub fn references(ask: &Ask<'_>, old: Option<&Spec>, spec: &Spec) -> Result<Vec<Key>, Refusal> {
    let before: Vec<Key> =
        old.into_iter().flat_map(|old| references::needs(ask.key, old)).map(|need| need.key).collect();
    let project = Key::new("project", ask.key.project.as_str());
    let mut relied_upon = Vec::new();
    if !ask.key.project.is_default() {
        if ask.state.get(&project).is_none() {
            return Err(Refusal::new(404, "Project not found"));
        }
        // Its features decide where the object lives.
        relied_upon.push(project);
    }
    for need in references::needs(ask.key, spec).into_iter().filter(|need| !before.contains(&need.key)) {
        let target = home(&need.key, |project| stored_features(project, ask.state));
        let kind = kind_of(&target)?;
        match ask.state.get(&target) {
            None if need.strength == kinds::Strength::IfManaged => continue,
            None => {
                let missing = Names::of(kind, &target).not_found();
                let place = need.path.join(".");
                return Err(missing.hinting(format!("{place} names {target}, which does not exist: create it first")));
            }
            Some(object) if object.phase != Phase::Created => {
                let word = if target.kind.as_str() == "storage-pool" { "pool" } else { kind.words().spoken };
                return Err(Refusal::new(500, format!("Specified {word} is not fully created")));
            }
            Some(_) => relied_upon.push(target),
        }
    }
    Ok(relied_upon)
}
