//! Who an object belongs to, and what may be done with it without being asked. Stored with the object: it outlives the
//! file that said it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::waves::{Canary, Waves};

/// How an object is managed. The default is an object that nobody owns and everybody may change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Management {
    /// The name of the source that owns it: no other source and no plain apply declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether nobody may delete it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// What applying a manifest does with it.
    #[serde(default, skip_serializing_if = "ApplyMode::is_default")]
    pub apply: ApplyMode,
    /// Whether drift of its hosts is repaired.
    #[serde(default, skip_serializing_if = "Heal::is_default")]
    pub heal: Heal,
    /// In which order members take up its last change, as long as it has not come to all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<Waves>,
}

/// What applying a manifest does with one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyMode {
    /// It becomes as declared; what the manifest no longer says is unset.
    #[default]
    Override,
    /// What is declared is added; nothing is ever unset.
    Merge,
    /// It is created once and never changed after that.
    IfNotPresent,
    /// It is neither created nor changed nor pruned.
    Ignore,
}

/// Whether drift is repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Heal {
    /// Members put back what has changed on their hosts.
    #[default]
    On,
    /// They only say what has changed.
    Off,
}

/// What a manifest says of how an object is managed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What applying does with it; [`ApplyMode::Override`] when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyMode>,
    /// Whether nobody may delete it; what is stored holds when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<bool>,
}

impl Management {
    /// Whether nothing is said: nobody owns the object and everything is as usual.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// In whose name a set of manifests is planned and applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// The source that declares the objects; `None` for a person with a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether objects of other sources are taken over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
    /// How many objects may be deleted because the source owns them and declares them no more; `None` deletes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<usize>,
    /// Whether members put back what changes of these objects on their hosts; `None` leaves that as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heal: Option<Heal>,
    /// In which order members take up what changes; `None` for all at once, where an earlier change is not still under
    /// way in waves of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Whether what has stopped after failures goes on in spite of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
}

impl Policy {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ApplyMode {
    /// Every mode, under the word that manifests have for it.
    pub const ALL: [(&'static str, Self); 4] = [
        ("override", Self::Override),
        ("merge", Self::Merge),
        ("if-not-present", Self::IfNotPresent),
        ("ignore", Self::Ignore),
    ];

    /// The mode that a manifest means by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, mode)| *mode)
    }

    // serde hands out references.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Heal {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ApplyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, mode)| mode == self).map_or("", |(word, _)| word);
        f.pad(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_takes_no_room_and_every_mode_is_written_as_manifests_have_it() {
        assert_eq!(serde_json::to_string(&Management::default()).expect("JSON"), "{}");
        let all = r#"{"source":"site","protect":true,"apply":"if-not-present","heal":"off"}"#;
        let read: Management = serde_json::from_str(all).expect("it is read");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), all);
        for (word, mode) in ApplyMode::ALL {
            assert_eq!(serde_json::to_string(&mode).expect("JSON"), format!("\"{word}\""));
            assert_eq!(mode.to_string(), word);
        }
    }
}
