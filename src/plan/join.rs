//! What a joining member brings along: its own sections must agree with the cluster, and every object that all
//! members have needs a placement on it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::compute::Mode;
use super::diff::fields;
use super::diff::placement::Owned;
use super::report::FieldChange;
use crate::kinds::server::TRUST_PASSWORD;
use crate::kinds::{self, home};
use crate::model::{
    Change, ClusterState, Config, Declared, Desired, Expect, Finding, Key, MemberName, Object, Phase, Place, Put,
    Rollout, Severity, Spec, Stage,
};

/// One value in which a joiner's file and the cluster differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The object.
    pub key: Key,
    /// The path within it; empty when the object is only in the file.
    pub path: String,
    /// What the file says.
    pub file: String,
    /// What the cluster has.
    pub cluster: String,
    /// Where the file says it.
    pub place: Place,
}

/// The placements that a joining member gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// One put for each object that all members have.
    pub changes: Vec<Change>,
    /// The generations of these objects.
    pub expect: Vec<Expect>,
}

/// Every difference between what a joiner's file declares and what the cluster has.
///
/// A joining member takes its storage pools, networks, profiles and projects from the cluster. Keys that the file leaves
/// out agree with anything, and so do the joiner's own keys.
pub fn compare(desired: &Desired, state: &ClusterState) -> Vec<Difference> {
    let of_the_cluster = |key: &&Key| key.kind.as_str() != Key::MEMBER;
    let keys = desired.objects.keys().filter(of_the_cluster);
    keys.flat_map(|key| compare_one(key, &desired.objects[key], desired, state)).collect()
}

fn compare_one(key: &Key, declared: &Declared, desired: &Desired, state: &ClusterState) -> Vec<Difference> {
    let key = home(key, |project| super::diff::implied::features(project, &desired.objects, state, Mode::Merge));
    let differs = |path: &str, file: String, cluster: String| Difference {
        key: key.clone(),
        path: path.strip_prefix("config.").unwrap_or(path).to_owned(),
        file,
        cluster,
        place: declared.place(&fields::steps(&declared.spec, path)),
    };
    let Some(stored) = state.get(&key).filter(|object| object.phase != Phase::Deleting) else {
        // The server's own configuration exists with the first key that is set.
        let is_there = key == Key::server() && declared.spec.config().is_empty();
        let missing = || differs("", "declared".to_owned(), "does not exist".to_owned());
        return if is_there { Vec::new() } else { vec![missing()] };
    };
    // A password is proven by joining with it; all that is kept of it is a hash that no file can equal.
    let said = |field: &&FieldChange| field.after.is_some() || field.secret;
    let fields = fields::between(&key, Some(&stored.spec), &declared.spec, &[]);
    let counts = |field: &&FieldChange| !field.path.ends_with(TRUST_PASSWORD) && !is_chosen(field);
    let shown = |text: Option<&String>| text.cloned().unwrap_or_else(|| "(none)".to_owned());
    let is_declared = |field: &&FieldChange| said(field) && declares(&declared.spec, &field.path);
    let differing = fields.iter().filter(is_declared).filter(counts);
    let difference = |field: &FieldChange| {
        let path = &field.path;
        if field.secret {
            return differs(path, "(another secret)".to_owned(), "(secret)".to_owned());
        }
        differs(path, shown(field.after.as_ref()), shown(field.before.as_ref()))
    };
    differing.map(difference).collect()
}

// What the file leaves to the system has been chosen by the cluster.
fn is_chosen(field: &FieldChange) -> bool {
    let chosen = field.before.as_deref().is_some_and(|value| value != "none");
    field.after.as_deref() == Some("auto") && chosen
}

fn declares(spec: &Spec, path: &str) -> bool {
    let nothing = Spec::default();
    fields::between(&Key::server(), Some(&nothing), spec, &[]).iter().any(|field| field.path == path)
}

/// Places every object that all members have on a joining member.
///
/// Its own keys are those that its file gives without a name or under its name, or else those that the last applied
/// manifest has for a member of this name. Definitions that wait for their create are left to whoever made them.
///
/// # Errors
/// Keys of the joiner that are wrong.
pub fn admit(member: &MemberName, desired: &Desired, state: &ClusterState) -> Result<Admission, Vec<Finding>> {
    let mut admission = Admission::default();
    let mut findings = Vec::new();
    for object in state.objects.values().filter(|object| is_everywhere(object)) {
        let declared = desired.objects.get(&object.key);
        let own = own_keys(member, object, declared);
        findings.extend(wrong_keys(member, object, &own, declared));
        let held = object.placements.iter().map(|(member, held)| (member.clone(), held.config.clone()));
        let mut placements: BTreeMap<MemberName, Config> = held.collect();
        placements.insert(member.clone(), own);
        admission.expect.push(Expect::unchanged(object));
        admission.changes.push(Change::Put(Put {
            key: object.key.clone(),
            rollout: object.rollout,
            stage: Stage::Live,
            spec: object.spec.clone(),
            applied: None,
            management: None,
            placements,
        }));
    }
    if findings.is_empty() { Ok(admission) } else { Err(findings) }
}

fn is_everywhere(object: &Object) -> bool {
    object.rollout == Rollout::EveryMember && !matches!(object.phase, Phase::Pending | Phase::Deleting)
}

fn own_keys(member: &MemberName, object: &Object, declared: Option<&Declared>) -> Config {
    let remembered = Owned::read(object.applied.as_ref()).own(member);
    let Some(declared) = declared else { return remembered };
    remembered.overlaid(&declared.own(member)).overlaid(&declared.here)
}

fn wrong_keys(member: &MemberName, object: &Object, own: &Config, declared: Option<&Declared>) -> Vec<Finding> {
    let Some(kind) = kinds::find(object.key.kind.as_str()) else { return Vec::new() };
    let members = BTreeMap::from([(member.clone(), own.clone())]);
    let problems = kinds::check(kind, &object.key, &object.spec, &members, &Config::default());
    let problems = kinds::unless_held(problems, &object.spec, Some(&object.spec));
    let of_the_member = |problem: &kinds::Problem| {
        problem.severity == Severity::Error && problem.path.first().is_some_and(|step| step == "members")
    };
    let finding = |problem: kinds::Problem| {
        let mut finding = Finding::error(problem.code, format!("{}: {}", object.key, problem.message));
        finding.note = problem.note;
        finding.help = problem.help;
        finding.place = declared.map(|declared| declared.place(&problem.path));
        finding
    };
    problems.into_iter().filter(of_the_member).map(finding).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  file: {}  cluster: {}", self.key, self.path, self.file, self.cluster)
    }
}
