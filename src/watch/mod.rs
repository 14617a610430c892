//! Watched directories and git checkouts: when to read them, how to read them whole, and what they then declare.
//!
//! [`Tracker`] decides and touches nothing; [`look`] reads a tree as it stood at one moment, `hints` are the kernel's
//! notifications, [`Follower`] brings the three together. A set that is bad, half written, empty or gone is never
//! handed on: what was good last stays in force.

mod follower;
pub mod git;
pub mod handed;
mod hints;
mod ignored;
mod program;
mod resolve;
mod secret;
mod set;
mod survey;
mod tracker;
mod tree;

pub use follower::{Follower, Roots, Round};
pub use program::RunAs;
pub use secret::{Exec, Resolver, SecretFiles, SecretNames, resolve as resolve_secrets};
pub use set::{Recipe, load, load_telling};
pub use tracker::{Action, Counters, Elapsed, Event, Pace, Seen, Tracker, Verdict};
pub use tree::{Digest, Look, Outcome, RawSource, Tree, is_temporary};

#[cfg(test)]
mod tests;
