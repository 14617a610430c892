//! The JSON Schema of manifests: derived from the kinds and the grammar, and what holds documents to it.

pub mod editor;
pub mod fast_check;
pub mod grammar;
pub mod json_schema;
pub mod section;
pub mod validate;
