//! Seedbed keeps a cluster of container hosts in the state that a YAML file describes.
//!
//! The layers stand bottom-up: each may use those above it in this list, as `tests/architecture.rs` says.

pub mod model;

pub mod host;

pub mod api;

pub mod kinds;

pub mod manifest;

pub mod plan;

pub mod store;

pub mod reconcile;

pub mod client;

pub mod cli;
