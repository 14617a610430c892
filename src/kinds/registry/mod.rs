//! What a kind is: the traits its author writes, and what the rest of the program sees of all kinds.

pub mod actuator;
pub mod admit;
pub mod check;
pub mod effective_project;
pub mod field;
#[cfg(test)]
pub mod fixed_rng;
pub mod kind;
pub mod need;
pub mod problem;
pub mod seeded_rng;
pub mod unknown_fields;
