//! The envelope around every answer, as LXD writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Finding;

/// What every answer with a body looks like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Whether the work is done, goes on, or has failed.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `Success` or `Operation created`; empty for errors.
    #[serde(default)]
    pub status: String,
    /// 200 or 100; 0 for errors.
    #[serde(default)]
    pub status_code: u16,
    /// The path of the operation, for `async`.
    #[serde(default)]
    pub operation: String,
    /// The HTTP status, for errors.
    #[serde(default)]
    pub error_code: u16,
    /// The message, for errors.
    #[serde(default)]
    pub error: String,
    /// What was asked for.
    pub metadata: Option<T>,
}

/// The three kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Done.
    Sync,
    /// Goes on as an operation.
    Async,
    /// Failed.
    Error,
}

impl<T> Envelope<T> {
    /// A finished answer.
    pub fn sync(metadata: T) -> Self {
        Self {
            kind: Kind::Sync,
            status: "Success".to_owned(),
            status_code: 200,
            operation: String::new(),
            error_code: 0,
            error: String::new(),
            metadata: Some(metadata),
        }
    }

    /// The answer that an operation goes on.
    pub fn operation(path: String, metadata: T) -> Self {
        Self {
            kind: Kind::Async,
            status: "Operation created".to_owned(),
            status_code: 100,
            operation: path,
            ..Self::sync(metadata)
        }
    }
}

/// Reads null as nothing: LXD's client writes it for what is empty.
///
/// # Errors
/// When the value has another type.
pub(super) fn null_as_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A refused or failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// One or more sentences: what was refused and what to do. Never contains a secret.
    pub message: String,
    /// Everything that is wrong with the request, when the request was a manifest.
    pub findings: Vec<Finding>,
}

impl ApiError {
    /// An error with a status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), findings: Vec::new() }
    }

    /// 400: the request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 403, in LXD's words.
    pub fn forbidden() -> Self {
        Self::new(403, "not authorized")
    }

    /// 403 with the reason, for callers who have shown enough to be told.
    pub fn forbidden_because(reason: impl AsRef<str>) -> Self {
        Self::new(403, format!("not authorized: {}", reason.as_ref()))
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 409: it is there already, or was changed in between.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 500: it could not be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }

    /// The same error with everything that is wrong.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    /// The body of the answer.
    pub fn envelope(&self) -> Envelope<Value> {
        Envelope {
            kind: Kind::Error,
            status: String::new(),
            status_code: 0,
            operation: String::new(),
            error_code: self.status,
            error: self.message.clone(),
            metadata: (!self.findings.is_empty()).then(|| serde_json::json!({ "findings": self.findings })),
        }
    }
}
