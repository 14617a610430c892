//! Findings: what is wrong with an input, where, and what to do about it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is wrong with a manifest or a request. Collected, never only the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule, such as `SB014`. Stable: users suppress and look up by it.
    pub code: String,
    /// Whether it stops the input from being used.
    pub severity: Severity,
    /// One sentence, lower case, without a full stop. Never contains a secret.
    pub message: String,
    /// Where it is, when the input is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to say under the marked place: `did you mean `source`?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Other places that take part, such as the first of two duplicates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Label>,
    /// What to do next, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

/// A place with a few words on its part in a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What it has to do with the finding.
    pub note: String,
}

/// A span of an input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file as the user named it; `-` for standard input.
    pub file: String,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 where the file as a whole is meant.
    pub column: u32,
    /// First byte of the span in the file.
    pub start: usize,
    /// The byte after the span.
    pub end: usize,
    /// JSON Pointer within the document: `/storage_pools/0/driver`.
    pub pointer: String,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant; the input can be used.
    Warning,
    /// The input cannot be used.
    Error,
}

/// A JSON Pointer (RFC 6901) from its steps.
pub fn pointer<S: AsRef<str>>(steps: &[S]) -> String {
    let length = steps.iter().map(|step| 1 + step.as_ref().len()).sum();
    steps.iter().fold(String::with_capacity(length), |mut text, step| {
        text.push('/');
        match step.as_ref() {
            step if step.contains(['~', '/']) => text.push_str(&step.replace('~', "~0").replace('/', "~1")),
            step => text.push_str(step),
        }
        text
    })
}

/// The steps of a JSON Pointer.
pub fn steps_of(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

impl Place {
    /// A file or directory as a whole, as the user named it.
    pub fn of_file(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// The place of a part of what stands here, as a pointer: whoever has the text finds its line.
    #[must_use]
    pub fn within<S: AsRef<str>>(&self, steps: &[S]) -> Self {
        Self { pointer: format!("{}{}", self.pointer, pointer(steps)), ..self.clone() }
    }
}

impl Finding {
    /// An error without a place yet.
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Error,
            message: message.into(),
            place: None,
            note: None,
            also: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same finding at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same finding with words under the marked place.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The same finding with one more line on what to do.
    #[must_use]
    pub fn helping(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same finding with one more place.
    #[must_use]
    pub fn with(mut self, place: Place, note: impl Into<String>) -> Self {
        self.also.push(Label { place, note: note.into() });
        self
    }

    /// Whether the input cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}
