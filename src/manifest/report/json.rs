//! Our own report. `format_version` grows when a field changes its meaning or goes; new fields do not change it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Run;
use super::subject::{Paths, Span, Subject, allowed, span, subjects};
use crate::manifest::lint::suppress::Allowed;
use crate::model::Severity;

/// What `seedbed validate --report json` writes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Document {
    /// The version of this format: 1.
    format_version: u32,
    /// The figures of the run.
    summary: Summary,
    /// Everything that was found, the gravest first.
    findings: Vec<Entry>,
    /// What comments in the files allow; counted nowhere else.
    allowed: Vec<Permitted>,
}

/// The figures of a run.
#[derive(Serialize, JsonSchema)]
struct Summary {
    /// Files that were read.
    files: usize,
    /// Objects that they declare.
    objects: usize,
    /// Objects without an error.
    valid: usize,
    /// Findings that stop the input from being used.
    errors: usize,
    /// Findings that are probably not what was meant.
    warnings: usize,
    /// Findings that are worth knowing.
    notes: usize,
    /// Findings that comments in the files allow.
    allowed: usize,
    /// Time from the first read to this report, in milliseconds.
    elapsed_ms: u64,
}

/// One finding.
#[derive(Serialize, JsonSchema)]
struct Entry {
    /// The rule, such as `SB014`; `seedbed explain SB014` tells more.
    code: String,
    /// How grave it is.
    severity: Severity,
    /// One sentence.
    message: String,
    /// Where it is; absent for findings about the set of files as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<At>,
    /// A few words on the marked place.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Other places that take part.
    also: Vec<Related>,
    /// What to do next, a line each.
    help: Vec<String>,
    /// Identifies the finding when lines have moved.
    fingerprint: String,
}

/// A finding that a comment allows.
#[derive(Serialize, JsonSchema)]
struct Permitted {
    /// What was found.
    finding: Entry,
    /// Why it is meant so, in the words of the comment.
    reason: String,
    /// Where the comment stands.
    comment: At,
}

/// A span of a file. Lines and columns count from 1, columns in characters; the end is exclusive.
#[derive(Serialize, JsonSchema)]
struct At {
    /// The file as the user named it; `stdin` for standard input.
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    /// JSON Pointer within the document.
    pointer: String,
}

/// Another place that takes part in a finding.
#[derive(Serialize, JsonSchema)]
struct Related {
    /// Where.
    place: At,
    /// What it has to do with the finding.
    note: String,
}

pub(super) fn report(run: &Run<'_>) -> Document {
    let count = |severity| run.findings.iter().filter(|finding| finding.severity == severity).count();
    Document {
        format_version: 1,
        summary: Summary {
            files: run.counts.files,
            objects: run.counts.objects,
            valid: run.counts.valid,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            allowed: run.allowed.len(),
            elapsed_ms: run.elapsed_ms,
        },
        findings: subjects(run, Paths::Named).iter().map(|subject| entry(subject, run)).collect(),
        allowed: permitted(run),
    }
}

fn permitted(run: &Run<'_>) -> Vec<Permitted> {
    let one = |(subject, Allowed { reason, at: place, .. }): (Subject<'_>, &Allowed)| Permitted {
        finding: entry(&subject, run),
        reason: reason.clone(),
        comment: at(&span(place, run, Paths::Named), ""),
    };
    allowed(run, Paths::Named).map(one).collect()
}

fn entry(subject: &Subject<'_>, run: &Run<'_>) -> Entry {
    let finding = subject.finding;
    let related = finding.also.iter().map(|label| Related {
        place: at(&span(&label.place, run, Paths::Named), &label.place.pointer),
        note: label.note.clone(),
    });
    Entry {
        code: finding.code.clone(),
        severity: finding.severity,
        message: finding.message.clone(),
        place: finding.place.as_ref().map(|place| at(&subject.span, &place.pointer)),
        note: finding.note.clone(),
        also: related.collect(),
        help: finding.help.clone(),
        fingerprint: subject.fingerprint.clone(),
    }
}

fn at(span: &Span, pointer: &str) -> At {
    At {
        file: span.path.clone(),
        line: span.line,
        column: span.column,
        end_line: span.end_line,
        end_column: span.end_column,
        pointer: pointer.to_owned(),
    }
}
