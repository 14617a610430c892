//! What a plan may do: to whom an object belongs, what refers to it, and what is refused.

pub mod constraints;
pub mod grant;
pub mod lost;
pub mod order;
pub mod overlap;
pub mod ownership;
pub mod preconditions;
pub mod prune;
pub mod references;
pub mod restricted;
