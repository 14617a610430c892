//! GitLab's code quality report: a list that merge requests compare by fingerprint.

use serde_json::{Value, json};

use super::Run;
use super::subject::{Paths, Subject, from_root, subjects, whole_message};
use crate::model::Severity;

pub(super) fn report(run: &Run<'_>) -> Value {
    subjects(run, Paths::Rooted).iter().map(entry).collect()
}

fn entry(subject: &Subject<'_>) -> Value {
    let span = &subject.span;
    json!({
        "description": whole_message(subject.finding),
        "check_name": subject.finding.code,
        "fingerprint": subject.fingerprint,
        "severity": match subject.finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Note => "info",
        },
        // An absolute path would be taken for one of the repository.
        "location": {"path": from_root(&span.path), "lines": {"begin": span.line, "end": span.end_line}},
    })
}
