//! One text as YAML that every reader takes for the same text: readers of YAML 1.1 turn `010` into 8 and `yes` into true.

use crate::model::is_printable;

/// A text as the value of a key, or as a key; a long one may become a block, whose lines are indented by `indent`.
pub fn value(text: &str, indent: usize) -> String {
    match text {
        _ if is_count(text) || matches!(text, "true" | "false") => text.to_owned(),
        _ if is_block(text) => block(text, indent),
        _ => key(text),
    }
}

/// A text as a key.
pub fn key(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

// What is a number for all readers, and reads back as it was written.
fn is_count(text: &str) -> bool {
    let is_digits = !text.is_empty() && text.len() < 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && (text == "0" || !text.starts_with('0'))
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '$' | '('));
    let fits = |c: char| c.is_alphanumeric() || " /._$()+-=,;:@^~".contains(c);
    starts
        && text.chars().all(fits)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !means_something_else(text)
}

// Words and numbers that some reader takes for something else than text.
fn means_something_else(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan"];
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_start_matches(['+', '-']);
    WORDS.contains(&bare) || is_number(bare) || bare.starts_with("...") || bare.starts_with("---")
}

// Integers in any base, with underscores, in base 60; floats; dates.
fn is_number(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !text.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let hex = text.strip_prefix("0x").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'));
    let octal = text.strip_prefix("0o").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '_'));
    let binary = text.strip_prefix("0b").is_some_and(|rest| rest.chars().all(|c| matches!(c, '0' | '1' | '_')));
    let mut parts = text.splitn(2, 'e');
    let (mantissa, exponent) = (parts.next().unwrap_or_default(), parts.next());
    let dots = mantissa.matches('.').count();
    let is_float = dots <= 1
        && mantissa.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
        && exponent.is_none_or(|rest| rest.trim_start_matches(['+', '-']).chars().all(|c| c.is_ascii_digit()));
    let is_count = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    let is_sixty = text.split_once(':').is_some_and(|(first, rest)| {
        is_count(first) && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '_' | '.'))
    });
    let is_date = text.len() >= 8
        && text.is_char_boundary(4)
        && text[..4].chars().all(|c| c.is_ascii_digit())
        && text[4..].starts_with('-');
    hex || octal || binary || is_float || is_sixty || is_date
}

// Lines that a block keeps as they are: none ends in a blank, and the first needs no mark of its indentation.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let keeps = |line: &str| !line.ends_with([' ', '\t']) && line.chars().all(is_kept);
    body.contains('\n') && !body.ends_with('\n') && !body.starts_with([' ', '\n', '\t']) && body.split('\n').all(keeps)
}

fn is_kept(character: char) -> bool {
    character == '\t' || is_printable(character) && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

fn block(text: &str, indent: usize) -> String {
    let (chomping, body) = match text.strip_suffix('\n') {
        Some(body) => ("", body),
        None => ("-", text),
    };
    let blanks = " ".repeat(indent);
    let line = |line: &str| if line.is_empty() { String::new() } else { format!("{blanks}{line}") };
    let lines: Vec<String> = body.split('\n').map(line).collect();
    format!("|{chomping}\n{}", lines.join("\n"))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            character if is_kept(character) => quoted.push(character),
            character => quoted.push_str(&match u32::from(character) {
                code @ 0..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_reader_takes_for_the_same_text_stays_bare() {
        for text in [
            "data",
            "/dev/vdb1",
            "10.93.0.1:8443",
            "192.168.100.14/24",
            "2GiB",
            "15",
            "0",
            "true",
            "a b",
            "node-1",
            "über",
            "tank/pool",
        ] {
            assert_eq!(value(text, 2), text);
        }
    }

    #[test]
    fn what_some_reader_takes_for_something_else_is_quoted() {
        for text in [
            "",
            "010",
            "0x10",
            "0o7",
            "1_000",
            "1.5",
            "1e3",
            "12:30",
            "2026-11-22",
            "yes",
            "No",
            "ON",
            "y",
            "null",
            "~",
            "True",
            "+1",
            "-1",
            ".5",
            ".inf",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "a:",
            " a",
            "a ",
            "[a",
            "{a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "'a",
            "\"a",
            "|",
            ">",
            "::1",
            ":8443",
            "=",
            "?",
            "a\tb",
            "a\u{7f}",
        ] {
            assert!(value(text, 2).starts_with('"'), "{text:?} became {}", value(text, 2));
        }
    }

    #[test]
    fn lines_become_a_block_and_everything_odd_is_escaped() {
        assert_eq!(value("a\nb: c\n", 4), "|\n    a\n    b: c");
        assert_eq!(value("a\n\nb", 2), "|-\n  a\n\n  b");
        assert_eq!(value("a \nb", 2), r#""a \nb""#);
        assert_eq!(value("a\r\nb\u{feff}", 2), r#""a\r\nb\ufeff""#);
    }
}
