//! What one object needs of others.

use crate::model::Key;

/// A reference from one object to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What must exist. Its project is the one that the name was written in; see [`home`](super::effective_project).
    pub key: Key,
    /// The path within the object where it is named.
    pub path: Vec<String>,
    /// Whether the object can do without.
    pub strength: Strength,
}

/// Whether an object can do without what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// It cannot.
    Required,
    /// The name may also mean something that is not managed, such as a bridge of the host: it only orders.
    IfManaged,
}

impl Need {
    /// A reference to something that must exist.
    pub fn required(key: Key, path: &[&str]) -> Self {
        let path = path.iter().map(|step| (*step).to_owned()).collect();
        Self { key, path, strength: Strength::Required }
    }

    /// A reference to something that may also be unmanaged.
    pub fn if_managed(key: Key, path: &[&str]) -> Self {
        Self { strength: Strength::IfManaged, ..Self::required(key, path) }
    }
}
