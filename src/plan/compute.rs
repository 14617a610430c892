//! The plan itself: every declared object against what is stored.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::implied::{expand, explicit};
use super::diff::object::{Outcome, change, variant};
use super::diff::projected::Projected;
use super::impact::effect::Impact;
use super::impact::liveness::offline;
use super::report::{Action, FORMAT_VERSION, OfflineMember, Plan, PlannedChange, Summary, Work};
use super::rollout;
use super::rules::lost;
use super::rules::order::order;
use super::rules::overlap;
use super::rules::ownership;
use super::rules::preconditions::Preconditions;
use super::rules::prune::{Pruned, prune};
use super::rules::references;
use crate::kinds::hold::HoldSpec;
use crate::kinds::{self, Rng};
use crate::model::{
    Change, Claim, ClusterState, Declared, Desired, Expect, Finding, Key, Liveness, MemberName, Revision, Rollout,
    Severity,
};

/// What a plan depends on beside the desired and the stored state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The member that reads the manifest: keys that name no member are its own.
    pub here: &'a MemberName,
    /// Which members answer.
    pub liveness: &'a Liveness,
    /// What happens to keys that a manifest no longer has.
    pub mode: Mode,
    /// In whose name it is made. `None` leaves everything with whoever has it.
    pub claim: Option<&'a Claim>,
}

impl Context<'_> {
    /// The source in whose name the plan is made.
    pub(super) fn source(&self) -> Option<&str> {
        self.claim?.source.as_deref()
    }
}

/// What happens to keys that a manifest no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Those that it had the last time are unset.
    Declarative,
    /// Nothing is ever unset, as `lxd init --preseed` does it.
    Merge,
}

/// What one object's change is computed from.
pub(super) struct Scene<'a> {
    pub state: &'a ClusterState,
    pub wanted: &'a BTreeMap<Key, Declared>,
    /// What is declared itself, not implied by something else.
    pub explicit: BTreeSet<Key>,
    pub context: &'a Context<'a>,
    /// The members that have joined; the one that plans when there is no record yet.
    pub members: Vec<MemberName>,
    pub offline: Vec<OfflineMember>,
    /// What somebody holds for a time.
    pub held: BTreeMap<Key, HoldSpec>,
    /// What has stopped after failures and is to go on in spite of them.
    pub resumed: BTreeSet<Revision>,
}

/// The changes that turn `state` into `desired`.
///
/// # Errors
/// Everything that is wrong, with its place: nothing of the manifest is used then.
pub fn plan(
    desired: &Desired,
    state: &ClusterState,
    context: &Context<'_>,
    rng: &mut dyn Rng,
) -> Result<Plan, Vec<Finding>> {
    let (plan, findings) = drafted(desired, state, context, rng);
    if findings.iter().any(Finding::is_error) { Err(findings) } else { Ok(plan) }
}

/// The same, and what is in the way is shown among the changes instead of them: such a plan commits nothing.
pub fn whole(desired: &Desired, state: &ClusterState, context: &Context<'_>, rng: &mut dyn Rng) -> Plan {
    let (plan, findings) = drafted(desired, state, context, rng);
    let barred: Vec<Finding> = findings.into_iter().filter(Finding::is_error).collect();
    if barred.is_empty() { plan } else { Plan { barred, work: Work::default(), ..plan } }
}

/// The plan, and all that was found. With errors it has rows that nothing carries out.
fn drafted(desired: &Desired, state: &ClusterState, context: &Context<'_>, rng: &mut dyn Rng) -> (Plan, Vec<Finding>) {
    let wanted = expand(desired, state, context.mode);
    let mut findings = references::check(&wanted, state, context.mode);
    let members = members_of(state, context.here);
    let offline = offline(&members, context.here, context.liveness);
    if let Some(source) = context.source().filter(|source| !ownership::exists(source, state)) {
        findings.push(Finding::error("SB062", format!("there is no source `{source}`")));
    }
    let explicit = explicit(desired, state, context.mode);
    let held = kinds::hold::held(state.of_kind("hold"), context.liveness.at);
    let resumed = BTreeSet::new();
    let mut scene = Scene { state, wanted: &wanted, explicit, context, members, offline, held, resumed };
    scene.resumed = rollout::resumed(&scene);
    findings.extend(ownership::held(&scene));
    let mut draft = Projected::default();
    let (mut changes, mut unchanged) = (Vec::new(), 0);
    let mut barred: Vec<(usize, PlannedChange)> = Vec::new();
    for key in order(&wanted) {
        match change(&key, &wanted[&key], &scene, &mut draft, rng) {
            Ok(Outcome::Changed(planned, work)) => changes.push((*planned, *work)),
            Ok(Outcome::Unchanged) => unchanged += 1,
            Ok(Outcome::Noted(finding)) => findings.push(finding),
            Ok(Outcome::Barred(planned, problems)) => {
                barred.push((changes.len(), in_the_way(*planned, &problems)));
                findings.extend(problems);
            }
            Err(problems) => {
                barred.push((changes.len(), in_the_way(refused(&key, &wanted[&key], state), &problems)));
                findings.extend(problems);
            }
        }
    }
    if !findings.iter().any(Finding::is_error) {
        changes.extend(lost::profiles(&scene, &changes));
        match prune(desired, &scene, &changes) {
            Ok(Pruned { changes: deletions, notes }) => {
                changes.extend(deletions);
                findings.extend(notes);
            }
            Err(finding) => findings.push(*finding),
        }
    }
    findings.extend(overlap::check(&scene, changes.iter().map(|(_, work)| work)));
    let waves = rollout::arrange(&scene, &mut changes).unwrap_or_else(|finding| {
        findings.push(*finding);
        None
    });
    let mut plan = Plan { waves, ..assemble(&scene, changes, unchanged, findings.clone()) };
    plan.work.seed = rng.seed();
    plan.summary.barred = barred.len();
    for (at, planned) in barred.into_iter().rev() {
        plan.changes.insert(at, planned);
    }
    plan.digest = plan.digest();
    (plan, findings)
}

fn refused(key: &Key, declared: &Declared, state: &ClusterState) -> PlannedChange {
    let planned = match state.get(key) {
        Some(object) => PlannedChange::of(object, Action::Refused),
        None => PlannedChange::new(key.clone(), Action::Refused, variant(&declared.spec)),
    };
    PlannedChange { at: Some(declared.at.clone()), ..planned }
}

fn in_the_way(planned: PlannedChange, problems: &[Finding]) -> PlannedChange {
    // The row names the object already.
    let key = planned.key.to_string();
    let said = |finding: &Finding| {
        let rest = finding.message.strip_prefix(&key).filter(|rest| rest.starts_with([':', ' ']));
        rest.map_or(finding.message.as_str(), |rest| rest.trim_start_matches([':', ' '])).to_owned()
    };
    let barred = problems.iter().filter(|finding| finding.is_error()).map(said).collect();
    let impact = if planned.action == Action::Recreate { Impact::Recreate } else { planned.impact };
    PlannedChange { barred, impact, ..planned }
}

fn members_of(state: &ClusterState, here: &MemberName) -> Vec<MemberName> {
    let joined = state.members();
    if joined.is_empty() { vec![here.clone()] } else { joined }
}

fn assemble(
    scene: &Scene<'_>,
    mut changes: Vec<(PlannedChange, Change)>,
    unchanged: usize,
    notes: Vec<Finding>,
) -> Plan {
    depend(&mut changes);
    let expect = expectations(scene, &changes);
    let (changes, work): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    Plan {
        format_version: FORMAT_VERSION.to_owned(),
        digest: String::new(),
        base: scene.state.revision,
        left_out: Vec::new(),
        barred: Vec::new(),
        waves: None,
        summary: summary(changes.iter()),
        unchanged,
        offline: scene.offline.clone(),
        notes: notes.into_iter().filter(|finding| finding.severity != Severity::Error).collect(),
        work: Work { expect, changes: work, seed: None },
        changes,
    }
}

// What must hold of everything that the plan touches, and of what it relies on but leaves as it is.
fn expectations(scene: &Scene<'_>, changes: &[(PlannedChange, Change)]) -> Vec<Expect> {
    let mut terms = Preconditions::on(scene.state);
    for (planned, work) in changes {
        terms.change(work);
        let Change::Put(put) = work else { continue };
        if put.rollout != Rollout::RecordOnly {
            terms.touch(&Key::membership());
        }
        for key in references::relied_upon(&planned.key, &put.spec, scene.state) {
            terms.refer(&key);
        }
    }
    // What is claimed for a source that has gone meanwhile would belong to nobody that exists.
    if let Some(source) = scene.context.source().filter(|_| !changes.is_empty()) {
        terms.refer(&Key::new("source", source));
    }
    terms.expect()
}

fn depend(changes: &mut [(PlannedChange, Change)]) {
    let changed: Vec<Key> = changes.iter().map(|(planned, _)| planned.key.clone()).collect();
    for (planned, work) in changes {
        let Change::Put(put) = work else { continue };
        let needs = references::needs(&planned.key, &put.spec);
        planned.depends_on = needs.into_iter().map(|need| need.key).filter(|key| changed.contains(key)).collect();
        planned.depends_on.dedup();
    }
}

/// The changes counted.
pub(super) fn summary<'a>(changes: impl Iterator<Item = &'a PlannedChange> + Clone) -> Summary {
    let count = |wanted: &[Action]| changes.clone().filter(|change| wanted.contains(&change.action)).count();
    let mut members: Vec<&MemberName> =
        changes.clone().flat_map(|change| change.members.iter().map(|row| &row.member)).collect();
    members.sort_unstable();
    members.dedup();
    Summary {
        create: count(&[Action::Create]),
        resume: count(&[Action::Resume, Action::Retry]),
        update: count(&[Action::Update]),
        adopt: count(&[Action::Adopt]),
        delete: count(&[Action::Delete]),
        barred: 0,
        waiting: changes.clone().filter(|change| !change.waits_for.is_empty()).count(),
        members: members.len(),
    }
}
