//! What one machine can do with networks.

/// The networks of one machine.
pub trait Network: Send + Sync {}
