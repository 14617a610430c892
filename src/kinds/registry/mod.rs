//! What a kind is: the traits its author writes, and what the rest of the program sees of all kinds.

pub mod actuator;
pub mod admit;
pub mod check;
pub mod effective_project;
pub mod field;
#[cfg(test)]
pub mod fixed_dice;
pub mod kind;
pub mod need;
pub mod problem;
pub mod seeded;
pub mod unknown_fields;
