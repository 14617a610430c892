//! Failures of one machine, said so that an operator can act on them.

use std::fmt;

/// What a host could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// What was being done, on what: `` create subvolume `/srv/pool/x` ``.
    pub doing: String,
    /// One word in CamelCase for conditions: `MissingTool`, `SourceNotEmpty`, `DiskFull`.
    pub reason: &'static str,
    /// The cause in one sentence.
    pub cause: String,
    /// What to do next, when it is known.
    pub hint: Option<String>,
    /// Whether trying again can help.
    pub lasting: Lasting,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It may pass by itself.
    Passing,
    /// It stays until somebody acts; it is still tried again, but seldom.
    UntilMended,
}

impl HostError {
    /// A failure that may pass by itself.
    pub fn passing(doing: impl Into<String>, reason: &'static str, cause: impl fmt::Display) -> Self {
        Self { doing: doing.into(), reason, cause: cause.to_string(), hint: None, lasting: Lasting::Passing }
    }

    /// A failure that stays until somebody acts.
    pub fn lasting(doing: impl Into<String>, reason: &'static str, cause: impl fmt::Display) -> Self {
        Self { lasting: Lasting::UntilMended, ..Self::passing(doing, reason, cause) }
    }

    /// The same failure with what to do next.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.cause)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for HostError {}
