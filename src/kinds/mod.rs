//! The registry of resource kinds: one folder and one line here for each.

mod check;
mod kind;
mod node;
mod problem;
pub mod table;
pub mod value;

pub use check::{check, is_member_specific, is_secret};
pub use kind::{Completion, Dice, Kind, Need, Resource, Scope, Words};
pub use node::{AnyNode, Intent, Local, Node, Outcome, Work};
pub use problem::{Problem, Spot};

/// All kinds, in the order of creation; deletion runs it backwards.
pub static ALL: &[&dyn Kind] = &[];

/// The kind of this name, as it stands in keys: `storage-pool`.
pub fn find(kind: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|candidate| candidate.words().kind == kind)
}
