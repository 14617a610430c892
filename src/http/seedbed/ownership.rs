//! `POST /1.0/seedbed/manage`: `adopt` and `protect`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use crate::api::{ApiError, ManageRequest};
use crate::http::server::response::{Answer, ApiResult};
use crate::model::Change;
use crate::plan;
use crate::service::access::caller::Caller;
use crate::service::objects::records;
use crate::service::ownership::{expected_source, found, managed};
use crate::service::server::Server;
use crate::service::wire::parse;

/// `POST /1.0/seedbed/manage`.
pub async fn manage(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let request: ManageRequest = parse(&body)?;
    if request.keys.is_empty() || (request.source.is_none() && request.protect.is_none()) {
        return Err(ApiError::bad_request("this names no object, or nothing to change of it"));
    }
    records::commit(&server, &caller.audit(), || {
        let mut expect = expected_source(&server, &request)?;
        let mut changes = Vec::new();
        for key in &request.keys {
            let object = found(&server, key)?;
            let management = managed(&object, &request);
            if management != object.management {
                expect.push(records::unchanged(&object));
                changes.push(Change::Put(plan::revised(&object, management)));
            }
        }
        Ok((expect, changes))
    })
    .await?;
    Answer::done()
}
