//! The routes of LXD's API.

pub mod certificate_names;
pub mod certificates;
pub mod cluster;
pub mod cluster_certificate;
pub mod events;
pub mod machine;
pub mod members;
pub mod objects;
pub mod operations;
pub mod root;
pub mod tokens;
pub mod vacant;
