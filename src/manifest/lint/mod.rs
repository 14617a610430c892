//! Rules beyond the schema: what is well-formed and will not work, or not where it is meant to.

pub mod codes;
pub mod dialect;
pub mod foreign;
pub mod overlap;
pub mod placeholder;
pub mod references;
pub mod semantic;
pub mod suppress;
