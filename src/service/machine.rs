//! What one member's machine says of an object: how full a pool is, what passes a network. Not stored; asked there.

use super::server::{Server, store_failed};
use crate::api::ApiError;
use crate::host::HostError;
use crate::model::{Key, Object};

/// The longest name of an interface.
pub const INTERFACE_BYTES_MAX: usize = 15;

pub fn stored(server: &Server, key: &Key, missing: &str) -> Result<Object, ApiError> {
    server.store().get(key).map_err(store_failed)?.ok_or_else(|| ApiError::not_found(missing))
}

pub fn failed(error: HostError) -> ApiError {
    ApiError::failed(error.to_string())
}
