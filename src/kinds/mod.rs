//! The registry of resource kinds: one folder and one line here for each.

pub mod certificate;
pub mod hold;
pub mod member;
pub mod network;
pub mod profile;
pub mod project;
pub mod records;
pub mod registry;
pub mod server;
pub mod source;
pub mod storage_pool;
pub mod tables;
pub mod token;
pub mod webhook;

pub use registry::actuator::{ActOutcome, Actuator, AnyActuator, Intent, Local, Work};
pub use registry::admit::admit;
pub use registry::check::{Examined, check, edit_local, examine, is_member_specific, is_secret};
pub use registry::effective_project::{home, is_own};
pub use registry::field::lenient;
pub use registry::kind::{Around, Completion, Kind, Reading, Resource, Rng, Scope, Variants, Words};
pub use registry::need::{Need, Strength};
pub use registry::problem::{Problem, Spot};
pub use registry::seeded_rng::SeededRng;
pub use registry::unknown_fields::{Unknown, unless_held};

/// All kinds, in the order of creation; deletion runs it backwards.
pub static ALL: &[&dyn Kind] = &[
    &member::Members,
    &server::Server,
    &project::Project,
    &storage_pool::StoragePool,
    &network::Network,
    &profile::Profile,
    &source::Source,
    &certificate::Certificate,
    &token::Token,
    &hold::Hold,
    &webhook::Webhook,
];

/// The kind of this name, as it stands in keys: `storage-pool`.
pub fn find(kind: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|candidate| candidate.words().kind == kind)
}

/// Where a kind stands in the order of creation; unknown ones come last.
pub fn rank(kind: &str) -> usize {
    ALL.iter().position(|candidate| candidate.words().kind == kind).unwrap_or(ALL.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_name() {
        let mut names: Vec<_> = ALL.iter().map(|kind| kind.words().kind).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_entity_of_a_kind_is_in_the_table() {
        for kind in ALL {
            for entity in kind.entities(&crate::model::Spec::default()) {
                assert!(tables::key_table::keys_of(entity).next().is_some(), "{entity}");
            }
        }
    }
}
