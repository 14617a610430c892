//! A page for people where the run's log is long: the summary of a CI job.

use std::fmt::{self, Write};

use super::Run;
use super::subject::{Paths, Subject, subjects};
use crate::model::Severity;

/// How many findings the table holds; job summaries are cut at a megabyte.
const ROWS_MAX: usize = 1_000;

/// The run as Markdown: one line of figures, then a table of findings, the gravest first.
pub fn markdown(run: &Run<'_>) -> String {
    let mut text = String::new();
    write_page(&mut text, run).expect("a string takes all text");
    text
}

fn write_page(text: &mut String, run: &Run<'_>) -> fmt::Result {
    let count = |severity| run.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = if errors == 0 { "passed" } else { "failed" };
    writeln!(text, "### seedbed validate: {verdict}\n")?;
    let (objects, files, valid) = (run.counts.objects, run.counts.files, run.counts.valid);
    let allowed = match run.allowed.len() {
        0 => String::new(),
        count => format!(", {count} allowed by comments"),
    };
    let (objects, files) = (counted(objects, "object"), counted(files, "file"));
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    writeln!(text, "{objects} in {files}: {valid} valid, {errors}, {warnings}{allowed}.")?;
    let subjects = subjects(run, Paths::Named);
    if subjects.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n| | where | what |\n|---|---|---|")?;
    for subject in subjects.iter().take(ROWS_MAX) {
        write_row(text, subject)?;
    }
    match subjects.len().saturating_sub(ROWS_MAX) {
        0 => Ok(()),
        more => writeln!(text, "\n{more} more are in the log."),
    }
}

fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn write_row(text: &mut String, subject: &Subject<'_>) -> fmt::Result {
    let finding = subject.finding;
    let span = &subject.span;
    let place = finding.place.as_ref().map(|_| format!("{}:{}:{}", span.path, span.line, span.column));
    let note = finding.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
    let (place, message) = (cell(&place.unwrap_or_default()), cell(&format!("{}{note}", finding.message)));
    writeln!(text, "| {} {} | {place} | {message} |", finding.severity, cell(&finding.code))
}

fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
