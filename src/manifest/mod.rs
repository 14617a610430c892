//! YAML text -> documents with positions -> validated desired state.
//!
//! [`load`] takes every source at once and never fails: what it cannot use becomes a [`Finding`](crate::model::Finding)
//! with a place, and one broken file hides nothing of the others. The rooms, in the order in which a text goes through
//! them: `yaml` (text to a tree with positions), `schema` (held against the JSON Schema that is derived from the types),
//! `set` (to the objects of a whole set, its layers and its `cluster:` section), `lint` (what is well-formed and will not
//! work, and what comments allow), `report` (findings as every reader wants them).

mod files;
mod lint;
mod load;
mod loaded;
mod reference;
mod regular;
pub mod report;
mod schema;
mod secret;
mod set;
mod source;
mod token;
mod yaml;

pub use files::{Sources, read_bounded, read_paths};
pub use lint::codes;
pub use lint::dialect::Dialect;
pub use lint::suppress::Allowed;
pub use load::{load, load_layers, load_layers_telling};
pub use loaded::{Counts, Limits, Loaded, Options};
pub use reference::SecretReference;
pub use regular::{open_regular, open_regular_below, read_at_most, stray};
pub use report::locate::locate;
pub use report::render::{Colour, render};
pub use schema::editor::{schema, schema_draft_07};
pub use secret::Secret;
pub use set::cluster::{Cluster, MemberConfig, MemberSection};
pub use source::{Layers, Source};
pub use yaml::emit::{Frame, emit};
pub use yaml::encoding::decode;
pub use yaml::substitute::Variables;

/// The schemas that this version publishes, by the names of their files; that of manifests comes first.
pub fn schemas() -> [(&'static str, serde_json::Value); 3] {
    [
        ("seedbed.schema.json", schema()),
        ("seedbed.draft-07.schema.json", schema_draft_07()),
        ("report.schema.json", report::report_schema()),
    ]
}
