//! Join tokens: each lets one member join once, until it expires. Only a hash of the secret is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Resource, Words};
use super::registry::unknown_fields::Unknown;
use crate::model::{MemberName, Rollout, Timestamp};

/// The kind.
pub struct Token;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "token")]
pub struct TokenSpec {
    /// The id of the operation that LXD's API shows it as.
    pub operation: String,
    /// The member that may join with it.
    pub member: MemberName,
    /// SHA-256 of the secret, in hex. The secret is random and long, so that nothing slower is needed.
    pub secret_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// The members that the token names as doors into the cluster.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

impl Resource for Token {
    type Spec = TokenSpec;

    const WORDS: Words = Words {
        kind: "token",
        section: "",
        collection: "cluster/tokens",
        noun: "cluster list-tokens",
        spoken: "join token",
    };
    const ROLLOUT: Rollout = Rollout::RecordOnly;

    fn entities(&self, _: &TokenSpec) -> Vec<&'static str> {
        Vec::new()
    }
}
