//! Drift: what differs from what was declared, in the store and on every host. It only looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::api::{ApiError, DriftItem, DriftReport, DriftRequest, HostFinding, PendingItem, UnknownMember};
use crate::kinds::{self, Intent, Local, Work};
use crate::model::{
    Audited, ClusterState, ConditionState, Did, Key, MemberName, Object, Phase, Placement, PlacementPhase, Rollout,
};
use crate::plan::{self, Context, FieldChange, Mode, PlannedChange};
use crate::service::blocking;
use crate::service::rng::SystemRng;
use crate::service::server::{Server, store_failed};
use crate::store::StoreError;

pub const SURVEY: &str = "/internal/drift";

/// Programs are run for each pool and bridge.
pub const LIMIT: Duration = Duration::from_secs(60);

/// So many placements are looked at at the same time.
const PARALLEL_MAX: usize = 8;

pub async fn look(server: &Server) -> Result<Vec<HostFinding>, ApiError> {
    let node = server.node();
    let mut placed = Vec::new();
    for kind in kinds::ALL.iter().filter(|kind| kind.rollout() != Rollout::RecordOnly) {
        let Some(actor) = kind.node() else { continue };
        let all = node.store.list(kind.words().kind).map_err(store_failed)?;
        placed.extend(all.into_iter().filter(|object| is_made(object, &node.name)).map(|object| (actor, object)));
    }
    let mut looks = Vec::new();
    for (actor, object) in placed {
        let me = node.name.clone();
        looks.push(async move {
            let work = work_of(&object, &me)?;
            let seen = actor.survey(&server.host, &work).await;
            let (steps, error) = match seen {
                Ok(steps) => (steps, None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            let is_otherwise = !steps.is_empty() || error.is_some();
            let Object { key, uid, generation, .. } = object;
            is_otherwise.then_some(HostFinding { key, uid, generation, steps, error })
        });
    }
    let found: Vec<Option<HostFinding>> = stream::iter(looks).buffered(PARALLEL_MAX).collect().await;
    Ok(found.into_iter().flatten().collect())
}

/// Whether the member once had the newest generation: otherwise what is missing on its host is still to be done.
fn is_made(object: &Object, member: &MemberName) -> bool {
    let made = |placement: &Placement| placement.realised == object.generation;
    !matches!(object.phase, Phase::Pending | Phase::Deleting) && object.placements.get(member).is_some_and(made)
}

fn work_of(object: &Object, me: &MemberName) -> Option<Work> {
    Some(Work { local: Local::of(object, me)?, intent: Intent::Present })
}

/// What somebody asks after.
pub struct DriftScope<'a> {
    pub request: &'a DriftRequest,
}

impl DriftScope<'_> {
    fn covers(&self, object: &Object) -> bool {
        let declared = self.request.desired.as_ref().is_none_or(|desired| desired.objects.contains_key(&object.key));
        let source = self.request.source.as_ref();
        declared && source.is_none_or(|source| object.management.source.as_ref() == Some(source))
    }
}

/// What others have done to the objects of a source since it applied them.
pub struct SinceSource {
    /// What would put back what they changed.
    pub changes: Vec<PlannedChange>,
    /// What belongs to the source now.
    pub owned: BTreeSet<Key>,
    /// Whether one of the objects asked about is gone, or on its way.
    pub is_one_gone: bool,
}

/// Looks at the objects of a source, of which `known` were its own before.
///
/// # Errors
/// Where the store cannot be read.
pub fn since_source(server: &Server, source: &str, known: &BTreeSet<Key>) -> Result<SinceSource, StoreError> {
    let state = blocking::apart(|| server.store().state())?;
    let owned = |object: &&Object| object.management.source.as_deref() == Some(source);
    let objects = state.objects.values().filter(owned).filter(|object| object.phase != Phase::Deleting);
    let owned = objects.clone().map(|object| object.key.clone()).collect();
    // What was released, or taken over, is still there: nobody is to take it back.
    let is_gone = |key: &Key| state.get(key).is_none_or(|object| object.phase == Phase::Deleting);
    Ok(SinceSource { changes: edited(server, &state, objects), owned, is_one_gone: known.iter().any(is_gone) })
}

fn edited<'a>(
    server: &Server,
    state: &ClusterState,
    objects: impl Iterator<Item = &'a Object> + Clone,
) -> Vec<PlannedChange> {
    let node = server.node();
    let liveness = server.liveness();
    let context = Context { here: &node.name, liveness: &liveness, mode: Mode::Declarative, claim: None };
    plan::drift(objects, state, &context, &mut SystemRng)
}

/// What other clients have changed in the store.
pub fn stored(
    server: &Server,
    state: &ClusterState,
    asked: &DriftScope<'_>,
    history: &[Audited],
    report: &mut DriftReport,
) {
    let objects = state.objects.values().filter(|object| asked.covers(object));
    for change in edited(server, state, objects) {
        let PlannedChange { key, fields, members, .. } = change;
        let own = members.into_iter().flat_map(|row| {
            let at = format!("members.{}", row.member);
            row.fields.into_iter().map(move |field| FieldChange { path: format!("{at}.{}", field.path), ..field })
        });
        report.drift.extend(fields.into_iter().chain(own).map(|field| changed(&key, field, history)));
    }
}

fn changed(key: &Key, field: FieldChange, history: &[Audited]) -> DriftItem {
    let FieldChange { path, before, after, secret, .. } = field;
    let touches = |names: &[String]| names.iter().any(|name| *name == path || path.starts_with(&format!("{name}.")));
    let text = key.to_string();
    let of_field = |it: &&Audited| it.entry.what.iter().any(|deed| deed.key == text && touches(&deed.names));
    attributed(item(key, path.clone(), after, before, secret), history.iter().find(of_field))
}

fn item(key: &Key, field: String, declared: Option<String>, found: Option<String>, secret: bool) -> DriftItem {
    let (since, by, revision) = (None, None, None);
    DriftItem {
        key: key.clone(),
        field,
        declared,
        found,
        steps: Vec::new(),
        secret,
        since,
        by,
        revision,
        expected: None,
    }
}

fn attributed(item: DriftItem, told: Option<&Audited>) -> DriftItem {
    let Some(told) = told else { return item };
    let (since, by) = (Some(told.entry.at), Some(told.entry.by.clone()));
    DriftItem { since, by, revision: Some(told.revision), ..item }
}

/// What manifests declare and is not there: somebody removed it, or it was never applied.
pub fn gone(state: &ClusterState, asked: &DriftScope<'_>, history: &[Audited], report: &mut DriftReport) {
    let declared = asked.request.desired.iter().flat_map(|desired| desired.objects.keys());
    for key in declared.filter(|key| state.get(key).is_none()) {
        let text = key.to_string();
        let last = history.iter().find(|it| it.entry.what.iter().any(|deed| deed.key == text));
        let is_removed = |it: &&Audited| it.entry.what.iter().any(|deed| deed.key == text && deed.did == Did::Delete);
        match last.filter(is_removed) {
            Some(told) => {
                let item = item(key, "object".to_owned(), Some("there".to_owned()), None, false);
                report.drift.push(attributed(item, Some(told)));
            }
            None => {
                let why = "it was not applied yet".to_owned();
                report.pending.push(PendingItem { key: key.clone(), member: None, why });
            }
        }
    }
}

pub fn on_hosts(
    state: &ClusterState,
    asked: &DriftScope<'_>,
    hosts: Vec<(MemberName, Result<Vec<HostFinding>, String>)>,
    report: &mut DriftReport,
) {
    for (member, found) in hosts {
        let found = match found {
            Ok(found) => found,
            Err(why) => {
                report.unknown.push(UnknownMember { member, why });
                continue;
            }
        };
        for finding in found {
            // What has changed since the member looked is not to be compared.
            let same = |object: &&Object| object.uid == finding.uid && object.generation == finding.generation;
            let Some(object) = state.get(&finding.key).filter(same).filter(|object| asked.covers(object)) else {
                continue;
            };
            report.drift.push(on_host(object, &member, finding));
        }
    }
}

fn on_host(object: &Object, member: &MemberName, finding: HostFinding) -> DriftItem {
    let condition = object.placements.get(member).map(|placement| &placement.condition);
    let since = condition.filter(|it| it.state == ConditionState::Drifted).map(|it| it.since);
    let steps = finding.steps;
    let item = item(&object.key, format!("host@{member}"), None, finding.error, false);
    DriftItem { steps, since, ..item }
}

/// What members have still to do. A member that is away is told once, not with everything that it holds.
pub fn unfinished(state: &ClusterState, asked: &DriftScope<'_>, report: &mut DriftReport) {
    let away: BTreeSet<&MemberName> = report.unknown.iter().map(|it| &it.member).collect();
    let drifted: BTreeMap<&Key, ()> = report.drift.iter().map(|item| (&item.key, ())).collect();
    let mut pending = Vec::new();
    for object in state.objects.values().filter(|object| asked.covers(object)) {
        if object.phase == Phase::Pending && object.rollout != Rollout::RecordOnly {
            let why = "it is only defined".to_owned();
            pending.push(PendingItem { key: object.key.clone(), member: None, why });
            continue;
        }
        for (member, placement) in object.placements.iter().filter(|(member, _)| !away.contains(*member)) {
            let is_behind = placement.observed < object.generation;
            let has_failed = placement.phase != PlacementPhase::Created && !drifted.contains_key(&object.key);
            if is_behind || has_failed {
                let why = if is_behind { "the member is at work" } else { placement.condition.message.as_str() };
                let item = PendingItem { key: object.key.clone(), member: Some(member.clone()), why: why.to_owned() };
                pending.push(item);
            }
        }
    }
    report.pending.extend(pending);
}
