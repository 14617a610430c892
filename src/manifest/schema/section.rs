//! The sections of a manifest, as the registry of kinds knows them.

use std::collections::BTreeSet;

use crate::kinds::{self, Kind, Scope};
use crate::model::{Key, Spec};

/// A section whose objects belong to a kind.
#[derive(Clone, Copy)]
pub struct Section {
    /// Its name in a manifest: `storage_pools`.
    pub name: &'static str,
    /// The kind of its objects.
    pub kind: &'static dyn Kind,
}

/// Sections that LXD or Incus know and that no kind reads from a manifest yet.
const UNAPPLIED: [&str; 3] = ["storage_volumes", "certificates", "cluster_groups"];

/// Fields that LXD prints or once had, and that say nothing: section and field.
pub const LEGACY_FIELDS: [(&str, &str); 10] = [
    ("networks", "managed"),
    ("networks", "status"),
    ("networks", "locations"),
    ("networks", "used_by"),
    ("storage_pools", "status"),
    ("storage_pools", "locations"),
    ("storage_pools", "used_by"),
    ("profiles", "used_by"),
    ("projects", "used_by"),
    ("storage_volumes", "used_by"),
];

/// The sections that this version applies, in the order of creation.
pub fn applied() -> impl Iterator<Item = Section> {
    // The members stand inside `cluster:`, and trusted certificates have names that are no identities.
    let is_plain = |name: &str| !name.is_empty() && !name.contains('.') && !UNAPPLIED.contains(&name);
    kinds::ALL
        .iter()
        .map(|kind| Section { name: kind.words().section, kind: *kind })
        .filter(move |section| is_plain(section.name))
}

/// The sections that are checked but not applied.
pub fn unapplied() -> impl Iterator<Item = &'static str> {
    UNAPPLIED.into_iter()
}

/// The names of all sections.
pub fn names() -> impl Iterator<Item = &'static str> {
    applied().map(|section| section.name).chain(unapplied()).chain(["cluster"])
}

impl Section {
    /// Whether the section is one object's configuration instead of a list of objects.
    pub fn is_map(&self) -> bool {
        self.kind.words().kind == Key::server().kind.as_str()
    }

    /// Whether its objects may name a project.
    pub fn has_projects(&self) -> bool {
        matches!(self.kind.scope(), Scope::Project { .. })
    }
}

/// All entities of the key table that objects of a kind may use, whatever their driver or type.
pub fn entities_of(kind: &dyn Kind) -> BTreeSet<&'static str> {
    let variants = kind.variants().into_iter();
    let specs =
        variants.flat_map(|variants| variants.values.into_iter().map(move |value| spec_of(variants.field, value)));
    specs.chain([Spec::default()]).flat_map(|spec| kind.entities(&spec)).collect()
}

/// A spec that says nothing but its driver or type.
pub fn spec_of(field: &str, variant: &str) -> Spec {
    let mut spec = Spec::default();
    spec.0.insert(field.to_owned(), variant.into());
    spec
}
