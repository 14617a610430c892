//! Ownership of stored objects: found, expected and changed.

use super::objects::records;
use super::server::{Server, store_failed};
use crate::api::{ApiError, ManageRequest};
use crate::kinds;
use crate::model::{Expect, Key, Management, Object, Phase};

/// That the new owner is still there when the objects become its own.
pub fn expected_source(server: &Server, request: &ManageRequest) -> Result<Vec<Expect>, ApiError> {
    let Some(name) = request.source.as_ref().filter(|name| !name.is_empty()) else { return Ok(Vec::new()) };
    let source = server.store().get(&Key::new("source", name)).map_err(store_failed)?;
    let source = source.ok_or_else(|| ApiError::not_found(format!("There is no source {name}")))?;
    Ok(vec![records::unchanged(&source).referring()])
}

pub fn found(server: &Server, key: &Key) -> Result<Object, ApiError> {
    let is_declared = kinds::find(key.kind.as_str()).is_some_and(|kind| !kind.words().section.is_empty());
    let object = server.store().get(key).map_err(store_failed)?.filter(|_| is_declared);
    let object = object.ok_or_else(|| ApiError::not_found(format!("There is no {key}")))?;
    if object.phase == Phase::Deleting {
        return Err(ApiError::conflict(format!("{key} is being removed")));
    }
    Ok(object)
}

pub fn managed(object: &Object, request: &ManageRequest) -> Management {
    let now = object.management.clone();
    let source = match &request.source {
        Some(name) => Some(name.clone()).filter(|name| !name.is_empty()),
        None => now.source.clone(),
    };
    Management { source, protect: request.protect.unwrap_or(now.protect), ..now }
}
