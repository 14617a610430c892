//! Secrets that nobody chose: marks of templates, and what `lxd init --dump` prints for what it hides.

use crate::kinds::Spot;
use crate::kinds::tables::key_table;
use crate::manifest::set::object_set::{Found, Set};
use crate::model::Finding;

/// Warns of every secret key whose value stands for something else.
pub fn check(set: &mut Set<'_>) {
    set.findings.extend(set.objects.values().flat_map(of_object));
}

fn of_object(found: &Found<'_>) -> Vec<Finding> {
    let config = found.declared.spec.config_entries();
    let left = config.filter(|(key, value)| key_table::is_secret_key(key) && is_placeholder(value));
    left.map(|(key, _)| finding(key).at(found.place(&["config".to_owned(), key.to_owned()], Spot::Key))).collect()
}

/// Whether a secret is what a template or a dump puts in its place. Variables that were forgotten are told for every key.
pub fn is_placeholder(secret: &str) -> bool {
    const WORDS: [&str; 6] = ["changeme", "change_me", "change-me", "placeholder", "todo", "redacted"];
    const MARKS: [&str; 3] = ["<", "{{", "__"];
    let lower = secret.to_ascii_lowercase();
    let is_marked = MARKS.iter().any(|mark| secret.starts_with(mark));
    matches!(lower.as_str(), "true" | "false") || is_marked || WORDS.iter().any(|word| lower.contains(word))
}

/// The finding about it.
pub fn finding(key: &str) -> Finding {
    let help = "`lxd init --dump` prints `true` for what it hides, and templates leave marks: write the secret itself";
    Finding::warning("SB130", format!("the value of `{key}` looks like a placeholder")).helping(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_hidden_values_are_recognised_and_passwords_are_not() {
        for left in ["true", "<ChangeMe>", "PLACEHOLDER-PASSWORD", "{{ secret }}"] {
            assert!(is_placeholder(left), "{left}");
        }
        for chosen in ["sekret", "trueblue", "a<b", "password"] {
            assert!(!is_placeholder(chosen), "{chosen}");
        }
    }
}
