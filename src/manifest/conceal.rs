//! Covers the values of secret keys in text that is about to be shown.

use std::borrow::Cow;

/// Parts of key names that mark a value as secret.
const SECRET_WORDS: [&str; 6] = ["password", "token", "secret", "api.key", "api_key", "private_key"];

/// Whether the value of `key` must never be shown.
pub(super) fn is_secret(key: &str) -> bool {
    // `cluster.join_token_expiry` and the like are durations.
    SECRET_WORDS.iter().any(|word| key.contains(word)) && !key.ends_with("expiry")
}

/// The text with every byte of a secret replaced by `*`: spans into it stay true.
pub(super) fn conceal(text: &str) -> Cow<'_, str> {
    if !SECRET_WORDS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive('\n').map(conceal_line).collect())
}

fn conceal_line(line: &str) -> Cow<'_, str> {
    let Some(word) = SECRET_WORDS.iter().filter_map(|word| line.find(word)).min() else { return Cow::Borrowed(line) };
    let Some(colon) = line[word..].find(": ") else { return Cow::Borrowed(line) };
    if !is_secret(&line[word..word + colon]) {
        return Cow::Borrowed(line);
    }
    let (key, value) = line.split_at(word + colon + 2);
    let covered = value.chars().map(|c| match c {
        '\n' | '\r' => c.to_string(),
        _ => "*".repeat(c.len_utf8()),
    });
    Cow::Owned(key.chars().map(String::from).chain(covered).collect())
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
        assert!(!is_secret("core.remote_token_expiry") && is_secret("core.trust_password"));
    }
}
