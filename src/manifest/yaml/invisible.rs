//! Characters that nobody sees and that mean something else than they seem to: no-break spaces, marks of width nothing,
//! control characters.

use std::borrow::Cow;

use crate::model::{is_printable, written_out};

/// What a character is called when it cannot be shown as itself: `U+200B (zero width space)`.
pub fn name(character: char) -> String {
    let known = KNOWN.iter().find(|(known, _)| *known == character).map(|(_, name)| format!(" ({name})"));
    format!("U+{:04X}{}", u32::from(character), known.unwrap_or_default())
}

const KNOWN: [(char, &str); 16] = [
    ('\0', "null"),
    ('\u{7}', "bell"),
    ('\u{8}', "backspace"),
    ('\u{1b}', "escape"),
    ('\u{7f}', "delete"),
    ('\u{a0}', "no-break space"),
    ('\u{ad}', "soft hyphen"),
    ('\u{200b}', "zero width space"),
    ('\u{200c}', "zero width non-joiner"),
    ('\u{200d}', "zero width joiner"),
    ('\u{202f}', "narrow no-break space"),
    ('\u{2060}', "word joiner"),
    ('\u{3000}', "ideographic space"),
    ('\u{2007}', "figure space"),
    ('\u{2003}', "em space"),
    ('\u{feff}', "byte-order mark"),
];

/// Whether a character takes part in a word without being seen in it, or looks like a blank and is none.
pub fn is_invisible(character: char) -> bool {
    // Joiners belong to words of some languages, where screens show them as they are meant; in a key they only deceive.
    let is_joiner = matches!(character, '\u{200c}' | '\u{200d}');
    let is_line_end = matches!(character, '\u{2028}' | '\u{2029}');
    let is_hidden = !is_printable(character) && !character.is_control() && !is_line_end;
    is_joiner || is_hidden || is_false_blank(character)
}

/// Whether a character looks like a blank, which to YAML it is not.
pub fn is_false_blank(character: char) -> bool {
    !character.is_ascii() && character.is_whitespace() && !matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether YAML takes a character nowhere, in quotes neither (YAML 1.2.2, section 5.1).
pub fn is_forbidden(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    is_control || matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// The text with what cannot be seen in it written out: `a\u{200b}b`.
pub fn shown(text: &str) -> Cow<'_, str> {
    written_out(text, |character| is_invisible(character) || is_forbidden(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_written_out_and_what_people_write_is_not() {
        assert_eq!(shown("a\u{200b}b\u{1b}[31m"), "a\\u{200b}b\\u{1b}[31m");
        assert_eq!(shown("café 中 😀"), "café 中 😀");
        assert_eq!((name('\u{a0}'), name('\u{1}')), ("U+00A0 (no-break space)".to_owned(), "U+0001".to_owned()));
        assert!(!is_forbidden('\u{85}') && is_forbidden('\u{7f}') && is_false_blank('\u{a0}') && !is_false_blank(' '));
    }
}
