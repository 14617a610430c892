//! What a member says of a placement after an attempt, and whether the store has heard it.

use super::backoff;
use super::work_queue::{Left, Task};
use crate::host::{HostError, Lasting};
use crate::kinds::ActOutcome;
use crate::model::{
    Condition, ConditionState, Config, Generation, MemberName, Object, Placement, PlacementPhase, PlacementReport,
    Timestamp,
};

/// The result of one attempt in the words of a report, without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusUpdate {
    /// `None` when the object is gone from the host.
    pub phase: Option<PlacementPhase>,
    pub state: ConditionState,
    pub reason: String,
    pub message: String,
    pub learned: Config,
    /// When the member put right what it had made before: each time is told, in the same words or not.
    pub restored: Option<Timestamp>,
}

impl StatusUpdate {
    /// After an attempt that worked.
    pub fn done(task: &Task<'_>, learned: Config, steps: &[String], now: Timestamp) -> Self {
        let was_made = was_made(task.object, task.placement);
        let (reason, message, restored) = match steps {
            [_, ..] if was_made => {
                let message = format!("was not as it had been made, and was put right: {}", steps.join(", "));
                (Condition::RESTORED, message, Some(now))
            }
            _ => ("Ready", String::new(), None),
        };
        let phase = Some(PlacementPhase::Created);
        Self { phase, state: ConditionState::Ready, reason: reason.to_owned(), message, learned, restored }
    }

    /// After a look at something that is not to be healed.
    pub fn left_alone(task: &Task<'_>, steps: &[String]) -> Self {
        let (reason, why) = match task.left {
            Some(Left::Held) => ("Held", "it is held"),
            Some(Left::HealOff) | None => ("HealOff", "healing is off"),
        };
        let message = format!("is not as it had been made, and {why}; this would put it right: {}", steps.join(", "));
        let (phase, state) = (Some(PlacementPhase::Created), ConditionState::Drifted);
        Self { phase, state, reason: reason.to_owned(), message, learned: Config::default(), restored: None }
    }

    /// After the object has been removed from the host.
    pub fn gone() -> Self {
        let (state, reason) = (ConditionState::Ready, "Gone".to_owned());
        Self { phase: None, state, reason, message: String::new(), learned: Config::default(), restored: None }
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
        Self { phase, state, reason: error.reason.to_owned(), message, learned: Config::default(), restored: None }
    }

    /// What [`AnyNode::converge`](crate::kinds::AnyActuator::converge) gave, where it did not fail.
    pub fn of(task: &Task<'_>, outcome: ActOutcome, now: Timestamp) -> Result<Self, HostError> {
        match outcome {
            ActOutcome::Converged { learned, steps } => Ok(Self::done(task, learned, &steps, now)),
            ActOutcome::Drifted { steps } => Ok(Self::left_alone(task, &steps)),
            ActOutcome::Gone => Ok(Self::gone()),
            ActOutcome::Failed(error) => Err(error),
        }
    }

    /// The same after the member found nothing more to do: that it was put right before may not be stored yet.
    pub fn after(self, earlier: &Self) -> Self {
        match (self.reason.as_str(), earlier.restored) {
            ("Ready", Some(_)) => Self { learned: self.learned, ..earlier.clone() },
            _ => self,
        }
    }

    /// Whether the stored placement says this already. Times do not count but that of putting something right.
    pub fn is_known(&self, object: &Object, placement: &Placement) -> bool {
        let Condition { state, reason, message, since } = &placement.condition;
        let same_words = (*state, reason, message) == (self.state, &self.reason, &self.message)
            && self.restored.is_none_or(|at| at == *since);
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
                since: match self.restored {
                    Some(at) => at,
                    None if same_state => placement.condition.since,
                    None => now,
                },
            },
            learned: self.learned.0.clone(),
        }
    }
}

/// Whether the member once had the newest generation, whatever it has said since.
fn was_made(object: &Object, placement: &Placement) -> bool {
    let newest: Generation = object.generation;
    placement.realised == newest
}
