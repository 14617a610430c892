//! The server itself: connections, who is at their other end, what they may ask, and the envelope of every answer.

pub mod access;
pub mod current_reads;
pub mod main_runtime;
pub mod outdated_header;
pub mod query;
pub mod response;
pub mod router;
pub mod serve;
pub mod uncancelled;
