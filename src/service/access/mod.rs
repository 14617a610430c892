//! Who may ask, and what those may cost who may not.

pub mod bodies;
pub mod caller;
pub mod certificate_names;
pub mod certificates;
pub mod connection_limits;
pub mod credentials;
pub mod key_derivation;
pub mod password;
pub mod rate_limit;
pub mod signature;
pub mod strangers;
pub mod summary;
pub mod tokens;
pub mod trust;
