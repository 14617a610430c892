//! `/1.0/seedbed/history`: applies, listed and shown.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::records::history::Applied;
use crate::model::{ReadSet, Revision};
use crate::plan::recall;
use crate::service::access::caller::Caller;
use crate::service::objects::records;
use crate::service::plans::history::{before, forgotten, past, records, shown};
use crate::service::server::{Server, store_failed};

/// `GET /1.0/seedbed/history`: the newest first.
pub async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    let mut records = records(&server)?;
    records.sort_by_key(|record| std::cmp::Reverse(record.uid));
    let shown: Vec<Value> =
        records.iter().map(|record| Ok(shown(record, &records::typed(record)?))).collect::<Result<_, ApiError>>()?;
    Answer::of(&shown)
}

/// `GET /1.0/seedbed/history/REVISION`: one apply, with what it changed.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(revision): Path<u64>,
) -> ApiResult {
    caller.trusted()?;
    let revision = Revision(revision);
    let records = records(&server)?;
    let Some(record) = records.iter().find(|record| record.uid == revision) else { return Err(forgotten(revision)) };
    let applied: Applied = records::typed(record)?;
    let before = before(&server, record)?;
    let keys = before.objects.iter().map(|was| was.key.clone()).collect();
    let extent = ReadSet { keys, ..ReadSet::default() };
    let state = server.store().part(&|_| extent.clone()).map_err(store_failed)?;
    let later = past(&server, &records, revision)?;
    let mut value = shown(record, &applied);
    value["changes"] = json!(recall(&before, &later, &state));
    Answer::of(&value)
}
