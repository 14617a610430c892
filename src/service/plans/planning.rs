//! Requests for plans and applies: a part of the files or all of them, forward or back.

use std::sync::Arc;
use std::time::Duration;

use super::apply::{self, ApplyOptions, PlanOptions};
use super::confirm;
use super::history;
use crate::api::{ApiError, ApplyReply, ApplyRequest, PlanRequest};
use crate::manifest::{self, Source};
use crate::model::{Claim, Desired, Key, Selection};
use crate::plan::{Mode, Plan, read_set, users};
use crate::service::blocking;
use crate::service::server::{Server, store_failed};

/// What applying would do, with who uses what changes.
///
/// # Errors
/// Findings, or why the cluster cannot be asked.
pub async fn planned(server: &Server, request: PlanRequest) -> Result<Plan, ApiError> {
    let PlanRequest { desired, merge, selection, claim, back_to, whole } = request;
    let claim = of_part(claim, &selection);
    current(server).await?;
    if let Some(revision) = back_to {
        return blocking::plan(|| with_users(server, history::planned(server, revision, None)?.0)).await;
    }
    let mut selected = blocking::plan(|| apply::selected(server, &desired, &selection, mode(merge))).await?;
    apply::hide_secrets(server, &mut selected.desired).await?;
    let terms = PlanOptions { mode: mode(merge), claim: &claim };
    blocking::plan(|| {
        let plan = match whole {
            true => apply::whole(server, &selected.desired, terms),
            false => apply::planned(server, &selected.desired, terms),
        };
        with_users(server, plan?.of_part(&selected))
    })
    .await
}

fn with_users(server: &Server, plan: Plan) -> Result<Plan, ApiError> {
    let keys = plan.changing();
    let state = server.store().part(&|known| {
        let mut extent = read_set::of_users(&keys, known);
        extent.kinds.insert(Key::MEMBER.into());
        extent.keys.extend(keys.iter().cloned());
        extent
    });
    let state = state.map_err(store_failed)?;
    Ok(plan.with_users(users(&keys, &state)).with_cut_offs(&state))
}

/// Plans, commits, and waits for as long as `wait` says, in the name of `by`.
///
/// # Errors
/// Findings, a stale plan, or why the cluster takes no writes.
pub async fn carry_out(
    server: &Arc<Server>,
    request: ApplyRequest,
    by: &str,
    wait: Option<Duration>,
) -> Result<ApplyReply, ApiError> {
    let ApplyRequest { desired, yaml, merge, selection, claim, back_to, expect, confirm_ms } = request;
    let order = ApplyOptions { by, expect: expect.as_deref(), confirm: confirm::limit(confirm_ms)? };
    let claim = of_part(claim, &selection);
    let desired = match yaml {
        Some(text) => blocking::plan(|| loaded(&text)).await?,
        None => desired,
    };
    current(server).await?;
    let applied = if let Some(revision) = back_to {
        history::apply(server, revision, order).await?
    } else {
        let mut desired = blocking::plan(|| apply::selected(server, &desired, &selection, mode(merge))).await?.desired;
        apply::hide_secrets(server, &mut desired).await?;
        let terms = PlanOptions { mode: mode(merge), claim: &claim };
        apply::apply(server, &desired, terms, order).await?
    };
    if let Some(limit) = wait {
        apply::settle(server, &applied.keys, limit).await?;
    }
    let apply::Applied { revision, notes, confirm_until, .. } = applied;
    Ok(ApplyReply { revision, notes, confirm_until })
}

/// A plan against yesterday's state may say that there is nothing to do: the local copy catches up first.
async fn current(server: &Server) -> Result<(), ApiError> {
    server.store().barrier().await.map(drop).map_err(store_failed)
}

// What a part of the files leaves out is declared all the same: nothing of it is pruned.
fn of_part(claim: Claim, selection: &Selection) -> Claim {
    Claim { prune: claim.prune.filter(|_| selection.is_everything()), ..claim }
}

fn mode(merge: bool) -> Mode {
    if merge { Mode::Merge } else { Mode::Declarative }
}

/// A manifest that came as text.
fn loaded(text: &str) -> Result<Desired, ApiError> {
    let loaded = manifest::load(&[Source::new("request", text)], &manifest::Options::default());
    if loaded.is_usable() {
        return Ok(loaded.desired);
    }
    Err(ApiError::bad_request("the manifest has errors: nothing was changed").with_findings(loaded.findings))
}
