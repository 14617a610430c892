//! Says of broken YAML what its author most likely did.

use granit_parser::ErrorKind;

use super::brackets;
use super::dom::{Span, place};
use super::invisible::{self, is_false_blank, is_forbidden};
use super::lines::{Line, Lines};
use crate::manifest::source::Source;
use crate::model::{Finding, Severity};

/// What stopped the parser, in the clearest words that the text allows.
///
/// `bracket` is the innermost one that is open there.
pub fn explain(source: &Source, kind: &ErrorKind, at: Span, bracket: Option<Span>) -> Finding {
    let spot = Spot { source, kind, at, bracket };
    spot.elided_certificate()
        .or_else(|| spot.conflict())
        .or_else(|| spot.forbidden())
        .or_else(|| spot.tab())
        .or_else(|| spot.template())
        .or_else(|| spot.open_bracket())
        .or_else(|| spot.unknown_anchor())
        .or_else(|| spot.colon())
        .or_else(|| spot.unquoted())
        .unwrap_or_else(|| spot.plain())
}

/// What is odd about a text but does not stop it from being read.
pub fn oddities(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut note = |message: &str, end: usize| {
        let span = Span { start: 0, end, line: 1, column: 1 };
        let finding = Finding { severity: Severity::Note, ..Finding::error("SB011", message) };
        found.push(finding.at(place(&source.path, span, String::new())));
    };
    if source.text.starts_with('\u{feff}') {
        note("the file starts with a byte-order mark, which is skipped", 0);
    }
    if let Some(end) = source.text.find("\r\n") {
        note("the file has Windows line ends, which are read as plain ones", end);
    }
    found
}

/// What to say of a text without a document.
pub fn nothing(source: &Source) -> Finding {
    let span = Span { start: 0, end: 0, line: 1, column: 1 };
    let message = match source.text.trim().is_empty() {
        true => "this file is empty",
        false => "this file holds no document",
    };
    let finding = Finding { severity: Severity::Note, ..Finding::error("SB107", message) };
    finding.at(place(&source.path, span, String::new()))
}

/// A text whose lines all start at the first column although sections hold something: pasted without its blanks.
pub fn lost_indentation(source: &Source) -> Option<Finding> {
    let lines = || Lines::of(&source.text).filter(|line| !line.text.trim().is_empty() && !line.text.starts_with('#'));
    if lines().any(|line| line.text.starts_with([' ', '\t'])) {
        return None;
    }
    let opens = |line: &Line<'_>| line.text.trim_end().strip_suffix(':').is_some_and(|key| !key.contains(['.', ' ']));
    let belongs_inside = |line: &Line<'_>| {
        let key = line.text.split(':').next().unwrap_or_default();
        // These never stand at the top of a manifest.
        key.contains('.')
            || matches!(key, "server_name" | "enabled" | "description" | "source" | "size" | "name" | "type")
    };
    let (_, inside) = lines().zip(lines().skip(1)).find(|(one, next)| opens(one) && belongs_inside(next))?;
    let finding = Finding::error("SB009", "the indentation is lost: every line starts at the first column")
        .at(place(&source.path, inside.span(), String::new()))
        .noting("this belongs inside the line above");
    Some(finding.helping("paste the text again with its leading blanks: they say what belongs to what"))
}

/// Lines that are indented with what looks like blanks. To YAML such a character is part of the key.
pub fn false_blanks(source: &Source) -> Vec<Finding> {
    if source.text.is_ascii() {
        return Vec::new();
    }
    let found = Lines::of(&source.text).filter_map(|line| {
        let indentation = line.indentation();
        let (at, character) = indentation.char_indices().find(|(_, c)| is_false_blank(*c))?;
        (at < line.text.trim_end().len()).then(|| (line.span_at(at, indentation.len() - at), character))
    });
    // One paste brings many such lines.
    let Some((span, character)) = found.into_iter().next() else { return Vec::new() };
    let message = format!("this line is indented with {}, which is no blank to YAML", invisible::name(character));
    let finding = Finding::error("SB031", message).at(place(&source.path, span, String::new()));
    vec![finding.helping(
        "type the blanks anew, here and in the lines below: text from web pages and chats has such characters",
    )]
}

/// Where the parser stopped, and why in its own words.
struct Spot<'a> {
    source: &'a Source,
    kind: &'a ErrorKind,
    at: Span,
    bracket: Option<Span>,
}

/// How the lines begin that a merge of git leaves.
const CONFLICT: [&str; 4] = ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "];

impl Spot<'_> {
    fn finding(&self, code: &str, message: impl Into<String>, span: Span) -> Finding {
        Finding::error(code, message).at(place(&self.source.path, span, String::new()))
    }

    fn plain(&self) -> Finding {
        self.finding("SB005", format!("this is not YAML: {}", self.kind), self.at)
    }

    fn line(&self) -> Option<Line<'_>> {
        Lines::of(&self.source.text).nth(self.at.line.saturating_sub(1) as usize)
    }

    fn elided_certificate(&self) -> Option<Finding> {
        // The parser marks the start of the scalar: the certificate may begin behind it in the same line.
        let line = self.line()?;
        let begin = self.source.text[..line.start + line.text.len()].rfind("-----BEGIN ")?;
        let body = &self.source.text[begin..];
        let body = &body[..body.find("-----END ").unwrap_or(body.len())];
        let dots = body.find("\n...")? + 1;
        let line = Lines::of(&self.source.text).find(|line| line.start == begin + dots)?;
        let finding = self.finding("SB008", "the certificate is cut short with `...`", line.span());
        Some(
            finding
                .noting("YAML reads this as the end of the document")
                .helping("paste the whole certificate, or name its file with cluster_certificate_path"),
        )
    }

    // The line where the parser stops may be any of them, or the one below.
    fn conflict(&self) -> Option<Finding> {
        let number = self.at.line as usize;
        let is_mark = |line: &Line<'_>| CONFLICT.iter().any(|mark| line.text.starts_with(mark));
        let near = Lines::of(&self.source.text).skip(number.saturating_sub(2)).take(3).find(is_mark)?;
        let first = Lines::of(&self.source.text).take(near.number).filter(|line| line.text.starts_with(CONFLICT[0]));
        let finding = self.finding("SB030", "a merge left its conflict here", first.last()?.span());
        Some(finding.helping("decide for one side, and take the lines with `<<<<<<<`, `=======` and `>>>>>>>` out"))
    }

    fn forbidden(&self) -> Option<Finding> {
        let line = self.line()?;
        let is_mark = |c: char| c == '\u{feff}' && matches!(self.kind, ErrorKind::BomInsideDocument);
        let (at, character) = line.text.char_indices().find(|(_, c)| is_forbidden(*c) || is_mark(*c))?;
        let (what, help) = match character {
            '\u{feff}' => {
                ("may stand only at the start of a file", "take it out: files were joined that began with one")
            }
            '\0' => ("is in no YAML", "the file is none, or was not written to its end"),
            _ => ("is in no YAML, not in quotes either", "take it out, or write it as \"\\xNN\" in double quotes"),
        };
        let span = line.span_at(at, character.len_utf8());
        let message = format!("the character {} {what}", invisible::name(character));
        let help = help.replace("NN", &format!("{:02X}", u32::from(character)));
        Some(self.finding("SB005", message, span).helping(help))
    }

    fn open_bracket(&self) -> Option<Finding> {
        let open = self.bracket.filter(|open| brackets::is_never_closed(&self.source.text, *open))?;
        let closing = if self.source.text[open.start..].starts_with('{') { '}' } else { ']' };
        let finding = self.finding("SB005", "this bracket is never closed", Span { end: open.start + 1, ..open });
        let finding = match self.at.line > open.line {
            true => finding.with(place(&self.source.path, self.at, String::new()), "reading ends here"),
            false => finding,
        };
        Some(finding.helping(format!("close it with `{closing}`")))
    }

    fn tab(&self) -> Option<Finding> {
        let is_tab = matches!(
            self.kind,
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabAtBlockScalarStart
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
        );
        let number = self.at.line as usize;
        let around = Lines::of(&self.source.text).skip(number.saturating_sub(2)).take(3);
        let line =
            around.filter(|line| is_tab || line.number == number).find(|line| line.indentation().contains('\t'))?;
        let tab = line.start + line.indentation().find('\t')?;
        let span = line.span_at(tab - line.start, 1);
        let finding = self.finding("SB006", "this line is indented with a tab, which YAML forbids", span);
        Some(finding.helping("use blanks: two for each level"))
    }

    fn template(&self) -> Option<Finding> {
        let line = self.line().filter(|line| line.text.contains("{{") || line.text.contains("{%"))?;
        let finding = self.finding("SB012", "this looks like a template that was not filled in", line.span());
        Some(finding.helping("render the template first and validate what comes out"))
    }

    // `name:a` and `networks` without a colon are texts: what follows them cannot be read.
    fn colon(&self) -> Option<Finding> {
        let is_colon = matches!(self.kind, ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected);
        let number = self.at.line as usize;
        let before =
            Lines::of(&self.source.text).take(number.saturating_sub(1)).filter(|line| !line.text.trim().is_empty());
        let line = before.last().filter(|_| is_colon)?;
        let text = line.text.trim().trim_start_matches("- ");
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        let (message, help) = match text.split_once(':') {
            None if is_name(text) => {
                ("a colon is missing at the end of this line", "write `key: value`, or `key:` before a list")
            }
            Some((key, value)) if is_name(key) && !value.starts_with([' ', '/']) && !value.is_empty() => {
                ("a blank is missing behind the colon", "write `key: value`")
            }
            _ => return None,
        };
        Some(self.finding("SB005", message, line.span()).helping(help))
    }

    fn unknown_anchor(&self) -> Option<Finding> {
        let ErrorKind::UnknownAnchor = self.kind else { return None };
        let finding = self.finding("SB010", "this names an anchor that is not there", self.at);
        Some(finding.helping("text that starts with `*` must be quoted; an alias needs its `&NAME` further up"))
    }

    fn unquoted(&self) -> Option<Finding> {
        let (message, help) = match self.kind {
            ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
                "a second `: ` stands in this line, or its indentation does not fit the line above",
                "quote text that holds a colon and a blank",
            ),
            ErrorKind::UnexpectedCharacter { .. } => {
                ("no value can start with this character", "put the value into quotes")
            }
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
                "this line is neither `key: value` nor part of the text above",
                "is the colon or the indentation missing?",
            ),
            ErrorKind::UnclosedQuotedScalar => {
                ("this quote is never closed", "close it, or double a quote that belongs to the text")
            }
            ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => (
                "the indentation of this line fits nothing above it",
                "entries of one mapping start in the same column",
            ),
            _ => return None,
        };
        Some(self.finding("SB005", message, self.at).helping(help))
    }
}
