//! Covers the values of secret keys in text that is about to be shown.

use std::borrow::Cow;

use crate::kinds::tables::key_table;

/// The text with every byte of a secret replaced by `*`: spans into it stay true.
///
/// Goes by the keys that stand before a colon, so that it works on text that no parser understands.
pub fn conceal(text: &str) -> Cow<'_, str> {
    if !text.split_inclusive('\n').any(|line| secret_at(line).is_some()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive('\n').map(conceal_line).collect())
}

fn conceal_line(line: &str) -> String {
    let (shown, covered) = line.split_at(secret_at(line).unwrap_or(line.len()));
    let cover = |c: char| if matches!(c, '\n' | '\r') { c.to_string() } else { "*".repeat(c.len_utf8()) };
    shown.chars().map(String::from).chain(covered.chars().map(cover)).collect()
}

// Where the value of the first secret key of a line starts.
fn secret_at(line: &str) -> Option<usize> {
    line.match_indices(": ").find(|(at, _)| is_secret(&line[..*at])).map(|(at, colon)| at + colon.len())
}

fn is_secret(before_colon: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let key = before_colon.trim_end_matches(['"', '\'']);
    let start = key.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
    key.is_char_boundary(start) && key_table::is_secret_key(&key[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_keys_are_covered_and_lengths_stay() {
        let text = "a: 1\n  core.trust_password: \"sékret\" # x\n  cluster_token: abc\nb: 2";
        let shown = conceal(text);
        assert_eq!(shown.len(), text.len());
        assert!(!shown.contains("kret") && !shown.contains("abc"), "{shown}");
        assert!(shown.contains("a: 1\n") && shown.ends_with("b: 2"), "{shown}");
    }

    #[test]
    fn durations_are_no_secrets() {
        assert_eq!(conceal("cluster.join_token_expiry: 3H"), "cluster.join_token_expiry: 3H");
        assert_eq!(conceal("a: {cluster_token: x, b: 1}"), "a: {cluster_token: ********");
    }
}
