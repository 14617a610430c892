//! The way to the other members.

pub mod connections;
pub mod fanout;
pub mod forward;
pub mod request_origin;
