//! One file for each command: its arguments, whose comments are the help text, and what it does.

pub mod completions;
pub mod man;
pub mod schema;
pub mod validate;
