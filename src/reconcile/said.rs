//! What a member says of a placement after an attempt, and whether the store has heard it.

use super::agenda::Task;
use super::backoff;
use crate::host::{HostError, Lasting};
use crate::kinds::Outcome;
use crate::model::{
    Condition, ConditionState, Config, Generation, MemberName, Object, Placement, PlacementPhase, PlacementReport,
    Timestamp,
};

/// The result of one attempt in the words of a report, without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// `None` when the object is gone from the host.
    pub phase: Option<PlacementPhase>,
    pub state: ConditionState,
    pub reason: String,
    pub message: String,
    pub learned: Config,
}

impl Said {
    /// After an attempt that worked.
    pub fn done(task: &Task<'_>, learned: Config, steps: &[String]) -> Self {
        let was_settled = is_settled(task.object, task.placement);
        let (reason, message) = match steps {
            [_, ..] if was_settled => {
                ("Restored", format!("was not as it had been made, and was put right: {}", steps.join(", ")))
            }
            _ => ("Ready", String::new()),
        };
        let phase = Some(PlacementPhase::Created);
        Self { phase, state: ConditionState::Ready, reason: reason.to_owned(), message, learned }
    }

    /// After the object has been removed from the host.
    pub fn gone() -> Self {
        let (state, reason) = (ConditionState::Ready, "Gone".to_owned());
        Self { phase: None, state, reason, message: String::new(), learned: Config::default() }
    }

    /// After an attempt that failed and will be made again after `wait_ms`.
    pub fn failed(task: &Task<'_>, error: &HostError, wait_ms: u64) -> Self {
        let state = match error.lasting {
            Lasting::UntilMended => ConditionState::Stalled,
            // It had been made as asked: the host has changed since.
            Lasting::Passing if task.placement.realised == task.object.generation => ConditionState::Drifted,
            Lasting::Passing => ConditionState::Reconciling,
        };
        let message = format!("{error}; the next attempt follows {}", backoff::within(wait_ms));
        let phase = Some(PlacementPhase::Errored);
        Self { phase, state, reason: error.reason.to_owned(), message, learned: Config::default() }
    }

    /// What [`AnyNode::converge`](crate::kinds::AnyNode::converge) gave, where it did not fail.
    pub fn of(task: &Task<'_>, outcome: Outcome) -> Result<Self, HostError> {
        match outcome {
            Outcome::Converged { learned, steps } => Ok(Self::done(task, learned, &steps)),
            Outcome::Gone => Ok(Self::gone()),
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Whether the stored placement says this already. Times do not count, nor does that it was once restored.
    pub fn is_known(&self, object: &Object, placement: &Placement) -> bool {
        let Condition { state, reason, message, since: _ } = &placement.condition;
        let same_words = (*state, reason, message) == (self.state, &self.reason, &self.message);
        let still_ready = self.reason == "Ready" && *state == ConditionState::Ready;
        let has_learned = self.learned.iter().all(|(key, value)| placement.config.get(key) == Some(value));
        Some(placement.phase) == self.phase
            && placement.observed == object.generation
            && (same_words || still_ready)
            && has_learned
    }

    /// The report on it.
    pub fn report(&self, me: &MemberName, object: &Object, placement: &Placement, now: Timestamp) -> PlacementReport {
        let same_state = placement.condition.state == self.state && placement.condition.reason == self.reason;
        PlacementReport {
            key: object.key.clone(),
            uid: object.uid,
            member: me.clone(),
            generation: object.generation,
            phase: self.phase,
            condition: Condition {
                state: self.state,
                reason: self.reason.clone(),
                message: self.message.clone(),
                since: if same_state { placement.condition.since } else { now },
            },
            learned: self.learned.0.clone(),
        }
    }
}

/// Whether the store knows that the member has the newest generation.
fn is_settled(object: &Object, placement: &Placement) -> bool {
    let newest: Generation = object.generation;
    placement.phase == PlacementPhase::Created && placement.observed == newest
}
