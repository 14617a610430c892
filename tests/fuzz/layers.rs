//! The part of the program that is fuzzed, under its usual name.

#[path = "../../src/host/mod.rs"]
pub mod host;
#[path = "../../src/kinds/mod.rs"]
pub mod kinds;
#[path = "../../src/manifest/mod.rs"]
pub mod manifest;
#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/plan/mod.rs"]
pub mod plan;
