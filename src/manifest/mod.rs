//! YAML text -> documents with positions -> validated desired state.
//!
//! [`load`] takes every source at once and never fails: what it cannot use becomes a [`Finding`] with a place, and
//! one broken file hides nothing of the others. The steps stand in files of their own, in this order:
//! `parse` and `compose` (text to `dom`), `shape` (against the JSON Schema that `schema` derives from the types),
//! `gather` (to a `set` of objects), `survey` (what the whole set declares), `formation` and `join` (what `cluster:` says to them), `references`, `dialect` (what
//! LXD or Incus do not take), and at last `allow` (what comments in the sources allow).

mod allow;
mod brackets;
mod cluster;
pub mod codes;
mod compose;
mod conceal;
mod dialect;
mod dom;
mod editor;
mod emit;
mod encoding;
mod files;
mod findings;
mod fit;
mod foreign;
mod formation;
mod gather;
mod grammar;
mod invisible;
mod join;
mod lines;
mod load;
mod loaded;
mod locate;
mod member_config;
mod overlap;
mod overlay;
mod parse;
mod pem;
mod placeholder;
mod reference;
mod references;
mod regular;
mod render;
pub mod report;
mod schema;
mod secret;
mod section;
mod sense;
mod set;
mod shape;
mod source;
mod substitute;
mod survey;
mod token;
mod trouble;
mod weight;

pub use allow::Allowed;
pub use cluster::{Cluster, MemberConfig, MemberSection};
pub use dialect::Dialect;
pub use editor::{schema, schema_draft_07};
pub use emit::{Frame, emit};
pub use encoding::decode;
pub use files::{Sources, read_bounded, read_paths};
pub use load::{load, load_layers, load_layers_telling};
pub use loaded::{Counts, Limits, Loaded, Options};
pub use locate::locate;
pub use reference::SecretReference;
pub use regular::{open_regular, open_regular_below, read_at_most, stray};
pub use render::{Colour, render};
pub use secret::Secret;
pub use source::{Layers, Source};
pub use substitute::Variables;

/// The schemas that this version publishes, by the names of their files; that of manifests comes first.
pub fn schemas() -> [(&'static str, serde_json::Value); 3] {
    [
        ("seedbed.schema.json", schema()),
        ("seedbed.draft-07.schema.json", schema_draft_07()),
        ("report.schema.json", report::report_schema()),
    ]
}
