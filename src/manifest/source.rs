//! One text to read, under the name that the user gave it.

/// A file or standard input, already read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user named it; `-` for standard input.
    pub path: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// The name of standard input.
    pub const STDIN: &'static str = "-";

    /// A source.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}
