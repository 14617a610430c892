//! The way back: what an apply leaves behind, and plans that take it back.

pub mod commit_confirm;
pub mod hand_edits;
pub mod history;
pub mod recall;
pub mod revert;
pub mod three_way;
