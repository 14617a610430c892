//! The lines of a text, where YAML ends them: at a line feed, a carriage return, or both (YAML 1.2.2, section 5.4).

use super::dom::Span;

/// One line of a text, without its end.
pub struct Line<'a> {
    /// From 1.
    pub number: usize,
    /// Its first byte.
    pub start: usize,
    /// Without its end.
    pub text: &'a str,
}

/// Cuts texts into lines.
pub struct Lines;

impl Lines {
    /// All lines of a text, from the first.
    pub fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        let mut number = 0;
        std::iter::from_fn(move || {
            let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
            let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let end = match rest.as_bytes().get(length..) {
                Some([b'\r', b'\n', ..]) => length + 2,
                Some([_, ..]) => length + 1,
                _ => length,
            };
            let line = Line { number: number + 1, start, text: &rest[..length] };
            (start, number) = (start + end, number + 1);
            Some(line)
        })
    }
}

impl<'a> Line<'a> {
    /// The white space that it begins with.
    pub fn indentation(&self) -> &'a str {
        &self.text[..self.text.len() - self.text.trim_start().len()]
    }

    /// What stands in it, without white space around it.
    pub fn span(&self) -> Span {
        let indentation = self.indentation();
        Span {
            start: self.start + indentation.len(),
            end: self.start + self.text.trim_end().len(),
            ..self.span_at(indentation.len(), 0)
        }
    }

    /// `length` bytes from byte `at` of the line on.
    pub fn span_at(&self, at: usize, length: usize) -> Span {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let column = self.text.get(..at).map_or(at, |before| before.chars().count()) + 1;
        let start = self.start + at;
        Span { start, end: start + length, line: narrow(self.number), column: narrow(column) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_ends_of_lines_end_lines() {
        let lines: Vec<(usize, usize, &str)> =
            Lines::of("a\nb\r\n\rc\n").map(|line| (line.number, line.start, line.text)).collect();
        assert_eq!(lines, [(1, 0, "a"), (2, 2, "b"), (3, 5, ""), (4, 6, "c")]);
        assert_eq!(Lines::of("").count(), 0);
    }
}
