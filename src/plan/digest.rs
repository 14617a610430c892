//! What identifies a plan.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::report::{FieldChange, PlannedChange};
use super::rollout::PlannedWaves;
use crate::model::MemberName;

/// SHA-256 in hex over what the changes do, and after a `-` the seed of what was chosen. Secrets take no part, and
/// neither do chosen values without a seed: they come out otherwise each time.
pub fn digest(changes: &[PlannedChange], waves: Option<&PlannedWaves>, seed: Option<u64>) -> String {
    let mut text = String::new();
    for wave in waves.iter().flat_map(|waves| &waves.order) {
        let members: Vec<&str> = wave.iter().map(MemberName::as_str).collect();
        line(&mut text, &[&["wave"], members.as_slice()].concat());
    }
    if let Some(waves) = waves {
        line(&mut text, &["failures", &waves.max_failures.to_string()]);
    }
    for change in changes {
        let generation = change.precondition.map_or_else(|| "absent".to_owned(), |generation| generation.to_string());
        line(&mut text, &[&change.key.to_string(), &format!("{:?}", change.action), &generation]);
        fields(&mut text, &change.fields, seed.is_some());
        for row in &change.members {
            line(&mut text, &["member", row.member.as_str()]);
            fields(&mut text, &row.fields, seed.is_some());
        }
        // What waits for a member is only defined.
        for member in &change.waits_for {
            line(&mut text, &["waits", member.as_str()]);
        }
    }
    let hash = Sha256::digest(text.as_bytes());
    let mut digest = hash.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    if let Some(seed) = seed.filter(|_| changes.iter().any(is_chosen)) {
        let _ = write!(digest, "-{seed:016x}");
    }
    digest
}

/// The seed of what was chosen for the plan with this digest, when anything was.
pub fn seed_of(digest: &str) -> Option<u64> {
    u64::from_str_radix(digest.split_once('-')?.1, 16).ok()
}

fn is_chosen(change: &PlannedChange) -> bool {
    let own = change.members.iter().flat_map(|row| &row.fields);
    change.fields.iter().chain(own).any(|field| field.computed)
}

fn fields(text: &mut String, fields: &[FieldChange], is_repeatable: bool) {
    for FieldChange { path, before, after, secret, computed } in fields {
        let hidden = *secret || (*computed && !is_repeatable);
        let shown = |value: &Option<String>| value.clone().filter(|_| !hidden).unwrap_or_default();
        line(text, &["field", path, &shown(before), &shown(after)]);
    }
}

// Lengths keep `a b` and `a`, `b` apart.
fn line(text: &mut String, parts: &[&str]) {
    for part in parts {
        let _ = write!(text, "{}:{part} ", part.len());
    }
    text.push('\n');
}
