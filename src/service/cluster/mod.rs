//! The cluster as such: who is a member, who joins and leaves, and what it says of itself.

pub mod admission;
pub mod agreement;
pub mod configuration;
pub mod configure;
pub mod departure;
pub mod freshness;
pub mod join;
pub mod lifecycle;
pub mod members;
pub mod membership;
pub mod removal;
pub mod shared_certificate;
