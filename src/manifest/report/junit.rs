//! JUnit's XML: every file is a test case; its errors are its failure, its warnings its output.

use std::collections::HashSet;
use std::fmt::{self, Write};

use super::Run;
use super::subject::{Paths, Subject, shown_path, subjects, whole_message};
use crate::model::Severity;

pub(super) fn report(run: &Run<'_>) -> String {
    let mut text = String::new();
    write_report(&mut text, run).expect("a string takes all text");
    text
}

fn write_report(text: &mut String, run: &Run<'_>) -> fmt::Result {
    let subjects = subjects(run, Paths::Named);
    let files = cases(run, &subjects);
    let failures = files.iter().filter(|file| !file.of(&subjects, true).is_empty()).count();
    let seconds = run.elapsed_ms as f64 / 1000.0;
    writeln!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let totals = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\"", files.len());
    writeln!(text, "<testsuites name=\"seedbed\" {totals}>")?;
    writeln!(text, "  <testsuite name=\"seedbed validate\" {totals}>")?;
    for file in &files {
        write_case(text, file, &subjects)?;
    }
    writeln!(text, "  </testsuite>\n</testsuites>")
}

/// A file, or the set as a whole for findings without a place.
struct Case {
    path: Option<String>,
}

impl Case {
    fn of<'a, 'b>(&self, subjects: &'b [Subject<'a>], failing: bool) -> Vec<&'b Subject<'a>> {
        let here = |subject: &&Subject<'_>| {
            subject.finding.place.as_ref().map(|_| &subject.span.path) == self.path.as_ref()
                && (subject.finding.severity == Severity::Error) == failing
        };
        subjects.iter().filter(here).collect()
    }
}

// Files that could not be read have cases too.
fn cases(run: &Run<'_>, subjects: &[Subject<'_>]) -> Vec<Case> {
    let mut paths: Vec<Option<String>> =
        run.sources.iter().map(|source| Some(shown_path(&source.path, run, Paths::Named))).collect();
    let known: HashSet<Option<String>> = paths.iter().cloned().collect();
    let others = subjects.iter().map(|subject| subject.finding.place.as_ref().map(|_| subject.span.path.clone()));
    let mut others: Vec<Option<String>> = others.filter(|path| !known.contains(path)).collect();
    others.sort();
    others.dedup();
    paths.extend(others);
    paths.into_iter().map(|path| Case { path }).collect()
}

fn write_case(text: &mut String, case: &Case, subjects: &[Subject<'_>]) -> fmt::Result {
    let name = escape(case.path.as_deref().unwrap_or("the set of files"));
    write!(text, "    <testcase name=\"{name}\" classname=\"seedbed.validate\"")?;
    let (errors, others) = (case.of(subjects, true), case.of(subjects, false));
    if errors.is_empty() && others.is_empty() {
        return writeln!(text, "/>");
    }
    writeln!(text, ">")?;
    if let Some(first) = errors.first() {
        let (code, message) = (escape(&first.finding.code), escape(&first.finding.message));
        writeln!(text, "      <failure type=\"{code}\" message=\"{message}\">{}</failure>", lines(&errors))?;
    }
    if !others.is_empty() {
        writeln!(text, "      <system-out>{}</system-out>", lines(&others))?;
    }
    writeln!(text, "    </testcase>")
}

fn lines(subjects: &[&Subject<'_>]) -> String {
    let line = |subject: &&Subject<'_>| {
        let finding = subject.finding;
        let place = finding.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        escape(&format!("{place}{}[{}]: {}\n", finding.severity, finding.code, whole_message(finding)))
    };
    subjects.iter().map(line).collect()
}

/// Text for an element or an attribute. XML 1.0 has no way to write most control characters: they become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}
