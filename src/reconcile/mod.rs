//! The loops that bring the stored state about: one on each member for its host, one on the leader for the voters.
//!
//! Both are level-triggered: they take no input but the state, and events only wake them. What they decide stands
//! in functions without effects (`pass` decides by [`kinds`](crate::kinds), [`voters`] by itself), so that the
//! simulator runs the same code in virtual time.

mod backoff;
mod countdown;
mod holds;
mod leader;
mod member;
mod pass;
mod voters;

mod attempts;
mod commit_confirm;
mod member_status;
mod pending_joins;
mod status_update;
#[cfg(test)]
mod tests;
mod work_queue;

pub use attempts::Memory;
pub use leader::run_leader;
pub use member::run_member;
pub use member_status::Roster;
pub use pass::{PassScope, pass};
pub use voters::{Candidate, Limits, voters};
