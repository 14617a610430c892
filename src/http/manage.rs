//! Who owns objects, and whether they may be deleted: what `adopt` and `protect` ask for.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;

use super::answer::{Answer, Outcome, parse};
use super::caller::Caller;
use super::server::{Server, store_failed};
use super::write;
use crate::api::{ApiError, ManageRequest};
use crate::kinds;
use crate::model::{Change, Expect, Key, Management, Object, Phase};
use crate::plan;

/// `POST /1.0/seedbed/manage`.
pub async fn manage(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    caller.trusted()?;
    let request: ManageRequest = parse(&body)?;
    if request.keys.is_empty() || (request.source.is_none() && request.protect.is_none()) {
        return Err(ApiError::bad_request("this names no object, or nothing to change of it"));
    }
    write::commit(&server, &caller.audit(), || {
        let mut expect = expected_source(&server, &request)?;
        let mut changes = Vec::new();
        for key in &request.keys {
            let object = found(&server, key)?;
            let management = managed(&object, &request);
            if management != object.management {
                expect.push(write::unchanged(&object));
                changes.push(Change::Put(plan::revised(&object, management)));
            }
        }
        Ok((expect, changes))
    })
    .await?;
    Answer::done()
}

/// That the new owner is still there when the objects become its own.
fn expected_source(server: &Server, request: &ManageRequest) -> Result<Vec<Expect>, ApiError> {
    let Some(name) = request.source.as_ref().filter(|name| !name.is_empty()) else { return Ok(Vec::new()) };
    let source = server.store().get(&Key::new("source", name)).map_err(store_failed)?;
    let source = source.ok_or_else(|| ApiError::not_found(format!("There is no source {name}")))?;
    Ok(vec![write::unchanged(&source).referring()])
}

fn found(server: &Server, key: &Key) -> Result<Object, ApiError> {
    let is_declared = kinds::find(key.kind.as_str()).is_some_and(|kind| !kind.words().section.is_empty());
    let object = server.store().get(key).map_err(store_failed)?.filter(|_| is_declared);
    let object = object.ok_or_else(|| ApiError::not_found(format!("There is no {key}")))?;
    if object.phase == Phase::Deleting {
        return Err(ApiError::conflict(format!("{key} is being removed")));
    }
    Ok(object)
}

fn managed(object: &Object, request: &ManageRequest) -> Management {
    let now = object.management.clone();
    let source = match &request.source {
        Some(name) => Some(name.clone()).filter(|name| !name.is_empty()),
        None => now.source.clone(),
    };
    Management { source, protect: request.protect.unwrap_or(now.protect), ..now }
}
