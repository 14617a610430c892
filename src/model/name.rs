//! Names with types, so that no function takes two strings in a row.

use std::borrow::Borrow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a cluster member, as in `cluster.server_name`.
    MemberName
}
name! {
    /// The name of a project; objects that belong to no project are kept under `default`.
    ProjectName
}
name! {
    /// The name of a resource kind as it stands in keys and commands: `storage-pool`, `network`, `profile`.
    KindName
}

impl MemberName {
    /// In manifests: what every member has whose own keys say nothing else. No member is called so.
    pub const EVERY: &'static str = "*";

    /// Whether this stands for every member.
    pub fn is_every(&self) -> bool {
        self.0 == Self::EVERY
    }
}

impl ProjectName {
    /// The project that always exists.
    pub const DEFAULT: &'static str = "default";

    /// Whether this is the project that always exists.
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }
}

/// No name: a member that nobody has named.
impl Default for MemberName {
    fn default() -> Self {
        Self(String::new())
    }
}

impl Default for ProjectName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}
