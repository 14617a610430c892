//! Finds the bracket that somebody forgot to close: parsers stop far below it.

use super::dom::Span;
use super::lines::Lines;

/// Whether the bracket that opens at `open` is closed nowhere.
///
/// What is inside a bracket is indented more than the line that it opens in: a line that is not and that does not close
/// it belongs to what comes after.
pub fn is_never_closed(text: &str, open: Span) -> bool {
    let Some(line) = Lines::of(text).find(|line| line.number == open.line as usize) else { return false };
    let (indentation, mut depth, mut quote) = (line.indentation().len(), 0_usize, None);
    for line in Lines::of(text).skip_while(|line| line.number < open.line as usize) {
        let is_first = line.number == open.line as usize;
        let from = if is_first { open.start - line.start } else { 0 };
        let rest = &line.text[from..];
        let is_outside = !rest.trim().is_empty() && line.indentation().len() <= indentation;
        if !is_first && quote.is_none() && is_outside && !rest.trim_start().starts_with(['}', ']']) {
            return true;
        }
        if follow(rest, &mut depth, &mut quote) {
            return false;
        }
    }
    true
}

// Counts brackets outside of quotes and comments. Whether the first of them was closed.
fn follow(line: &str, depth: &mut usize, quote: &mut Option<char>) -> bool {
    let mut before = ' ';
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (*quote, character) {
            (Some('"'), '\\') => {
                characters.next();
            }
            (Some(open), character) if open == character => *quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if !before.is_alphanumeric() => *quote = Some(character),
            (None, '#') if before.is_whitespace() => return false,
            (None, '{' | '[') => *depth += 1,
            (None, '}' | ']') => *depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if *depth == 0 && matches!(character, '}' | ']') && quote.is_none() {
            return true;
        }
        before = character;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never_closed(text: &str) -> bool {
        let start = text.find(['{', '[']).expect("a bracket");
        let line = 1 + text[..start].matches('\n').count();
        is_never_closed(text, Span { start, end: start, line: u32::try_from(line).expect("a line"), column: 1 })
    }

    #[test]
    fn what_is_indented_less_is_not_inside() {
        assert!(never_closed("- a: {b: {c: d}\n- e\n"));
        assert!(never_closed("a: [b,\n  c\nd: e]\n"));
        assert!(never_closed("a: {b: '}'\n"));
        assert!(!never_closed("a: {b: '}', c: [d]}\n"));
        assert!(!never_closed("a: {\n  b: c d: e\n}\n"));
        assert!(!never_closed("a: { # }\n  b: c }\n"));
    }
}
