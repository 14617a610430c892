//! Text to documents. What is wrong with the YAML itself is found here.

use granit_parser::{Event, Marker, Parser, ScanError, StrInput, options};

use super::compose::Composer;
use super::diagnosis;
use super::dom::{Document, Span};
use crate::manifest::lint::suppress::{self, Allowances};
use crate::manifest::loaded::Limits;
use crate::manifest::source::Source;
use crate::model::{Finding, Place};

/// After so many broken documents the rest of a source is not read.
const BROKEN_MAX: usize = 100;

/// More faulty comments of one source than this are not told.
const FAULTY_COMMENTS_MAX: usize = 1_100;

/// What a source holds.
pub struct Parsed<'a> {
    /// The documents that could be read, empty ones left out.
    pub documents: Vec<Document<'a>>,
    /// What comments allow.
    pub allowances: Allowances,
    /// What is wrong with the YAML.
    pub findings: Vec<Finding>,
    /// Whether parts of the source could not be read.
    pub is_partial: bool,
}

impl Parsed<'_> {
    // The dots of an elided certificate end a document that is then whole to YAML and half to its author.
    fn forget_cut_document(&mut self, source: &Source, finding: &Finding) {
        let dots = finding.place.as_ref().filter(|_| finding.code == "SB008").map(|place| place.start);
        let first = self.documents.last().map(|document| document.root.span.start);
        if let (Some(dots), Some(first)) = (dots, first)
            && first < dots
            && !source.text[first..dots].contains("\n---\n")
        {
            self.documents.pop();
        }
    }
}

/// Reads one source. A broken document hides neither those before it nor those after the next `---`.
pub fn parse<'a>(source: &'a Source, limits: &Limits) -> Parsed<'a> {
    let mut parsed =
        Parsed { documents: Vec::new(), allowances: Allowances::default(), findings: Vec::new(), is_partial: false };
    if source.text.len() > limits.source_bytes_max {
        let message = format!("`{}` is larger than {} MiB", source.path, limits.source_bytes_max >> 20);
        let finding = Finding::error("SB004", message).at(Place::of_file(source.path.as_str()));
        parsed.findings.push(finding.helping("split it: a directory is read as one set"));
        parsed.is_partial = true;
        return parsed;
    }
    parsed.findings.extend(diagnosis::oddities(source));
    parsed.findings.extend(diagnosis::false_blanks(source));
    if let Some(finding) = diagnosis::lost_indentation(source) {
        parsed.findings.push(finding);
        parsed.is_partial = true;
        return parsed;
    }
    let mut composer = Composer::new(&source.path, limits.source_nodes_max);
    let mut parser = parser(&source.text);
    loop {
        let failed = match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, at))) => step(&mut composer, event, span(&at.start, &at.end), &mut parsed, source),
            Some(Err(error)) => Err(Box::new(explain(source, &error, composer.open_bracket(&source.text)))),
        };
        if let Err(finding) = failed {
            parsed.forget_cut_document(source, &finding);
            parsed.findings.push(*finding);
            parsed.is_partial = true;
            if parsed.findings.len() >= BROKEN_MAX || !matches!(parser.proceed_next_document(), Ok(true)) {
                break;
            }
        }
    }
    parsed.findings.extend(composer.into_findings());
    if parsed.documents.is_empty() && !parsed.is_partial {
        parsed.findings.push(diagnosis::nothing(source));
    }
    parsed.findings.sort_by_key(|finding| finding.place.as_ref().map(|place| place.start));
    // What lies behind a mistake may not be readable for the same reason.
    parsed.findings.dedup_by(|second, first| second.code == first.code && second.place == first.place);
    parsed
}

// Comments cost time: they are read only where one of them may speak to us.
fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    let emit_comments = suppress::may_be_in(text);
    Parser::new_from_str_with_options(
        text,
        options! { emit_comments: emit_comments, max_buffered_comment_events: usize::MAX },
    )
}

fn step<'a>(
    composer: &mut Composer<'a>,
    event: Event<'a>,
    span: Span,
    parsed: &mut Parsed<'a>,
    source: &'a Source,
) -> Result<(), Box<Finding>> {
    match event {
        Event::Comment(..) if parsed.findings.len() > FAULTY_COMMENTS_MAX => {}
        Event::Comment(text, _) => parsed.findings.extend(suppress::read(source, &text, span, &mut parsed.allowances)),
        Event::DocumentStart(..) => composer.begin(),
        Event::DocumentEnd => {
            let root = composer.finish().filter(|root| !root.is_null());
            parsed.documents.extend(root.map(|root| Document { file: &source.path, root }));
        }
        event => composer.take(event, span)?,
    }
    Ok(())
}

fn explain(source: &Source, error: &ScanError, bracket: Option<Span>) -> Finding {
    let at = span(error.marker(), error.marker());
    diagnosis::explain(source, error.kind(), at, bracket)
}

fn span(start: &Marker, end: &Marker) -> Span {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span {
        start: start.byte_offset().unwrap_or(0),
        end: end.byte_offset().unwrap_or(0),
        line: narrow(start.line()),
        column: narrow(start.col() + 1),
    }
}
