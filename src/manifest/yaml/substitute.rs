//! `${NAME}` in values of a set that has variables. Works on parsed scalars, never on text: a value cannot become
//! structure, spans stay true, and what is unknown is a finding where it stands.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::dom::{Document, Value, YamlNode};
use crate::kinds::tables::key_table;
use crate::model::{Finding, pointer};

/// The variables of a set, by name.
pub type Variables = BTreeMap<String, String>;

/// Replaces every `${NAME}` in the values of a document. `$${` stands for `${`.
pub fn substitute(document: &mut Document<'_>, variables: &Variables) -> Vec<Finding> {
    let mut walk = Walk { file: document.file, variables, findings: Vec::new() };
    walk.node(&mut document.root);
    // An alias repeats a value with its place.
    walk.findings.dedup();
    walk.findings
}

struct Walk<'v, 'a> {
    file: &'a str,
    variables: &'v Variables,
    findings: Vec<Finding>,
}

impl Walk<'_, '_> {
    fn node(&mut self, node: &mut YamlNode<'_>) {
        let span = node.span;
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| self.node(&mut entry.value)),
            Value::Scalar(scalar) if scalar.text.contains("${") => match replaced(&scalar.text, self.variables) {
                Ok(text) => {
                    scalar.text = Cow::Owned(text);
                    // A value that happens to read `null` is text all the same.
                    scalar.is_plain &= !scalar.is_null();
                }
                Err(finding) => {
                    self.findings.push((*finding).at(super::dom::place(self.file, span, String::new())));
                }
            },
            Value::Scalar(_) => {}
        }
    }
}

fn replaced(text: &str, variables: &Variables) -> Result<String, Box<Finding>> {
    let mut out = String::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = left.find("${") {
        if left[..at].ends_with('$') {
            out.push_str(&left[..at]);
            out.push('{');
            left = &left[at + 2..];
            continue;
        }
        out.push_str(&left[..at]);
        let rest = &left[at + 2..];
        let (name, after) = rest.split_once('}').filter(|(name, _)| is_name(name)).ok_or_else(|| {
            Box::new(
                Finding::error("SB191", "`${` starts a variable, and no `NAME}` follows")
                    .helping("write ${NAME} with letters, digits and _, or $${ for the two characters themselves"),
            )
        })?;
        match variables.get(name) {
            Some(value) => out.push_str(value),
            None => return Err(Box::new(unknown(name, variables))),
        }
        left = after;
    }
    out.push_str(left);
    Ok(out)
}

fn unknown(name: &str, variables: &Variables) -> Finding {
    let finding = Finding::error("SB190", format!("this set has no variable `{name}`"));
    match key_table::nearest(name, variables.keys().map(String::as_str)) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping(format!(
            "give it a value: --var {name}=VALUE, a line of a --vars FILE, or seedbed source add … --var for a source; \
             or write $${{ for the two characters themselves"
        )),
    }
}

/// Warns of every `${NAME}` in the values of a document that is read without variables: most likely they were forgotten.
/// Scripts have variables of their own, so texts of several lines are left alone.
pub fn forgotten(document: &Document<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    seek(document, &document.root, &mut Vec::new(), &mut findings);
    findings.dedup();
    findings
}

fn seek<'d>(
    document: &Document<'_>,
    node: &'d YamlNode<'_>,
    path: &mut Vec<Cow<'d, str>>,
    findings: &mut Vec<Finding>,
) {
    let mut below = |step: Cow<'d, str>, node: &'d YamlNode<'_>, findings: &mut Vec<Finding>| {
        path.push(step);
        seek(document, node, path, findings);
        path.pop();
    };
    match &node.value {
        Value::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| below(Cow::Owned(at.to_string()), item, findings));
        }
        Value::Map(entries) => {
            entries.iter().for_each(|entry| below(Cow::Borrowed(&entry.key), &entry.value, findings));
        }
        Value::Scalar(scalar) if !scalar.text.contains('\n') => {
            if let Some(finding) = kept_as_written(&scalar.text) {
                findings.push(finding.at(document.place(node.span, pointer(path))));
            }
        }
        Value::Scalar(_) => {}
    }
}

fn kept_as_written(text: &str) -> Option<Finding> {
    let starts = text.match_indices("${").map(|(at, _)| at);
    let (at, name) = starts.map(|at| (at, &text[at + 2..])).find_map(|(at, rest)| {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some((at, &rest[..length])).filter(|(_, name)| is_name(name))
    })?;
    let end = text[at..].find('}').map_or(text.len(), |length| at + length + 1);
    let message = match text[..at].ends_with('$') {
        true => format!("`{}` is kept as it is written: without variables nothing is an escape", &text[at - 1..end]),
        false => format!("`{}` is kept as it is written: no variables were given", &text[at..end]),
    };
    Some(Finding::warning("SB196", message).helping(format!(
        "give it a value: --var {name}=VALUE, a line of a --vars FILE, or seedbed source add … --var for a source; \
         if it is meant as it stands: # seedbed: allow SB196 REASON"
    )))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("POOL", "data"), ("CPUS", "2"), ("TRICK", "a: {b: c}\n- d"), ("NULL", "null")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_replaced_and_what_was_replaced_is_not_read_again() {
        let mut own = variables();
        own.insert("SELF".to_owned(), "${POOL}".to_owned());
        for (text, wanted) in [
            ("${POOL}", "data"),
            ("a-${POOL}-${CPUS}", "a-data-2"),
            ("$${POOL}", "${POOL}"),
            ("cost: 5$ ${CPUS}", "cost: 5$ 2"),
            ("${SELF}", "${POOL}"),
        ] {
            assert_eq!(replaced(text, &own).map_err(|finding| finding.message), Ok(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_or_malformed_is_an_error_with_a_hint() {
        let finding = replaced("${POOl}", &variables()).expect_err("unknown");
        assert_eq!((finding.code.as_str(), finding.note.as_deref()), ("SB190", Some("did you mean `POOL`?")));
        for text in ["${", "${POOL", "${}", "${PO OL}", "${1}", "${POOL:-x}"] {
            assert_eq!(replaced(text, &variables()).expect_err(text).code, "SB191");
        }
    }
}
