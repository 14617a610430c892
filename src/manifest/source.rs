//! One text to read, under the name that the user gave it.

use super::substitute::Variables;

/// A file or standard input, already read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user named it; `-` for standard input.
    pub path: String,
    /// The text.
    pub text: String,
}

/// Sources in layers, the base first.
///
/// A later layer changes an object of the same key map by map; `null` takes a key away, and lists are replaced.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The sources of each layer.
    pub layers: &'a [Vec<Source>],
    /// What `${NAME}` stands for; `None` leaves `${` as it is written.
    pub variables: Option<&'a Variables>,
}

impl Source {
    /// The name of standard input.
    pub const STDIN: &'static str = "-";

    /// A source.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}
