//! Text of others on a screen. What would move the cursor, paint over other lines, turn the direction of reading or show
//! as nothing is written out: a manifest under review must not be able to hide what it says.

use std::borrow::Cow;

/// The text with everything written out that a terminal would not show as it is: `\u{1b}`. Line ends and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    written_out(text, |c| !is_printable(c) && !matches!(c, '\n' | '\t'))
}

/// The text with these characters written out: `\u{1b}`.
pub fn written_out(text: &str, is_hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Whether a terminal shows a character as itself: no control (C0, DEL, C1), nothing that turns the direction of reading,
/// ends a line or cannot be seen.
pub fn is_printable(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends = matches!(c, '\u{2028}' | '\u{2029}');
    let hides = matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    !(c.is_control() || turns || ends || hides)
}

/// JSON whose strings hold nothing that a terminal would not show as it is. It means the same.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if json.chars().all(|c| is_printable(c) || matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if is_printable(c) => shown.push(c),
            c => c.encode_utf16(&mut units).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_turns_or_hides_is_written_out_and_the_rest_stays() {
        for plain in ["", "br0", "größer 日本語 🦀", "a\n\tb", "e\u{301}"] {
            assert_eq!(printable(plain), plain);
        }
        for (hostile, shown) in [
            ("\u{1b}[2Ka", "\\u{1b}[2Ka"),
            ("a\rb\u{7}\u{8}\u{7f}", "a\\u{d}b\\u{7}\\u{8}\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("a\u{200b}b\u{2028}", "a\\u{200b}b\\u{2028}"),
        ] {
            assert_eq!(printable(hostile), shown);
            assert_eq!(printable(shown), shown, "once is enough");
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"a\u{9b}": ["\u{1b}[2K", "\u{202e}x", "\u{e0041}", "日本"]});
        let shown = printable_json(&value.to_string()).into_owned();
        assert!(shown.chars().all(is_printable), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
