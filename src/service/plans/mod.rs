//! Whole manifests: planned, applied, kept, confirmed and looked back at.

pub mod apply;
pub mod confirm;
pub mod drift;
pub mod history;
pub mod planning;
pub mod saved;
