//! `/1.0/seedbed/audit`: the audit log, and whether all members have the same.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};

use crate::api::{AuditRecord, paths};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::records::history;
use crate::model::Revision;
use crate::service::access::caller::Caller;
use crate::service::audit::{CHECK, ask, common, judged, walk, what_each_has};
use crate::service::server::{Server, store_failed};
use crate::store::AuditAsk;

/// What can be asked of the audit log.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(paths::AUDIT, get(list)).route(paths::AUDIT_VERIFY, get(verify)).route(CHECK, get(check))
}

/// `GET /1.0/seedbed/audit`.
async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
    caller.trusted()?;
    let ask = AuditAsk {
        key: asked.value("object").map(str::to_owned),
        since_ms: asked.number("since"),
        limit: asked.number("limit").unwrap_or(0),
    };
    let entries = server.store().audit(&ask).map_err(store_failed)?;
    let mut records: Vec<AuditRecord> = entries.into_iter().map(AuditRecord::from).collect();
    // What remembers an apply says nothing beside what the apply did.
    records.iter_mut().for_each(|record| record.what.retain(|deed| !history::is_record(&deed.key)));
    Answer::of(&records)
}

/// `GET /internal/audit?from=REVISION&to=REVISION`: the chain of this member.
async fn check(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
    caller.member()?;
    let bound = |name| Revision(asked.number(name).unwrap_or(0));
    Answer::of(&walk(&server, bound("from"), bound("to")).await?)
}

/// `GET /1.0/seedbed/audit/verify`.
async fn verify(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    // First what each has, then what all have: members keep more or less, and none is ahead for long.
    let (found, must_have) = what_each_has(&server).await?;
    let (from, to) = common(&found);
    Answer::of(&judged(ask(&server, from, to).await?, (from, to), must_have))
}
