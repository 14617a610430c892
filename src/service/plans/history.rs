//! History: what applies have done, and plans that take them back.

use serde_json::{Value, json};

use super::apply::{self, ApplyOptions};
use crate::api::ApiError;
use crate::kinds::records::history::{Applied, Before};
use crate::model::{Claim, ClusterState, Object, Revision};
use crate::plan::{Context, Mode, Past, Plan, back, of_back, read_set, since};
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};

/// The plan of the way back to a revision, with the state that it was made against. What is chosen is what was chosen for
/// a plan with the digest `seen`.
pub fn planned(server: &Server, revision: Revision, seen: Option<&str>) -> Result<(Plan, ClusterState), ApiError> {
    let records = records(server)?;
    let past = past(server, &records, revision)?;
    let node = server.node();
    let state = node.store.part(&|known| {
        let desired = past.desired(&known.state);
        let mut extent = read_set::of_plan(&desired, Mode::Declarative, &Claim::default(), known);
        extent.extend(of_back(known));
        extent
    });
    let state = state.map_err(store_failed)?;
    let liveness = server.liveness();
    let context = Context { here: &node.name, liveness: &liveness, mode: Mode::Declarative, claim: None };
    let rng = &mut apply::rng_of(seen);
    let plan = back(&past, &state, &context, rng).map_err(|findings| {
        ApiError::bad_request(format!("the way back to revision {revision} is barred: nothing was changed"))
            .with_findings(findings)
    })?;
    let applies = remembered(server, &records)?;
    Ok((plan.with_changes_by_hand((&past, &applies), &state, &context, rng), state))
}

/// Goes back to a revision.
pub async fn apply(server: &Server, revision: Revision, order: ApplyOptions<'_>) -> Result<apply::Applied, ApiError> {
    let why = format!("back to revision {revision}");
    apply::commit_as(server, || planned(server, revision, order.expect), &why, order).await
}

pub fn records(server: &Server) -> Result<Vec<Object>, ApiError> {
    server.store().list(Applied::KIND).map_err(store_failed)
}

/// What objects were before the applies after a revision.
pub fn past(server: &Server, records: &[Object], revision: Revision) -> Result<Past, ApiError> {
    let later = since(records, revision).ok_or_else(|| forgotten(revision))?;
    let applies: Vec<Before> = later.into_iter().map(|record| before(server, record)).collect::<Result<_, _>>()?;
    Ok(Past::before(applies))
}

/// What objects were before each apply, in order; the oldest may have been forgotten.
fn remembered(server: &Server, records: &[Object]) -> Result<Vec<Before>, ApiError> {
    let mut records: Vec<&Object> = records.iter().collect();
    records.sort_by_key(|record| record.uid);
    let found =
        records.into_iter().map(|record| server.store().get(&Before::key(&record.key.name)).map_err(store_failed));
    let found: Vec<Option<Object>> = found.collect::<Result<_, _>>()?;
    found.iter().flatten().map(records::typed).collect()
}

pub fn before(server: &Server, record: &Object) -> Result<Before, ApiError> {
    let found = server.store().get(&Before::key(&record.key.name)).map_err(store_failed)?;
    // The oldest ones go when new ones come.
    let object = found.ok_or_else(|| forgotten(record.uid))?;
    records::typed(&object)
}

pub fn forgotten(revision: Revision) -> ApiError {
    ApiError::not_found(format!("revision {revision} is not one of the applies that are remembered: seedbed history"))
}

pub fn shown(record: &Object, applied: &Applied) -> Value {
    json!({
        "revision": record.uid,
        "at": crate::service::events::rfc3339(applied.at),
        "by": applied.by,
        "why": applied.why,
        "summary": applied.summary(),
        "counts": applied.counts,
        "objects": applied.named,
    })
}
