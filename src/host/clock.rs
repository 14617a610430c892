//! Time as an argument: the simulator runs production code with a clock of its own.

use crate::model::Timestamp;

/// A clock that tells the time of day.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> Timestamp;
}
