//! Reads of single objects, and what is said when there is none.

use serde::de::DeserializeOwned;

use super::server::{Server, store_failed};
use super::write;
use crate::api::ApiError;
use crate::kinds;
use crate::model::{Key, Object};

/// The object under this key.
///
/// # Errors
/// 404 in LXD's words when there is none.
pub fn object(server: &Server, key: &Key) -> Result<Object, ApiError> {
    server.store().get(key).map_err(store_failed)?.ok_or_else(|| missing(key))
}

/// What a record says, as its type; `None` when there is none.
///
/// # Errors
/// When a newer version may have written it.
pub fn record<T: DeserializeOwned>(server: &Server, key: &Key) -> Result<Option<T>, ApiError> {
    let found = server.store().get(key).map_err(store_failed)?;
    found.as_ref().map(write::typed).transpose()
}

fn missing(key: &Key) -> ApiError {
    let what = kinds::find(key.kind.as_str()).map_or_else(|| key.to_string(), |kind| kind.words().capital());
    ApiError::not_found(format!("{what} not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_as_lxd_does() {
        let said = |key: &str| missing(&key.parse().expect("a key")).message;
        assert_eq!(said("storage-pool/data"), "Storage pool not found");
        assert_eq!(said("webhook/ci"), "Webhook not found");
        assert_eq!(said("thing/one"), "thing/one not found");
    }
}
