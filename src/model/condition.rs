//! What a member says of its placement of an object.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number::Timestamp;

/// The state of a placement, with the reason for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// The state itself.
    pub state: ConditionState,
    /// One word in CamelCase for programs, such as `MissingTool`.
    pub reason: String,
    /// One or more sentences for people: what happened, on what, and what to do. Empty when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When the state or the reason last changed.
    pub since: Timestamp,
}

/// The states of `DESIGN.md`, in the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionState {
    /// The member has what the object asks for.
    Ready,
    /// The member is at work, or tries again after a failure that may pass.
    Reconciling,
    /// The member cannot go on until somebody acts: the reason says on what.
    Stalled,
    /// The member found something else than it had made.
    Drifted,
    /// Parts of the placement work and others do not.
    Degraded,
    /// The member cannot be reached.
    Offline,
}

impl Condition {
    /// The reason of a placement that a member has found to differ from what it had made, and has put right.
    pub const RESTORED: &str = "Restored";

    /// A condition with no message.
    pub fn plain(state: ConditionState, reason: &str, since: Timestamp) -> Self {
        Self { state, reason: reason.to_owned(), message: String::new(), since }
    }

    /// Defined and waiting for the global create.
    pub fn defined(since: Timestamp) -> Self {
        Self::plain(ConditionState::Reconciling, "Defined", since)
    }

    /// Waiting for the member to act on the newest generation.
    pub fn waiting(since: Timestamp) -> Self {
        Self::plain(ConditionState::Reconciling, "Waiting", since)
    }

    /// The member has it.
    pub fn ready(since: Timestamp) -> Self {
        Self::plain(ConditionState::Ready, "Ready", since)
    }
}

impl fmt::Display for ConditionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Reconciling => "reconciling",
            Self::Stalled => "stalled",
            Self::Drifted => "drifted",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
        })
    }
}
