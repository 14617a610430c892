//! Drift that is known: a file with one entry a line, `KEY FIELD REASON`.

use std::path::Path;

use crate::api::DriftItem;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::model::Key;

/// The entries of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expectations(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    key: Key,
    field: String,
    reason: String,
}

impl Expectations {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be read, or all lines that make no sense.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|cause| Failure::because(format!("read {shown}"), &cause).exiting(Exit::NoInput))?;
        Self::parse(&text).map_err(|faults| {
            let failure = Failure::new(Exit::Failed, format!("{shown} is no list of expected drift"));
            faults
                .into_iter()
                .fold(failure, Failure::detail)
                .hint("a line is KEY FIELD REASON, as in profile/web * tried out by Ann")
        })
    }

    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut entries, mut faults) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let (field, reason) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            match key.parse::<Key>() {
                Ok(_) if field.is_empty() => faults.push(format!("line {number}: {key} has no field; `*` is any")),
                Ok(key) => {
                    let (field, reason) = (field.to_owned(), reason.trim().to_owned());
                    entries.push(Entry { line: number, key, field, reason });
                }
                Err(error) => faults.push(format!("line {number}: {error}")),
            }
        }
        if faults.is_empty() { Ok(Self(entries)) } else { Err(faults) }
    }

    /// Marks what is expected, and gives the entries that nothing needs.
    pub fn mark(&self, drift: &mut [DriftItem]) -> Vec<String> {
        let mut unused = Vec::new();
        for entry in &self.0 {
            let fits =
                |item: &&mut DriftItem| item.key == entry.key && (entry.field == "*" || item.field == entry.field);
            let mut found = drift.iter_mut().filter(fits).peekable();
            if found.peek().is_none() {
                unused.push(format!("line {}: {} {}", entry.line, entry.key, entry.field));
            }
            found.for_each(|item| item.expected = Some(entry.reason.clone()));
        }
        unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, field: &str) -> DriftItem {
        let json = serde_json::json!({"key": key.parse::<Key>().expect("a key"), "field": field});
        serde_json::from_value(json).expect("an item")
    }

    #[test]
    fn entries_match_a_field_or_any_and_those_that_match_nothing_are_told() {
        let text = "# known\n\nprofile/web  config.limits.cpu  tried out by Ann\nnetwork/br0 *\nprofile/gone *\n";
        let expectations = Expectations::parse(text).expect("a list");
        let mut drift = [
            item("network/br0", "host@node1"),
            item("profile/web", "config.limits.cpu"),
            item("profile/web", "description"),
        ];
        assert_eq!(expectations.mark(&mut drift), ["line 5: profile/gone *"]);
        let marks: Vec<Option<&str>> = drift.iter().map(|item| item.expected.as_deref()).collect();
        assert_eq!(marks, [Some(""), Some("tried out by Ann"), None]);
    }

    #[test]
    fn every_line_that_makes_no_sense_is_told() {
        let faults = Expectations::parse("profile/web\nweb *\nprofile/ok *").expect_err("it is refused");
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("line 1: ") && faults[1].starts_with("line 2: "), "{faults:?}");
    }
}
