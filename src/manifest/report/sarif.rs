//! SARIF 2.1.0, as GitHub's and other code scanning takes it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Run;
use super::subject::{Paths, Span, Subject, allowed, from_root, shown_path, span, subjects, whole_message};
use crate::manifest::codes;
use crate::manifest::lint::suppress::Allowed;
use crate::model::Severity;

/// GitHub refuses a run with more results than this.
const RESULTS_MAX: usize = 25_000;

pub(super) fn report(run: &Run<'_>) -> Value {
    let subjects = subjects(run, Paths::Rooted);
    let all = run.findings.iter().chain(run.allowed.iter().map(|allowed| &allowed.finding));
    let used: BTreeSet<&str> = all.map(|finding| finding.code.as_str()).collect();
    let codes: Vec<&str> = used.into_iter().collect();
    let results = subjects.iter().map(|subject| result(subject, &codes, run));
    let allowed = allowed(run, Paths::Rooted).map(|(subject, allowed)| {
        let mut result = result(&subject, &codes, run);
        result["suppressions"] = json!([suppression(allowed, run)]);
        result
    });
    let results: Vec<Value> = results.chain(allowed).take(RESULTS_MAX).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "seedbed",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "artifacts": run.sources.iter()
                .map(|source| json!({"location": {"uri": uri(&shown_path(&source.path, run, Paths::Rooted))}}))
                .collect::<Vec<_>>(),
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let mut rule = json!({"id": code});
    if let Some(known) = codes::find(code) {
        rule["shortDescription"] = json!({"text": known.title});
        rule["fullDescription"] = json!({"text": known.explanation});
        rule["help"] = json!({"text": format!("seedbed explain {code}")});
    }
    rule
}

fn result(subject: &Subject<'_>, codes: &[&str], run: &Run<'_>) -> Value {
    let finding = subject.finding;
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": codes.iter().position(|code| *code == finding.code),
        "level": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "message": {"text": whole_message(finding)},
        "partialFingerprints": {"primaryLocationLineHash": format!("{}:1", subject.fingerprint)},
    });
    // GitHub refuses the whole file when one result has no place.
    result["locations"] = json!([location(&subject.span)]);
    if !finding.also.is_empty() {
        let related = finding.also.iter().enumerate().map(|(index, label)| {
            let mut related = location(&span(&label.place, run, Paths::Rooted));
            related["id"] = json!(index + 1);
            related["message"] = json!({"text": label.note});
            related
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

fn suppression(allowed: &Allowed, run: &Run<'_>) -> Value {
    let place = location(&span(&allowed.at, run, Paths::Rooted));
    json!({"kind": "inSource", "justification": allowed.reason, "location": place})
}

fn location(span: &Span) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&span.path)},
        "region": {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        },
    }})
}

/// A path as a URI reference (RFC 3986), a whole URI for a file outside of the checkout: everything but unreserved
/// characters and slashes is escaped.
fn uri(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    from_root(&path.bytes().map(escape).collect::<String>())
}
