//! The routes that members keep to themselves.

pub mod join;
pub mod liveness;
pub mod raft;
pub mod resign;
pub mod trial;
