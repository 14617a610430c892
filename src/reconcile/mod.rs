//! The loops that bring the stored state about: one on each member for its host, one on the leader for the voters.
//!
//! Both are level-triggered: they take no input but the state, and events only wake them. What they decide stands
//! in functions without effects (`pass` decides by [`kinds`](crate::kinds), [`voters`] by itself), so that the
//! simulator runs the same code in virtual time.

mod agenda;
mod backoff;
mod countdown;
mod holds;
mod leader;
mod member;
mod memory;
mod pass;
mod places;
mod roster;
mod said;
mod unconfirmed;
mod voters;

#[cfg(test)]
mod tests;

pub use leader::run_leader;
pub use member::run_member;
pub use memory::Memory;
pub use pass::{Look, pass};
pub use roster::Roster;
pub use voters::{Candidate, Limits, voters};
