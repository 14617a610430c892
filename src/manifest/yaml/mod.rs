//! YAML text to trees with positions, and back: nothing here knows what a manifest is.

pub mod brackets;
pub mod compose;
pub mod diagnosis;
pub mod dom;
pub mod emit;
pub mod encoding;
pub mod invisible;
pub mod lines;
pub mod parse;
pub mod pem;
pub mod substitute;
