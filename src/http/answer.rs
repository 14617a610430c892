//! Answers in LXD's envelope.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::{ApiError, Envelope, Operation, paths};

/// What a handler gives when all went well.
pub struct Answer {
    status: StatusCode,
    location: Option<String>,
    etag: Option<String>,
    body: Vec<u8>,
}

/// What every handler returns.
pub type Outcome = Result<Answer, ApiError>;

impl Answer {
    /// 200 with what was asked for.
    pub fn of(metadata: &impl Serialize) -> Outcome {
        Self::written(StatusCode::OK, &Envelope::sync(metadata))
    }

    /// 200 with nothing to say.
    pub fn done() -> Outcome {
        Self::of(&json!({}))
    }

    /// 201 with the path of what now exists, and as little else as LXD says.
    pub fn created(location: String) -> Outcome {
        let mut answer = Self::written(StatusCode::CREATED, &Envelope::sync(Value::Null))?;
        answer.location = Some(location);
        Ok(answer)
    }

    /// 202: the work goes on.
    pub fn operation(operation: &Operation) -> Outcome {
        let path = paths::operation(&operation.id);
        let mut answer = Self::written(StatusCode::ACCEPTED, &Envelope::operation(path.clone(), operation))?;
        answer.location = Some(path);
        Ok(answer)
    }

    /// The same with the tag of what a `PUT` would replace.
    pub fn tagged(mut self, editable: &impl Serialize) -> Self {
        self.etag = Some(tag(editable));
        self
    }

    fn written<T: Serialize>(status: StatusCode, envelope: &Envelope<T>) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(envelope)
            .map_err(|cause| ApiError::failed(format!("cannot write the answer as JSON: {cause}")))?;
        Ok(Self { status, location: None, etag: None, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self { status, location, etag, body } = self;
        let mut response = json_response(status, body);
        let headers = response.headers_mut();
        if let Some(value) = location.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(LOCATION, value);
        }
        if let Some(value) = etag.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(ETAG, value);
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json_response(status, serde_json::to_vec(&self.envelope()).unwrap_or_default())
    }
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Refuses the request when it carries `If-Match` and the object has changed since it was read.
pub fn check_match(headers: &HeaderMap, editable: &impl Serialize) -> Result<(), ApiError> {
    let Some(asked) = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    let found = tag(editable);
    if asked == "*" || asked.trim_matches('"') == found.trim_matches('"') {
        return Ok(());
    }
    Err(ApiError::new(412, format!("ETag doesn't match: {asked} vs {found}")))
}

fn tag(editable: &impl Serialize) -> String {
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

/// A path as the list endpoints show it when nobody asks for the objects.
pub fn url(collection: &str, name: &str) -> Value {
    Value::String(format!("/1.0/{collection}/{}", paths::escape(name)))
}

#[cfg(test)]
mod tests {
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
