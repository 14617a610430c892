//! What all formats need to know of a finding: where it ends, what identifies it, and which comes first.

use sha2::{Digest, Sha256};

use super::Run;
use crate::manifest::lint::suppress::Allowed;
use crate::manifest::source::Source;
use crate::model::{Finding, Place};

/// A finding with what the formats derive from it.
pub(super) struct Subject<'a> {
    pub finding: &'a Finding,
    /// Where it is. What speaks of the set as a whole is shown at its first file: viewers refuse what has no place.
    pub span: Span,
    /// Stays the same when lines move: the rule, the file, the place in the document, and a number among equals.
    pub fingerprint: String,
}

/// Lines and columns from 1, in characters; the end is the column after the last character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub path: String,
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// For whom paths are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paths {
    /// People and their scripts: as the user named them.
    Named,
    /// Code hosts: from the root of the checkout.
    Rooted,
}

/// All findings, the gravest first: viewers cut long lists at the end.
pub(super) fn subjects<'a>(run: &Run<'a>, paths: Paths) -> Vec<Subject<'a>> {
    let mut all: Vec<Subject<'a>> = identified(run.findings.iter(), *run, paths).collect();
    all.sort_by_key(|subject| std::cmp::Reverse(subject.finding.severity));
    all
}

/// What comments allow, each with the comment.
pub(super) fn allowed<'a>(run: &Run<'a>, paths: Paths) -> impl Iterator<Item = (Subject<'a>, &'a Allowed)> {
    identified(run.allowed.iter().map(|allowed| &allowed.finding), *run, paths).zip(run.allowed)
}

fn identified<'a>(
    findings: impl Iterator<Item = &'a Finding>,
    run: Run<'a>,
    paths: Paths,
) -> impl Iterator<Item = Subject<'a>> {
    let mut seen = std::collections::HashMap::<String, u32>::new();
    findings.map(move |finding| {
        let identity = identity(finding, &run);
        let number = seen.entry(identity.clone()).and_modify(|count| *count += 1).or_insert(1);
        let digest = Sha256::digest(format!("{identity}\n{number}"));
        Subject {
            finding,
            span: match &finding.place {
                Some(place) => span(place, &run, paths),
                None => span(&Place::of_file(whole_set(&run)), &run, paths),
            },
            fingerprint: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
        }
    })
}

fn whole_set<'a>(run: &Run<'a>) -> &'a str {
    run.sources.first().map_or(".", |source| source.path.as_str())
}

// The same from whichever directory the program is run.
fn identity(finding: &Finding, run: &Run<'_>) -> String {
    let (file, pointer) = match &finding.place {
        Some(place) => (shown_path(&place.file, run, Paths::Rooted), place.pointer.as_str()),
        None => (String::new(), ""),
    };
    format!("{}\n{file}\n{pointer}", finding.code)
}

/// The path as a report writes it.
pub(super) fn shown_path(path: &str, run: &Run<'_>, paths: Paths) -> String {
    match (path, run.checkout.filter(|_| paths == Paths::Rooted)) {
        (Source::STDIN, _) => "stdin".to_owned(),
        (path, Some(checkout)) => checkout.path(path),
        (path, None) => path.strip_prefix("./").unwrap_or(path).to_owned(),
    }
}

/// A path from the root as it is, and a URI for a file outside of the checkout.
pub(super) fn from_root(path: &str) -> String {
    if path.starts_with('/') { format!("file://{path}") } else { path.to_owned() }
}

pub(super) fn span(place: &Place, run: &Run<'_>, paths: Paths) -> Span {
    let line = place.line.max(1);
    let column = place.column.max(1);
    let marked = (run.sources.iter())
        .find(|source| source.path == place.file)
        .and_then(|source| source.text.get(place.start..place.end))
        .unwrap_or_default();
    let lines = u32::try_from(marked.matches('\n').count()).unwrap_or(0);
    let last = marked.rsplit('\n').next().unwrap_or_default();
    let width = u32::try_from(last.chars().count()).unwrap_or(0);
    Span {
        path: shown_path(&place.file, run, paths),
        line,
        column,
        end_line: line + lines,
        end_column: if lines == 0 { column + width } else { 1 + width },
    }
}

/// The sentence with its note and help, for viewers that show one text.
pub(super) fn whole_message(finding: &Finding) -> String {
    let note = finding.note.iter().map(|note| format!("\n{note}"));
    let also = finding.also.iter().map(|label| format!("\n{}: {}", label.place, label.note));
    let help = finding.help.iter().map(|help| format!("\nhelp: {help}"));
    std::iter::once(finding.message.clone()).chain(note).chain(also).chain(help).collect()
}
