//! The stored state as what a manifest would declare: planned against the same state, it changes nothing.

use std::collections::BTreeMap;

use super::diff::merge::is_unset;
use super::diff::placement::Owned;
use crate::kinds::{self, Kind};
use crate::model::{
    ApplyMode, ClusterState, Config, Declared, Desired, Generation, Key, Management, MemberName, Object, Phase,
    Placement, Policy, Rollout, Spec,
};

/// Fields of a member's record that people choose; the cluster works out the others.
const OF_MEMBERS: [&str; 6] = ["address", "failure_domain", "description", "groups", "roles", "config"];

/// A whole cluster, or a part of it, as a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// What to declare.
    pub desired: Desired,
    /// Whether the daemons are clustered. One that stands alone keeps its own keys without naming itself.
    pub is_clustered: bool,
    /// Keys that were left out because nobody may see their values.
    pub secrets: BTreeMap<Key, Vec<String>>,
}

/// What is stored, as far as manifests declare it. What the system worked out itself is left out, and so are secrets
/// and what is being removed.
pub fn export(state: &ClusterState) -> Export {
    let is_clustered = state
        .get(&Key::membership())
        .is_some_and(|record| record.spec.0.get("enabled").is_some_and(|flag| flag == true));
    let mut export = Export { is_clustered, ..Export::default() };
    for object in state.objects.values().filter(|object| object.phase != Phase::Deleting) {
        if !kinds::find(object.key.kind.as_str()).is_some_and(|kind| is_declared(kind, is_clustered)) {
            continue;
        }
        let mut declared = declare(object);
        let secrets = hide(object, &mut declared);
        if !is_clustered {
            let own = std::mem::take(&mut declared.members);
            declared.here = own.into_values().fold(Config::default(), |here, own| here.overlaid(&own));
        }
        if !secrets.is_empty() {
            export.secrets.insert(object.key.clone(), secrets);
        }
        export.desired.objects.insert(object.key.clone(), declared);
    }
    export
}

// Members of a cluster are declared, a daemon that stands alone is not; certificates and tokens never are.
fn is_declared(kind: &dyn Kind, is_clustered: bool) -> bool {
    match kind.words().kind {
        Key::MEMBER => is_clustered,
        "certificate" => false,
        _ => !kind.words().section.is_empty(),
    }
}

/// One object as a manifest would declare it, secrets included.
pub(super) fn declare(object: &Object) -> Declared {
    let is_chosen = |field: &str| object.key.kind.as_str() != Key::MEMBER || OF_MEMBERS.contains(&field);
    let said = object.spec.0.iter().filter(|(field, value)| is_chosen(field) && !is_unset(value));
    let mut spec = Spec(said.map(|(field, value)| (field.clone(), value.clone())).collect());
    let mut config = spec.config();
    config.retain(|key, _| !key.starts_with("volatile."));
    // Left out, it would mean what the system chooses.
    for (key, means) in absent_values(object) {
        config.entry(key.to_owned()).or_insert_with(|| means.to_owned());
    }
    if config.is_empty() {
        spec.0.remove("config");
    } else {
        spec.set_config(&config);
    }
    let before = Owned::read(object.applied.as_ref());
    let own = object.placements.iter().map(|(member, placement)| {
        let (named, here) = (before.own(member), before.here.get(member));
        let is_said = |key: &str| named.contains_key(key) || here.is_some_and(|config| config.contains_key(key));
        (member.clone(), own(placement, is_said))
    });
    let members = with_shared(own.collect(), before.members.get(MemberName::EVERY));
    Declared { spec, members, policy: policy(object), ..Declared::default() }
}

/// What was declared for every member, and is the same on all of them, is declared so again: a member that joins gets it.
fn with_shared(mut members: BTreeMap<MemberName, Config>, said: Option<&Config>) -> BTreeMap<MemberName, Config> {
    let mut every = said.cloned().unwrap_or_default();
    every.retain(|key, value| !members.is_empty() && members.values().all(|own| own.get(key) == Some(value)));
    members.values_mut().for_each(|own| own.retain(|key, _| !every.contains_key(key)));
    members.insert(MemberName::EVERY.into(), every);
    members.retain(|_, config| !config.is_empty());
    members
}

// Nothing is chosen yet for what is only defined.
fn absent_values(object: &Object) -> Vec<(&'static str, &'static str)> {
    let is_pending = object.phase == Phase::Pending && object.rollout != Rollout::RecordOnly;
    let kind = kinds::find(object.key.kind.as_str()).filter(|_| !is_pending);
    kind.map(|kind| kind.absent_values(&object.key, &object.spec)).unwrap_or_default()
}

// Only what is out of the ordinary. Who owns the object is said by the source that declares it.
fn policy(object: &Object) -> Policy {
    let Management { source: _, protect, apply, heal: _, waves: _ } = object.management;
    Policy { apply: (apply != ApplyMode::default()).then_some(apply), protect: protect.then_some(true) }
}

// A source is declared as it was given: members turn it into a path or a device, and make one where none was given.
fn own(placement: &Placement, is_said: impl Fn(&str) -> bool) -> Config {
    let given = placement.config.value("volatile.initial_source").map(str::to_owned);
    let is_made = placement.realised > Generation(0);
    let mut config = placement.config.clone();
    let is_worked_out = |key: &str| key.starts_with("volatile.") || key == "source" && is_made && !is_said(key);
    config.retain(|key, _| !is_worked_out(key));
    config.extend(given.map(|source| ("source".to_owned(), source)));
    config
}

fn hide(object: &Object, declared: &mut Declared) -> Vec<String> {
    let is_secret = |key: &str| kinds::is_secret(object.key.kind.as_str(), key);
    let mut config = declared.spec.config();
    let hidden: Vec<String> = config.keys().filter(|key| is_secret(key)).cloned().collect();
    if !hidden.is_empty() {
        config.retain(|key, _| !is_secret(key));
        declared.spec.set_config(&config);
    }
    hidden
}
