//! The identity of an object.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::{KindName, MemberName, ProjectName};

/// What names an object everywhere: its kind, its project and its name.
///
/// Written `storage-pool/data`, and `network/staging/lxdbr0` outside the default project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// The resource kind.
    pub kind: KindName,
    /// The project; `default` for kinds that belong to no project.
    #[serde(default, skip_serializing_if = "ProjectName::is_default")]
    pub project: ProjectName,
    /// The object's own name, unique within its kind and project.
    pub name: String,
}

impl Key {
    /// The kind of the record that each member has.
    pub const MEMBER: &'static str = "member";

    /// An object in the default project.
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.into(), project: ProjectName::default(), name: name.to_owned() }
    }

    /// An object in a project.
    pub fn in_project(kind: &str, project: &ProjectName, name: &str) -> Self {
        Self { kind: kind.into(), project: project.clone(), name: name.to_owned() }
    }

    /// The record of a member.
    pub fn member(name: &MemberName) -> Self {
        Self::new(Self::MEMBER, name.as_str())
    }

    /// The one record whose generation grows with every change of the member list.
    ///
    /// A command that places an object on all members expects its generation, so that no member is missed
    /// when one joins in between.
    pub fn membership() -> Self {
        Self::new("cluster", "members")
    }

    /// The one record of the server configuration; keys of one member are its placements.
    pub fn server() -> Self {
        Self::new("config", "server")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.project.is_default() {
            format!("{}/{}", self.kind, self.name)
        } else {
            format!("{}/{}/{}", self.kind, self.project, self.name)
        };
        f.pad(&text)
    }
}

/// Text that names no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no object: write KIND/NAME, as in storage-pool/data, or KIND/PROJECT/NAME")]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [kind, name] if !kind.is_empty() && !name.is_empty() => Ok(Self::new(kind, name)),
            [kind, project, name] if parts.iter().all(|part| !part.is_empty()) => {
                Ok(Self::in_project(kind, &ProjectName::from(*project), name))
            }
            _ => Err(KeyError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_key_are_the_same() {
        for text in ["storage-pool/data", "network/staging/lxdbr0"] {
            assert_eq!(text.parse::<Key>().expect("a key").to_string(), text);
        }
    }

    #[test]
    fn text_without_a_kind_is_refused() {
        assert!("data".parse::<Key>().is_err());
        assert!("storage-pool/".parse::<Key>().is_err());
    }
}
