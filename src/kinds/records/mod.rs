//! What the cluster keeps for itself in the same store: records that no manifest declares.

pub mod confirmation;
pub mod history;
pub mod saved_plan;
