//! What a change means for what goes on: who notices, who is cut off, who does not answer.

pub mod effect;
pub mod liveness;
pub mod lockout;
