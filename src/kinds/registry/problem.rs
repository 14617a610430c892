//! What a kind finds wrong with one object. It knows no files: `manifest` adds the place, `http` the status.

use crate::model::Severity;

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule, such as `SB014`.
    pub code: &'static str,
    /// Whether it stops the object from being used.
    pub severity: Severity,
    /// The path within the object, a step each: `["config", "ipv4.address"]`, `["members", "node2", "source"]`.
    pub path: Vec<String>,
    /// Whether the key or the value is to be marked.
    pub spot: Spot,
    /// One sentence, lower case, without a full stop. Never contains a secret.
    pub message: String,
    /// What to say under the marked place.
    pub note: Option<String>,
    /// What to do next, a line each.
    pub help: Vec<String>,
}

/// Which part of an entry a problem speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The key: it is unknown or in the wrong place.
    Key,
    /// The value.
    Value,
}

impl Problem {
    /// A value that is no spec of the kind that is spoken of so.
    pub fn no_spec(spoken: &str, cause: impl std::fmt::Display) -> Self {
        Self::at_value("SB001", &[], format!("not a {spoken}: {cause}"))
    }

    /// An error at the value that `path` leads to.
    pub fn at_value(code: &'static str, path: &[&str], message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            spot: Spot::Value,
            message: message.into(),
            note: None,
            help: Vec::new(),
        }
    }

    /// An error at the key that `path` leads to.
    pub fn at_key(code: &'static str, path: &[&str], message: impl Into<String>) -> Self {
        Self { spot: Spot::Key, ..Self::at_value(code, path, message) }
    }

    /// The same problem, which does not stop the object from being used.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same problem with words under the marked place.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The same problem with one more line on what to do.
    #[must_use]
    pub fn helping(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}
