//! GitHub's workflow commands: one line a finding, shown as an annotation at the line of the file.

use std::fmt::Write;

use super::Run;
use super::subject::{Paths, Subject, subjects, whole_message};
use crate::model::Severity;

pub(super) fn report(run: &Run<'_>) -> String {
    let mut text = String::new();
    for subject in subjects(run, Paths::Rooted) {
        command(&mut text, &subject);
    }
    text
}

fn command(text: &mut String, subject: &Subject<'_>) {
    let finding = subject.finding;
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let span = &subject.span;
    let (file, line, end_line, title) = (property(&span.path), span.line, span.end_line, property(&finding.code));
    let columns = match line == end_line {
        true => format!(",col={},endColumn={}", span.column, span.end_column),
        false => String::new(),
    };
    let message = data(&whole_message(finding));
    writeln!(text, "::{level} file={file},line={line},endLine={end_line}{columns},title={title}::{message}")
        .expect("a string takes all text");
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
