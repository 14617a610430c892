//! GitLab's code quality report: a list that merge requests compare by fingerprint.

use serde_json::{Value, json};

use super::Run;
use super::subject::{Subject, subjects, whole_message};
use crate::model::Severity;

pub(super) fn report(run: &Run<'_>) -> Value {
    subjects(run).iter().map(entry).collect()
}

fn entry(subject: &Subject<'_>) -> Value {
    let (path, begin, end) = match &subject.span {
        Some(span) => (span.path.as_str(), span.line, span.end_line),
        // GitLab refuses entries without a place.
        None => ("stdin", 1, 1),
    };
    json!({
        "description": whole_message(subject.finding),
        "check_name": subject.finding.code,
        "fingerprint": subject.fingerprint,
        "severity": match subject.finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Note => "info",
        },
        "location": {"path": path, "lines": {"begin": begin, "end": end}},
    })
}
