//! What requests carry: bodies as types, and entity tags.

use hyper::HeaderMap;
use hyper::header::IF_MATCH;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::api::ApiError;

/// Refuses the request when it carries `If-Match` and the object has changed since it was read.
pub fn check_match(headers: &HeaderMap, editable: &impl Serialize) -> Result<(), ApiError> {
    let Some(asked) = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    let found = tag(editable);
    if asked == "*" || asked.trim_matches('"') == found.trim_matches('"') {
        return Ok(());
    }
    Err(ApiError::new(412, format!("ETag doesn't match: {asked} vs {found}")))
}

pub fn tag(editable: &impl Serialize) -> String {
    let text = serde_json::to_vec(editable).unwrap_or_default();
    format!("\"{}\"", hex(&Sha256::digest(text)))
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The body of a request as its type.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|cause| ApiError::bad_request(format!("the body of the request cannot be read: {cause}")))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stale_tag_is_refused_and_the_right_one_is_not() {
        let mut headers = HeaderMap::new();
        assert!(check_match(&headers, &json!({"a": "1"})).is_ok());
        headers.insert(IF_MATCH, HeaderValue::from_str(&tag(&json!({"a": "1"}))).expect("a header"));
        assert!(check_match(&headers, &json!({"a": "1"})).is_ok());
        assert_eq!(check_match(&headers, &json!({"a": "2"})).expect_err("stale").status, 412);
    }
}
