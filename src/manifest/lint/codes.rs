//! The rules, each with a stable code: users suppress by it, look it up and search for it.

mod objects;
mod sets;

use objects::OF_OBJECTS;
use sets::OF_SETS;

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its code, which never changes and is never used again: `SB014`.
    pub code: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// Why it matters and what to do.
    pub explanation: &'static str,
    /// Whether no comment can allow what it finds: without it the file, or a part of it, cannot be used at all.
    pub is_binding: bool,
}

/// All rules, in the order of their codes.
pub static RULES: &[Rule] = &joined::<{ OF_OBJECTS.len() + OF_SETS.len() }>(OF_OBJECTS, OF_SETS);

const fn joined<const N: usize>(one: &[Rule], other: &[Rule]) -> [Rule; N] {
    let mut all = [one[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < one.len() { one[at] } else { other[at - one.len()] };
        at += 1;
    }
    all
}

const fn rule(code: &'static str, title: &'static str, explanation: &'static str) -> Rule {
    Rule { code, title, explanation, is_binding: false }
}

impl Rule {
    const fn binding(self) -> Self {
        Self { is_binding: true, ..self }
    }
}

/// The rule with this code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use crate::manifest::codes::*;

    #[test]
    fn codes_stand_in_order_and_once() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(find("SB014").map(|rule| rule.title), Some("an unknown configuration key"));
        assert_eq!(find("SB999"), None);
    }
}
