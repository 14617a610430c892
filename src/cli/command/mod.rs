//! One file for each command: its arguments, whose comments are the help text, and what it does.

pub mod adopt;
mod against;
pub mod apply;
pub mod audit;
pub mod check;
pub mod cluster;
pub mod completions;
pub mod config;
pub mod daemon;
pub mod drift;
pub mod explain;
pub mod export;
pub mod get;
pub mod history;
pub mod init;
pub mod man;
pub mod noun;
pub mod plan;
pub mod protect;
mod saved;
pub mod schema;
pub mod source;
pub mod status;
mod trust;
pub mod validate;
pub mod waitready;
pub mod watch;
