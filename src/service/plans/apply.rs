//! Carrying out a whole manifest: planned against the stored state, committed as one entry, waited for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::confirm;
use crate::api::ApiError;
use crate::kinds::SeededRng;
use crate::kinds::records::history;
use crate::model::{
    Claim, ClusterState, Command, Config, Desired, Finding, Key, MemberName, Object, Phase, PlacementPhase, Reply,
    Revision, Rollout, Selection, Timestamp,
};
use crate::plan::lxd::Stamp;
use crate::plan::{self, Context, Mode, Plan, Selected, of_selection, plan, read_set, select};
use crate::service::blocking;
use crate::service::cluster::configure;
use crate::service::objects::removal_check;
use crate::service::objects::trial;
use crate::service::peers::request_origin;
use crate::service::rng::SystemRng;
use crate::service::server::{Server, store_failed};

/// Changes of others get in between; more often than this in a row they do not.
const TRIES: usize = 20;

/// Findings on what belongs to somebody else, and on what would delete too much.
const REFUSALS: [&str; 2] = ["SB069", "SB070"];

/// What was committed.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The revision that holds the change; `None` when nothing was written.
    pub revision: Option<Revision>,
    /// The changed objects.
    pub keys: Vec<Key>,
    /// What is worth knowing.
    pub notes: Vec<Finding>,
    /// Until when it has to be confirmed.
    pub confirm_until: Option<Timestamp>,
}

/// Who wants something applied, and how.
#[derive(Clone, Copy, Debug)]
pub struct ApplyOptions<'a> {
    /// Who, for the audit trail.
    pub by: &'a str,
    /// Only a plan with this digest.
    pub expect: Option<&'a str>,
    /// Within this time it has to be confirmed.
    pub confirm: Option<Duration>,
}

/// Replaces secrets in a desired state by what is stored of them.
pub async fn hide_secrets(server: &Server, desired: &mut Desired) -> Result<(), ApiError> {
    let Some(declared) = desired.objects.get_mut(&Key::server()) else { return Ok(()) };
    let Some(stored) = server.store().get(&Key::server()).map_err(store_failed)? else { return Ok(()) };
    let mut config = declared.spec.config();
    if config.is_empty() {
        return Ok(());
    }
    configure::hide_password(server, &mut config, &stored).await?;
    declared.spec.set_config(&config);
    Ok(())
}

/// The part of a desired state that was asked for.
pub fn selected(server: &Server, desired: &Desired, selection: &Selection, mode: Mode) -> Result<Selected, ApiError> {
    if selection.is_everything() {
        return Ok(Selected { desired: desired.clone(), ..Selected::default() });
    }
    let state = server.store().part(&|known| of_selection(desired, selection, mode, known)).map_err(store_failed)?;
    select(desired, selection, mode, &state).map_err(|findings| {
        ApiError::bad_request("these objects cannot be picked out: nothing was changed").with_findings(findings)
    })
}

/// What applying would do. Secrets must be hidden already.
pub fn planned(server: &Server, desired: &Desired, terms: PlanOptions<'_>) -> Result<Plan, ApiError> {
    planned_on(server, desired, terms, None).map(|(plan, _)| plan)
}

/// The same with the state that it was made against, and with what was chosen for a plan with this digest.
fn planned_on(
    server: &Server,
    desired: &Desired,
    terms: PlanOptions<'_>,
    seen: Option<&str>,
) -> Result<(Plan, ClusterState), ApiError> {
    let PlanOptions { mode, claim } = terms;
    let node = server.node();
    let state = node.store.part(&|known| read_set::of_plan(desired, mode, claim, known)).map_err(store_failed)?;
    let liveness = server.liveness();
    let context = Context { here: &node.name, liveness: &liveness, mode, claim: Some(claim) };
    let plan = plan(desired, &state, &context, &mut rng_of(seen)).map_err(barred)?;
    Ok((plan, state))
}

/// The same with what is in the way among the changes. Such a plan commits nothing.
pub fn whole(server: &Server, desired: &Desired, terms: PlanOptions<'_>) -> Result<Plan, ApiError> {
    let PlanOptions { mode, claim } = terms;
    let node = server.node();
    let state = node.store.part(&|known| read_set::of_plan(desired, mode, claim, known)).map_err(store_failed)?;
    let liveness = server.liveness();
    let context = Context { here: &node.name, liveness: &liveness, mode, claim: Some(claim) };
    Ok(plan::whole(desired, &state, &context, &mut rng_of(None)))
}

/// Chance for a plan: that of the plan with this digest, so that what was seen is what is committed, or new.
pub fn rng_of(seen: Option<&str>) -> SeededRng {
    seen.and_then(plan::seed_of).map_or_else(|| SeededRng::drawn(&mut SystemRng), SeededRng::new)
}

/// What is said when something is in the way. What others own, and what would be too much, is refused; everything else
/// is wrong.
pub fn barred(findings: Vec<Finding>) -> ApiError {
    let mut errors = findings.iter().filter(|finding| finding.is_error());
    let status = if errors.all(|finding| REFUSALS.contains(&finding.code.as_str())) { 409 } else { 400 };
    ApiError::new(status, "the manifest cannot be applied: nothing was changed").with_findings(findings)
}

/// How a desired state is taken in.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions<'a> {
    /// What happens to keys that it no longer has.
    pub mode: Mode,
    /// In whose name.
    pub claim: &'a Claim,
}

/// Plans and commits.
pub async fn apply(
    server: &Arc<Server>,
    desired: &Desired,
    terms: PlanOptions<'_>,
    order: ApplyOptions<'_>,
) -> Result<Applied, ApiError> {
    let declared = desired.objects.get(&Key::server()).map(|declared| declared.of(&server.node().name));
    let listening = listen_first(server, declared.as_ref()).await?;
    let outcome = commit_as(server, || planned_on(server, desired, terms, order.expect), "", order).await;
    if let (Err(_), Some(moved)) = (&outcome, listening) {
        moved.back(server).await?;
    }
    outcome
}

/// Plans and commits until nobody gets in between, and leaves a record of it. `why` is for the record.
pub async fn commit_as(
    server: &Server,
    plan: impl Fn() -> Result<(Plan, ClusterState), ApiError>,
    why: &str,
    order: ApplyOptions<'_>,
) -> Result<Applied, ApiError> {
    for _ in 0..TRIES {
        let (plan, state) = blocking::plan(&plan).await?;
        if order.expect.is_some_and(|expect| expect != plan.digest) {
            return Err(ApiError::new(412, "the cluster has changed since the plan was made: look at the plan again"));
        }
        if plan.is_empty() {
            return Ok(Applied { notes: plan.notes, ..Applied::default() });
        }
        confirm::check_free(server)?;
        removal_check::look_before(server, &plan, &state).await?;
        trial::changes(server, &plan.apart().1).await?;
        let stamp = Stamp { request: uuid::Uuid::new_v4().to_string(), at: server.now(), by: order.by.to_owned() };
        let records = server.store().list(history::Applied::KIND).map_err(store_failed)?;
        let mut write = blocking::apart(|| plan.write_remembered(stamp, why, &state, &records));
        let confirm_until = confirm::add(&plan, &mut write, order.confirm, (&state, &records))?;
        match server.store().submit(request_origin::stamped(Command::Write(write))).await.map_err(store_failed)? {
            Reply::Applied { revision } => {
                let keys = plan.changes.into_iter().map(|change| change.key).collect();
                return Ok(Applied { revision: Some(revision), keys, notes: plan.notes, confirm_until });
            }
            // Somebody was faster: the plan is made again on top of that.
            Reply::Refused { .. } => {}
            Reply::Nothing => return Err(ApiError::failed("the log took no command")),
        }
    }
    Err(ApiError::conflict("the cluster changes too fast to apply the manifest; try again"))
}

/// Ports that were moved before that is stored.
pub struct Moved<'a> {
    before: Config,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Moved<'_> {
    /// Listens as before: it was not stored.
    ///
    /// # Errors
    /// When a port that was open cannot be opened again.
    pub async fn back(self, server: &Arc<Server>) -> Result<(), ApiError> {
        server.lifecycle.listen(server, &self.before).await
    }
}

/// Opens new ports before they are stored: an occupied one leaves everything as it was.
pub async fn listen_first<'a>(server: &'a Arc<Server>, own: Option<&Config>) -> Result<Option<Moved<'a>>, ApiError> {
    let node = server.node();
    let Some(own) = own else { return Ok(None) };
    let turn = server.ports.lock().await;
    let stored = node.store.get(&Key::server()).map_err(store_failed)?;
    let held = stored.and_then(|object| object.placements.get(&node.name).map(|held| held.config.clone()));
    let before = configure::listen_keys(&held.unwrap_or_default());
    let wanted = before.overlaid(&configure::listen_keys(own));
    if before == wanted {
        return Ok(None);
    }
    configure::check_listen_address(server, &node.name, wanted.value(configure::HTTPS_ADDRESS))?;
    server.lifecycle.listen(server, &wanted).await?;
    Ok(Some(Moved { before, _turn: turn }))
}

/// Waits until these objects stand everywhere, or some member has said that it cannot.
pub async fn settle(server: &Server, keys: &[Key], limit: Duration) -> Result<(), ApiError> {
    let store = server.store();
    let (mut applied, deadline) = (store.applied(), Instant::now() + limit);
    let mut waiting: Vec<Key> = keys.to_vec();
    let mut troubles = Vec::new();
    loop {
        applied.borrow_and_update();
        let mut left = Vec::new();
        for key in waiting {
            let found = store.get(&key).map_err(store_failed)?;
            match found.as_ref().map(progress) {
                None | Some(Progress::Done) => {}
                Some(Progress::Failed(text)) => troubles.push(text),
                Some(Progress::Under) => left.push(key),
            }
        }
        waiting = left;
        if waiting.is_empty() {
            break;
        }
        match timeout_at(deadline, applied.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ApiError::unavailable("the daemon is shutting down")),
            Err(_) => {
                let names: Vec<String> = waiting.iter().map(Key::to_string).collect();
                let text = format!("stored, but not everywhere yet after {} s: {}", limit.as_secs(), names.join(", "));
                return Err(ApiError::new(504, text));
            }
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(ApiError::failed(troubles.join("; "))) }
}

/// How far an object is.
pub enum Progress {
    /// It stands where it is to stand, or waits for somebody who is away.
    Done,
    /// Members are at work.
    Under,
    /// A member has said that it cannot.
    Failed(String),
}

/// How far one member is with an object.
pub fn progress_on(object: &Object, member: &MemberName) -> Progress {
    let Some(placement) = object.placements.get(member).filter(|_| object.phase != Phase::Pending) else {
        return Progress::Done;
    };
    match placement.phase {
        _ if placement.observed != object.generation => Progress::Under,
        PlacementPhase::Created => Progress::Done,
        PlacementPhase::Errored => {
            Progress::Failed(format!("{} on {member}: {}", object.key, placement.condition.message))
        }
        PlacementPhase::Pending => Progress::Under,
    }
}

/// How far an object is, from what its members have said of the newest generation.
pub fn progress(object: &Object) -> Progress {
    if object.rollout == Rollout::RecordOnly || object.phase == Phase::Pending || object.is_converged() {
        return Progress::Done;
    }
    let spoke = |observed| observed == object.generation;
    let failed: Vec<String> = object
        .placements
        .iter()
        .filter(|(_, placement)| spoke(placement.observed) && placement.phase == PlacementPhase::Errored)
        .map(|(member, placement)| format!("{} on {member}: {}", object.key, placement.condition.message))
        .collect();
    if failed.is_empty() { Progress::Under } else { Progress::Failed(failed.join("; ")) }
}
