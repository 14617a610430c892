//! What the event stream carries.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message of `GET /1.0/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `operation`, `lifecycle` or `logging`.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339.
    pub timestamp: String,
    /// The operation, or what happened to which object.
    pub metadata: Value,
    /// The member that it happened on.
    #[serde(default)]
    pub location: String,
    /// The project that it belongs to.
    #[serde(default)]
    pub project: String,
}
