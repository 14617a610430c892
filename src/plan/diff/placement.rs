//! On which members an object is placed, and with which keys of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::merge::{APPLIED_HERE, APPLIED_MEMBERS};
use crate::kinds::tables::key_table::{self, Edit};
use crate::kinds::{self, Kind};
use crate::model::{Config, Declared, Finding, Generation, Key, MemberName, Object, Placement, Rollout, Spec, own_of};
use crate::plan::compute::{Mode, Scene};
use crate::plan::rules::ownership;

/// Keys without which a member could not be reached any more: a manifest that leaves them out does not unset them.
const KEPT: [&str; 2] = ["cluster.https_address", "core.https_address"];

/// Where an object is to be, and what was declared for each member.
pub struct Placed {
    /// The member-specific keys of every placement.
    pub placements: BTreeMap<MemberName, Config>,
    /// What to remember of the declaration: by member, and by the member that read the file.
    pub declared: Owned,
}

/// Member-specific keys as they were declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// Under the name of their member.
    pub members: BTreeMap<MemberName, Config>,
    /// Without a member's name, by the member that read the file.
    pub here: BTreeMap<MemberName, Config>,
}

/// Places an object.
///
/// # Errors
/// Keys that lack a member, and members that do not exist.
pub fn place(
    kind: &dyn Kind,
    key: &Key,
    spec: &Spec,
    declared: &Declared,
    stored: Option<&Object>,
    scene: &Scene<'_>,
) -> Result<Placed, Vec<Finding>> {
    if kind.rollout() == Rollout::RecordOnly {
        return Ok(Placed { placements: BTreeMap::new(), declared: Owned::default() });
    }
    let entities = kind.entities(spec);
    let before = stored.map(|object| Owned::read(object.applied.as_ref())).unwrap_or_default();
    let mut findings = unknown_members(key, declared, stored, scene);
    let reader = reader(scene);
    findings.extend(unclear_key(key, declared, stored, scene, &reader));
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut placements = BTreeMap::new();
    for member in targets(kind, declared, stored, scene) {
        let mut wanted = declared.own(&member);
        let mut was = before.own(&member);
        if member == reader {
            wanted = wanted.overlaid(&declared.here);
            was = was.overlaid(before.here.get(&member).unwrap_or(&Config::default()));
        }
        if ownership::mode(declared, scene.context.mode) == Mode::Merge {
            was = Config::default();
        }
        let placement = stored.and_then(|object| object.placements.get(&member));
        placements.insert(member, keys(&entities, placement, &was, &wanted));
    }
    let declared = before.renewed(declared, &reader);
    Ok(Placed { placements, declared })
}

/// The member that keys without a member's name belong to.
fn reader(scene: &Scene<'_>) -> MemberName {
    match scene.members.as_slice() {
        [only] => only.clone(),
        _ => scene.context.here.clone(),
    }
}

// Keys without a member's name are clear in a cluster of one, and for the server's own configuration. In a larger
// cluster they must at least say nothing new: a bootstrap file may be applied again.
fn unclear_key(
    key: &Key,
    declared: &Declared,
    stored: Option<&Object>,
    scene: &Scene<'_>,
    reader: &MemberName,
) -> Option<Finding> {
    if scene.members.len() < 2 || *key == Key::server() {
        return None;
    }
    let held = stored.and_then(|object| object.placements.get(reader));
    let mut unclear = declared.here.iter().filter(|(name, value)| !held.is_some_and(|held| holds(held, name, value)));
    unclear.next().map(|(name, value)| without_member(key, declared, scene, name, value))
}

fn without_member(key: &Key, declared: &Declared, scene: &Scene<'_>, name: &str, value: &str) -> Finding {
    let value = if kinds::is_secret(key.kind.as_str(), name) { "…" } else { value };
    let example: Vec<String> = scene.members.iter().map(|member| format!("{member}: {{{name}: {value}}}")).collect();
    let (shown, rest) = example.split_at(example.len().min(3));
    let more = if rest.is_empty() { "" } else { ", …" };
    Finding::error("SB064", format!("Config key \"{name}\" is cluster member specific"))
        .at(declared.place(&["config", name]))
        .noting(format!("{key} does not say which of the {} members it is for", scene.members.len()))
        .helping(format!("write members: {{{}{more}}}", shown.join(", ")))
}

fn unknown_members(key: &Key, declared: &Declared, stored: Option<&Object>, scene: &Scene<'_>) -> Vec<Finding> {
    let is_known = |member: &&MemberName| {
        member.is_every()
            || scene.members.contains(member)
            || scene.wanted.contains_key(&Key::member(member))
            || scene.state.get(&Key::member(member)).is_some()
            || stored.is_some_and(|object| object.placements.contains_key(*member))
    };
    let unknown = declared.members.keys().filter(|member| !is_known(member));
    let finding = |member: &MemberName| {
        let text = format!("{key} has keys for the member `{member}`, which is not in the cluster");
        let finding = Finding::error("SB065", text).at(declared.place(&["members", member.as_str()]));
        match key_table::nearest(member.as_str(), scene.members.iter().map(MemberName::as_str)) {
            Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
            None => finding.helping("declare it under cluster.members, or let it join first"),
        }
    };
    unknown.map(finding).collect()
}

fn targets(kind: &dyn Kind, declared: &Declared, stored: Option<&Object>, scene: &Scene<'_>) -> Vec<MemberName> {
    let held = stored.into_iter().flat_map(|object| object.placements.keys().cloned());
    let mut targets: Vec<MemberName> = held.collect();
    match kind.rollout() {
        Rollout::RecordOnly => {}
        Rollout::EveryMember => targets.extend(scene.members.iter().cloned()),
        Rollout::PlacedMembers => {
            let named = declared.members.keys().filter(|member| scene.members.contains(member));
            targets.extend(named.cloned());
            if targets.is_empty() {
                targets.push(reader(scene));
            }
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn keys(entities: &[&str], placement: Option<&Placement>, was: &Config, wanted: &Config) -> Config {
    let mut config = placement.map(|placement| placement.config.clone()).unwrap_or_default();
    let is_fixed = |name: &str| key_table::lookup_any(entities, name).is_some_and(|info| info.edit == Edit::Fixed);
    let is_made = placement.is_some_and(|placement| placement.realised > Generation(0));
    let stays = |name: &str| KEPT.contains(&name) || (is_made && is_fixed(name));
    for name in was.keys().filter(|name| !wanted.contains_key(*name) && !stays(name)) {
        config.remove(name);
    }
    for (name, value) in wanted.iter() {
        // What the member has worked out from the same declaration is no change: the device behind a path, the size
        // of a pool that was given none.
        let is_worked_out = is_fixed(name) || value.is_empty();
        let is_same = is_made && is_worked_out && was.get(name) == Some(value) && config.contains_key(name);
        if is_same || placement.is_some_and(|placement| holds(placement, name, value)) {
            continue;
        }
        if value.is_empty() {
            config.remove(name);
        } else {
            config.insert(name.clone(), value.clone());
        }
    }
    config
}

/// Whether a placement has this value, or was made from it.
fn holds(placement: &Placement, name: &str, value: &str) -> bool {
    let is = |key: &str| placement.config.get(key).is_some_and(|held| held == value);
    let is_made = placement.realised > Generation(0);
    is(name)
        || (name == "source" && is_made && is("volatile.initial_source"))
        || (value.is_empty() && placement.config.value(name).is_none())
}

impl Owned {
    /// What the last manifest declared.
    pub fn read(applied: Option<&Spec>) -> Self {
        let map = |field: &str| {
            let value = applied.and_then(|spec| spec.0.get(field)).cloned().unwrap_or(Value::Null);
            // Written by `write`; anything else declares nothing.
            serde_json::from_value(value).unwrap_or_default()
        };
        Self { members: map(APPLIED_MEMBERS), here: map(APPLIED_HERE) }
    }

    /// What it declared for one member under its name, or for every member.
    pub fn own(&self, member: &MemberName) -> Config {
        own_of(&self.members, member)
    }

    /// Adds what was declared to a spec that becomes [`Object::applied`].
    pub fn write(&self, applied: &mut Spec) {
        for (field, owned) in [(APPLIED_MEMBERS, &self.members), (APPLIED_HERE, &self.here)] {
            let texts = |config: &Config| -> Map<String, Value> {
                config.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect()
            };
            let map: Map<String, Value> =
                owned.iter().map(|(member, config)| (member.0.clone(), Value::Object(texts(config)))).collect();
            if !map.is_empty() {
                applied.0.insert(field.to_owned(), Value::Object(map));
            }
        }
    }

    // What other members' files said stays: each member may have a file of its own.
    fn renewed(mut self, declared: &Declared, reader: &MemberName) -> Self {
        self.members = declared.members.iter().filter(|(_, config)| !config.is_empty()).map(owned).collect();
        self.here.remove(reader);
        if !declared.here.is_empty() {
            self.here.insert(reader.clone(), declared.here.clone());
        }
        self
    }
}

fn owned((member, config): (&MemberName, &Config)) -> (MemberName, Config) {
    (member.clone(), config.clone())
}
