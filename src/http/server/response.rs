//! Answers in LXD's envelope.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{ApiError, Envelope, Operation, paths};
use crate::service::peers::connections::PeerResponse;
use crate::service::wire::tag;

/// What a handler gives when all went well.
pub struct Answer {
    status: StatusCode,
    location: Option<String>,
    etag: Option<String>,
    body: Vec<u8>,
}

/// What every handler returns.
pub type ApiResult = Result<Answer, ApiError>;

impl Answer {
    /// 200 with what was asked for.
    pub fn of(metadata: &impl Serialize) -> ApiResult {
        Self::written(StatusCode::OK, &Envelope::sync(metadata))
    }

    /// 200 with nothing to say.
    pub fn done() -> ApiResult {
        Self::of(&json!({}))
    }

    /// 201 with the path of what now exists, and as little else as LXD says.
    pub fn created(location: String) -> ApiResult {
        let mut answer = Self::written(StatusCode::CREATED, &Envelope::sync(Value::Null))?;
        answer.location = Some(location);
        Ok(answer)
    }

    /// 202: the work goes on.
    pub fn operation(operation: &Operation) -> ApiResult {
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

/// What another member has answered, as this one's answer.
pub fn passed_on(answer: PeerResponse) -> Response {
    answer.map(Body::from)
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A path as the list endpoints show it when nobody asks for the objects.
pub fn url(collection: &str, name: &str) -> Value {
    Value::String(format!("/1.0/{collection}/{}", paths::escape(name)))
}
