//! Findings for people, in the style of rustc, through annotate-snippets.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::redact::conceal;
use crate::manifest::source::Source;
use crate::manifest::yaml::lines::Lines;
use crate::model::{Finding, Place, Severity, is_printable, printable};

/// Places further apart than this are shown one after the other, and longer lines are not shown.
const SHOWN_BYTES_MAX: usize = 8 << 10;

/// Whether the output may hold colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours, for a terminal.
    Always,
    /// Plain text.
    Never,
}

/// Renders findings one after the other, with the lines of the sources that they speak of.
///
/// A place in a file that is not among `sources` prints without its line. Values of secret keys in the shown lines
/// are replaced.
pub fn render(findings: &[Finding], sources: &[Source], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Always => Renderer::styled(),
        Colour::Never => Renderer::plain(),
    };
    let mut text = String::new();
    for finding in findings {
        let report = [group(finding, sources)];
        text.push_str(&renderer.render(&report));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(finding: &'a Finding, sources: &'a [Source]) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&finding.message)).id(printable(&finding.code));
    let mut group = Group::with_title(title);
    for marks in by_file(finding) {
        group = match sources.iter().find(|source| source.path == marks[0].place.file) {
            Some(source) if !source.text.is_empty() && fits(source, &marks) => group.element(snippet(source, &marks)),
            Some(_) | None => group.elements(marks.iter().map(|mark| origin(mark.place))),
        };
    }
    group.elements(finding.help.iter().map(|help| Level::HELP.message(printable(help))))
}

/// One marked place.
struct Mark<'a> {
    place: &'a Place,
    note: Option<&'a str>,
    kind: AnnotationKind,
}

// One snippet a file: two places of one file stand in one picture.
fn by_file(finding: &Finding) -> Vec<Vec<Mark<'_>>> {
    let main =
        finding.place.iter().map(|place| Mark { place, note: finding.note.as_deref(), kind: AnnotationKind::Primary });
    let others = finding.also.iter().map(|label| Mark {
        place: &label.place,
        note: Some(label.note.as_str()),
        kind: if finding.place.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary },
    });
    let mut files: Vec<Vec<Mark<'_>>> = Vec::new();
    for mark in main.chain(others) {
        match files.iter_mut().find(|marks| is_near(marks[0].place, mark.place)) {
            Some(marks) => marks.push(mark),
            None => files.push(vec![mark]),
        }
    }
    files
}

fn is_near(one: &Place, other: &Place) -> bool {
    one.file == other.file && one.start.abs_diff(other.start) < SHOWN_BYTES_MAX
}

// A line can be as long as a file: then its place has to do.
fn fits(source: &Source, marks: &[Mark<'_>]) -> bool {
    lines_around(&source.text, marks).len() < 2 * SHOWN_BYTES_MAX
}

fn origin(place: &Place) -> Origin<'_> {
    let origin = Origin::path(printable(&place.file));
    match (place.line, place.column) {
        (0, _) => origin,
        (line, column) => origin.line(line as usize).char_column(column as usize),
    }
}

fn snippet<'a>(source: &'a Source, marks: &[Mark<'a>]) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let lines = lines_around(&source.text, marks);
    let first_line = 1 + Lines::of(&source.text[..lines.start]).count();
    // Line ends of Windows and of old Macs are noise here. Lengths must stay as they are: the spans count bytes.
    let shown = conceal(&source.text[lines.clone()]).replace("\r\n", " \n").replace('\r', "\n");
    let mut snippet = Snippet::source(blanked(&shown)).path(printable(&source.path)).line_start(first_line);
    for mark in marks {
        let span = clamp(&source.text, mark.place);
        let span = span.start - lines.start..span.end - lines.start;
        snippet = snippet.annotation(mark.kind.span(span).label(mark.note.map(printable)));
    }
    snippet
}

// What cannot be printed is a mark of the same bytes.
fn blanked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match (c, c.len_utf8()) {
            ('\n' | '\t', _) => shown.push(c),
            (c, _) if is_printable(c) => shown.push(c),
            (_, 3) => shown.push('\u{fffd}'),
            (_, bytes) => shown.extend(std::iter::repeat_n('?', bytes)),
        }
    }
    shown
}

fn lines_around(text: &str, marks: &[Mark<'_>]) -> Range<usize> {
    let spans = || marks.iter().map(|mark| clamp(text, mark.place));
    let first = spans().map(|span| span.start).min().unwrap_or(0);
    let last = spans().map(|span| span.end).max().unwrap_or(0);
    let start = text[..first].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let end = text[last..].find(['\n', '\r']).map_or(text.len(), |at| last + at);
    start..end.max(start)
}

// Places come from outside too (a daemon's reply): they need not fit the text that is at hand.
fn clamp(text: &str, place: &Place) -> Range<usize> {
    let start = boundary(text, place.start);
    let end = boundary(text, place.end).max(start);
    let line_end = text[start..end].find(['\n', '\r']).map_or(end, |at| start + at);
    start..line_end
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, start: usize, end: usize) -> Place {
        Place { file: file.into(), line: 2, column: 3, start, end, pointer: String::new() }
    }

    #[test]
    fn the_line_is_shown_with_carets_and_help() {
        let source = Source::new("site/pools.yaml", "a:\n  sorce: 1\n");
        let finding = Finding::error("SB014", "unknown key `sorce`")
            .at(place("site/pools.yaml", 5, 10))
            .noting("did you mean `source`?")
            .helping("seedbed explain storage-zfs.source");
        insta::assert_snapshot!(render(&[finding], &[source], Colour::Never), @r"
        error[SB014]: unknown key `sorce`
         --> site/pools.yaml:2:3
          |
        2 |   sorce: 1
          |   ^^^^^ did you mean `source`?
          |
          = help: seedbed explain storage-zfs.source
        ");
    }

    #[test]
    fn a_place_without_its_text_still_prints() {
        let finding = Finding::warning("SB014", "unknown key `sorce`").at(place("gone.yaml", 5, 10));
        insta::assert_snapshot!(render(&[finding], &[], Colour::Never), @r"
        warning[SB014]: unknown key `sorce`
        --> gone.yaml:2:3
        ");
    }

    #[test]
    fn two_places_of_one_file_stand_in_one_picture_and_secrets_are_covered() {
        let source = Source::new("a.yaml", "config:\n  core.trust_password: one\n  core.trust_password: two\n");
        let finding = Finding::error("SB007", "the key `core.trust_password` stands twice")
            .at(place("a.yaml", 37, 56))
            .with(place("a.yaml", 10, 29), "first here");
        insta::assert_snapshot!(render(&[finding], &[source], Colour::Never), @r"
        error[SB007]: the key `core.trust_password` stands twice
         --> a.yaml:3:3
          |
        2 |   core.trust_password: ***
          |   ------------------- first here
        3 |   core.trust_password: ***
          |   ^^^^^^^^^^^^^^^^^^^
        ");
    }

    #[test]
    fn a_place_that_does_not_fit_the_text_does_no_harm() {
        let source = Source::new("a.yaml", "é\nb");
        let finding = Finding::error("SB001", "odd").at(place("a.yaml", 1, 900));
        assert!(render(&[finding], &[source], Colour::Never).contains("odd"));
    }
}
