//! The key table and its sisters: every key that LXD and Incus know, its form, its meaning, and which product has it.

pub mod dialect;
pub mod extension;
pub mod form;
pub mod grant;
pub mod key_table;
pub mod meaning;
pub mod quick;
pub mod value;
