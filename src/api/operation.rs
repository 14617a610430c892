//! Operations: work that goes on after the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// A UUID.
    pub id: String,
    /// What kind of work it is.
    pub class: OperationClass,
    /// In words.
    pub description: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// The word of `status_code`.
    pub status: String,
    /// Final from 200 on.
    pub status_code: OperationStatus,
    /// The paths of the objects that it concerns, by kind.
    #[serde(default)]
    pub resources: Option<Map<String, Value>>,
    /// What it gives.
    #[serde(default)]
    pub metadata: Option<Map<String, Value>>,
    /// Whether it can be cancelled.
    pub may_cancel: bool,
    /// Why it failed.
    #[serde(default)]
    pub err: String,
    /// The member that it runs on.
    #[serde(default)]
    pub location: String,
}

/// The kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationClass {
    /// Work.
    Task,
    /// A stream.
    Websocket,
    /// A secret that waits for its use.
    Token,
}

/// Where an operation stands, with LXD's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum OperationStatus {
    /// 103.
    Running,
    /// 104.
    Cancelling,
    /// 200.
    Success,
    /// 400.
    Failure,
    /// 401.
    Cancelled,
}

impl OperationStatus {
    /// The word that goes with the number.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Cancelling => "Cancelling",
            Self::Success => "Success",
            Self::Failure => "Failure",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        u16::from(self) >= 200
    }
}

impl From<OperationStatus> for u16 {
    fn from(status: OperationStatus) -> Self {
        match status {
            OperationStatus::Running => 103,
            OperationStatus::Cancelling => 104,
            OperationStatus::Success => 200,
            OperationStatus::Failure => 400,
            OperationStatus::Cancelled => 401,
        }
    }
}

/// A number that is no status.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no status of an operation")]
pub struct UnknownStatus(u16);

impl TryFrom<u16> for OperationStatus {
    type Error = UnknownStatus;

    fn try_from(number: u16) -> Result<Self, UnknownStatus> {
        match number {
            // Everything that has begun and not ended is running to a client that waits for the end.
            100..=103 | 105..=113 => Ok(Self::Running),
            104 => Ok(Self::Cancelling),
            200 => Ok(Self::Success),
            400 => Ok(Self::Failure),
            401 => Ok(Self::Cancelled),
            other => Err(UnknownStatus(other)),
        }
    }
}
