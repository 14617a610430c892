//! A set of documents as one desired state: its objects, its layers, its `cluster:` section.

pub mod cluster;
pub mod collect;
pub mod formation;
pub mod index;
pub mod join;
pub mod layers;
pub mod member_config;
pub mod memory_estimate;
pub mod object_set;
