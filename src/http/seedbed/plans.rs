//! `/1.0/seedbed/plans`: saved plans, kept, shown, checked and carried out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use crate::api::{ApiError, PlanRequest, SavePlanRequest, paths};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::records::saved_plan::{EXPIRES_MS, SavedPlan, SavedWork};
use crate::model::{Change, Object, Timestamp};
use crate::service::access::caller::Caller;
use crate::service::events::rfc3339;
use crate::service::objects::records;
use crate::service::plans::apply::{self, ApplyOptions};
use crate::service::plans::confirm;
use crate::service::plans::planning;
use crate::service::plans::saved::{carry_out, file, found, own_address, ready, records, room_for};
use crate::service::server::Server;
use crate::service::wire::parse;

/// What can be asked of saved plans.
pub fn routes() -> Router<Arc<Server>> {
    let one = format!("{}/{{name}}", paths::PLANS);
    Router::new()
        .route(paths::PLANS, get(list).post(save))
        .route(&one, get(show).delete(forget))
        .route(&format!("{one}/apply"), post(apply))
        .route(&format!("{one}/check"), post(check))
}

/// `GET /1.0/seedbed/plans`.
async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    let now = server.now();
    let shown = |record: &Object| {
        let plan: SavedPlan = records::typed(record)?;
        Ok(json!({
            "name": record.key.name,
            "title": plan.title,
            "by": plan.by,
            "created_at": rfc3339(plan.created_at),
            "expires_at": rfc3339(plan.expires_at),
            "standing": plan.standing(now),
            "summary": plan.plan["summary"],
        }))
    };
    let records = records(&server)?;
    Answer::of(&records.iter().map(shown).collect::<Result<Vec<Value>, ApiError>>()?)
}

/// `POST /1.0/seedbed/plans`: plans and keeps it. The answer is the plan file.
async fn save(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let SavePlanRequest { request, name, title, expires_ms } = parse(&body)?;
    // What is in the way cannot be kept.
    let plan = planning::planned(&server, PlanRequest { whole: false, ..request }).await?;
    if plan.is_empty() {
        // Nobody has to carry out nothing: there is no file for it.
        return Answer::of(&json!(plan));
    }
    let name = name.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string().chars().take(12).collect());
    let now = server.now();
    let lasts = i64::try_from(expires_ms.unwrap_or(EXPIRES_MS)).unwrap_or(i64::MAX);
    let (expect, changes) = plan.apart();
    let saved = SavedPlan {
        title,
        by: caller.audit(),
        created_at: now,
        expires_at: Timestamp(now.0.saturating_add(lasts)),
        plan: json!(plan),
        work: Some(SavedWork { expect, changes }),
        used: None,
    };
    // A record that is new has the revision of its entry as uid.
    let uid = records::commit(&server, &caller.audit(), || {
        let (expect, mut changes) = room_for(&server, &name, now)?;
        changes.push(records::record(SavedPlan::key(&name), records::spec_of(&saved)?));
        Ok((expect, changes))
    })
    .await?
    .unwrap_or_default();
    Answer::of(&file(&server, (&name, uid), &saved)?)
}

/// `GET /1.0/seedbed/plans/NAME`: the plan file.
async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    let record = found(&server, &name)?;
    Answer::of(&file(&server, (&name, record.uid), &records::typed(&record)?)?)
}

/// `DELETE /1.0/seedbed/plans/NAME`.
async fn forget(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult {
    caller.trusted()?;
    records::commit(&server, &caller.audit(), || {
        let record = found(&server, &name)?;
        Ok((vec![records::unchanged(&record)], vec![Change::Forget { key: record.key }]))
    })
    .await?;
    Answer::done()
}

/// `POST /1.0/seedbed/plans/NAME/apply`: carries it out. A body is the plan file, which must be as the cluster made it.
async fn apply(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    asked: RequestQuery,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let limit = confirm::limit(asked.number("confirm_ms"))?;
    let (record, saved, plan) = ready(&server, &name, &body).await?;
    let by = caller.audit();
    let order = ApplyOptions { by: &by, expect: None, confirm: limit };
    let wanted = own_address(&plan, &server.node().name);
    let listening = apply::listen_first(&server, wanted.as_ref()).await?;
    let outcome = carry_out(&server, &plan, &record, saved, order).await;
    if let (Err(_), Some(moved)) = (&outcome, listening) {
        moved.back(&server).await?;
    }
    Answer::of(&outcome?)
}

/// `POST /1.0/seedbed/plans/NAME/check`: whether that would be refused, before anybody believes what a file shows.
async fn check(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    ready(&server, &name, &body).await?;
    Answer::done()
}
