//! One text to read, under the name that the user gave it.

use super::yaml::substitute::Variables;

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

/// Sources in batches that are read at once: whole files in their order; one batch, perhaps an empty one, at least.
pub(super) fn batches(sources: &[Source], bytes_max: usize) -> Vec<&[Source]> {
    let mut batches = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (index, source) in sources.iter().enumerate() {
        if index > first && bytes + source.text.len() > bytes_max {
            batches.push(&sources[first..index]);
            (first, bytes) = (index, 0);
        }
        bytes += source.text.len();
    }
    batches.push(&sources[first..]);
    batches
}
