//! One object on one member, in one word.

use crate::model::{ConditionState, MemberName, Object, Phase, PlacementPhase, Timestamp};

/// How one object stands on one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// In one word.
    pub state: State,
    /// Whether the member has realised the newest generation.
    pub is_settled: bool,
    /// The reason for programs.
    pub reason: String,
    /// What the member says; empty when all is well.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// The words of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The member has it.
    Ready,
    /// Defined; the global create has not been asked for.
    Defined,
    /// The member has not acted on the newest generation yet.
    Waiting,
    /// The member has not begun and does not: others have failed before it.
    Stopped,
    /// The member is at work, or tries again.
    Reconciling,
    /// The member cannot go on until somebody acts.
    Stalled,
    /// Something else stands there than the member had made.
    Drifted,
    /// A part of it works.
    Degraded,
    /// The member does not answer.
    Offline,
    /// It was so once; nobody knows how it is now.
    Unknown,
}

impl Cell {
    /// The placement of an object on a member, when it has one. `silent_since` is set when the member does not answer.
    /// `is_stopped` says that members that have not begun with a change do not begin.
    pub fn of(object: &Object, member: &MemberName, silent_since: Option<Timestamp>, is_stopped: bool) -> Option<Self> {
        let has_not_begun = object.management.waves.as_ref().is_some_and(|waves| waves.kept.contains_key(member));
        let placement = object.placements.get(member)?;
        let is_settled = placement.observed == object.generation && placement.phase == PlacementPhase::Created;
        let condition = &placement.condition;
        let state = match silent_since {
            Some(_) => State::Offline,
            None if object.phase == Phase::Pending => State::Defined,
            None if has_not_begun && is_stopped => State::Stopped,
            None if placement.observed < object.generation => State::Waiting,
            None => State::from(condition.state),
        };
        Some(Self {
            state,
            is_settled,
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            since: silent_since.unwrap_or(condition.since),
        })
    }
}

impl State {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Defined => "defined",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Reconciling => "reconciling",
            Self::Stalled => "stalled",
            Self::Drifted => "drifted",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
            Self::Unknown => "?",
        }
    }

    /// Whether it stays so until a member comes back or a person acts.
    pub fn is_blocked(self) -> bool {
        match self {
            Self::Offline | Self::Unknown | Self::Stalled | Self::Stopped => true,
            Self::Ready | Self::Defined | Self::Waiting | Self::Reconciling | Self::Drifted | Self::Degraded => false,
        }
    }
}

impl From<ConditionState> for State {
    fn from(state: ConditionState) -> Self {
        match state {
            ConditionState::Ready => Self::Ready,
            ConditionState::Reconciling => Self::Reconciling,
            ConditionState::Stalled => Self::Stalled,
            ConditionState::Drifted => Self::Drifted,
            ConditionState::Degraded => Self::Degraded,
            ConditionState::Offline => Self::Offline,
        }
    }
}
