//! What identifies a plan.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::report::{FieldChange, PlannedChange};
use super::waves::PlannedWaves;
use crate::model::MemberName;

/// SHA-256 in hex over what the changes do. Neither secrets nor chosen values take part.
pub fn digest(changes: &[PlannedChange], waves: Option<&PlannedWaves>) -> String {
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
        fields(&mut text, &change.fields);
        for row in &change.members {
            line(&mut text, &["member", row.member.as_str()]);
            fields(&mut text, &row.fields);
        }
    }
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn fields(text: &mut String, fields: &[FieldChange]) {
    for FieldChange { path, before, after, secret, computed } in fields {
        let hidden = *secret || *computed;
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
