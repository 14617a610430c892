//! Drift that is known: a file with one entry a line, `KEY FIELD [until=DAY] REASON`.

use std::path::Path;

use jiff::civil::Date;

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
    /// The last day that it holds.
    until: Option<Date>,
    reason: String,
}

/// Says until when an entry holds: `until=2026-12-31`.
const UNTIL: &str = "until=";

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
                .hint("a line is KEY FIELD REASON, as in profile/web * until=2026-12-31 tried out by Ann; until= may be left out")
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
            match (key.parse::<Key>(), until(reason)) {
                (Ok(_), _) if field.is_empty() => faults.push(format!("line {number}: {key} has no field; `*` is any")),
                (Ok(key), Ok((until, reason))) => {
                    let (field, reason) = (field.to_owned(), reason.to_owned());
                    entries.push(Entry { line: number, key, field, until, reason });
                }
                (Err(error), _) => faults.push(format!("line {number}: {error}")),
                (_, Err(fault)) => faults.push(format!("line {number}: {fault}")),
            }
        }
        if faults.is_empty() { Ok(Self(entries)) } else { Err(faults) }
    }

    /// Marks what is expected `today`, and says which entries nothing needs, or hold no more.
    pub fn mark(&self, drift: &mut [DriftItem], today: Date) -> Vec<String> {
        let mut told = Vec::new();
        for entry in &self.0 {
            let Entry { line, key, field, until, reason } = entry;
            if let Some(last) = until.filter(|last| *last < today) {
                told.push(format!("line {line}: {key} {field} was expected until {last} and is no more"));
                continue;
            }
            let fits = |item: &&mut DriftItem| item.key == *key && (field == "*" || item.field == *field);
            let mut found = drift.iter_mut().filter(fits).peekable();
            if found.peek().is_none() {
                told.push(format!("line {line}: {key} {field} is expected and not there: take it out of the file"));
            }
            found.for_each(|item| item.expected = Some(reason.clone()));
        }
        told
    }
}

/// The last day of an entry, when its reason begins with one.
fn until(reason: &str) -> Result<(Option<Date>, &str), String> {
    let Some(rest) = reason.trim().strip_prefix(UNTIL) else { return Ok((None, reason.trim())) };
    let (day, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let day = day.parse().map_err(|_| format!("`{day}` is no day: write {UNTIL}2026-12-31"))?;
    Ok((Some(day), reason.trim()))
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
        let told = expectations.mark(&mut drift, jiff::civil::date(2026, 1, 1));
        assert_eq!(told, ["line 5: profile/gone * is expected and not there: take it out of the file"]);
        let marks: Vec<Option<&str>> = drift.iter().map(|item| item.expected.as_deref()).collect();
        assert_eq!(marks, [Some(""), Some("tried out by Ann"), None]);
    }

    #[test]
    fn an_entry_holds_until_its_day_is_over_and_is_told_then() {
        let expectations = Expectations::parse("profile/web * until=2026-12-31 tried out").expect("a list");
        let marked = |year, month, day| {
            let mut drift = [item("profile/web", "description")];
            let told = expectations.mark(&mut drift, jiff::civil::date(year, month, day));
            (drift[0].expected.clone(), told)
        };
        assert_eq!(marked(2026, 12, 31), (Some("tried out".to_owned()), Vec::new()));
        let told = "line 1: profile/web * was expected until 2026-12-31 and is no more".to_owned();
        assert_eq!(marked(2027, 1, 1), (None, vec![told]));
        assert_eq!(
            Expectations::parse("profile/web * until=tomorrow").expect_err("no day"),
            ["line 1: `tomorrow` is no day: write until=2026-12-31"]
        );
    }

    #[test]
    fn every_line_that_makes_no_sense_is_told() {
        let faults = Expectations::parse("profile/web\nweb *\nprofile/ok *").expect_err("it is refused");
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("line 1: ") && faults[1].starts_with("line 2: "), "{faults:?}");
    }
}
