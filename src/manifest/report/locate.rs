//! Findings that were made without the text, found again in the text.
//!
//! A plan or a daemon knows an object's place and the path of a value in it: that makes a JSON Pointer, but not a line.
//! Whoever holds the text gives each such finding the line and column of the value.

use std::collections::HashMap;

use crate::manifest::loaded::Limits;
use crate::manifest::source::Source;
use crate::manifest::yaml::dom::{Document, Entry, Span, YamlNode};
use crate::manifest::yaml::parse::{Parsed, parse};
use crate::model::{Finding, Place, steps_of};

/// Points every finding at what its pointer leads to, as far as that stands in the sources.
pub fn locate(findings: &mut [Finding], sources: &[Source]) {
    let mut places: HashMap<String, Vec<&mut Place>> = HashMap::new();
    for finding in findings {
        let all = finding.place.iter_mut().chain(finding.also.iter_mut().map(|label| &mut label.place));
        all.for_each(|place| places.entry(place.file.clone()).or_default().push(place));
    }
    // A file may hold many of them, and is read again only once.
    for source in sources {
        let Some(places) = places.remove(&source.path) else { continue };
        let parsed = parse(source, &Limits::default());
        for place in places {
            if let Some(exact) = exact(&parsed, place) {
                *place = exact;
            }
        }
    }
}

fn exact(parsed: &Parsed<'_>, place: &Place) -> Option<Place> {
    let document = parsed.documents.iter().rfind(|document| document.root.span.start <= place.start)?;
    let span = span_of(document, &steps_of(&place.pointer)).filter(|span| span.start != place.start)?;
    Some(document.place(span, place.pointer.clone()))
}

// Of what does not stand in the text, such as a key that only the cluster has: the nearest key around it. None for a
// whole item of a list: whoever named its place knew better where its name stands.
fn span_of(document: &Document<'_>, steps: &[String]) -> Option<Span> {
    let (mut node, mut span) = (&document.root, None);
    for step in steps {
        let Some((inner, at)) = child(node, step) else { break };
        (node, span) = (inner, at);
    }
    span
}

fn child<'n, 't>(node: &'n YamlNode<'t>, step: &str) -> Option<(&'n YamlNode<'t>, Option<Span>)> {
    match node.entry(step) {
        Some(entry) => Some((&entry.value, Some(span_in(entry)))),
        None => Some((node.items().get(step.parse::<usize>().ok()?)?, None)),
    }
}

fn span_in(entry: &Entry<'_>) -> Span {
    let is_beside = entry.value.text().is_some() && !entry.value.is_null();
    if is_beside && entry.value.span.line == entry.key_span.line { entry.value.span } else { entry.key_span }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
config: {core.x: 1}
---
storage_pools:
- name: data
  driver: dir
networks:
- name: br0
  config:
    ipv4.address: 10.0.0.1/24
    a/b: 2
  members: {node1: {bridge.external_interfaces: eth1}}
";

    #[test]
    fn a_pointer_leads_to_the_value_or_to_what_is_around_it() {
        let object =
            Place { file: "a.yaml".to_owned(), line: 7, column: 3, start: 75, end: 79, pointer: String::new() };
        let cases: [(&[&str], &str); 7] = [
            (&["config", "ipv4.address"], "9:19"),
            (&["config", "a/b"], "10:10"),
            (&["config", "ipv6.address"], "8:3"),
            (&["config"], "8:3"),
            (&["members", "node1", "bridge.external_interfaces"], "11:49"),
            (&["members", "node2"], "11:3"),
            (&["description"], "7:3"),
        ];
        for (path, wanted) in cases {
            let mut place = object.clone();
            place.pointer = "/networks/0".to_owned();
            let mut findings = [Finding::error("SB140", "differs").at(place.within(path))];
            locate(&mut findings, &[Source::new("a.yaml", TEXT)]);
            let found = findings[0].place.as_ref().expect("a place");
            assert_eq!(format!("{}:{}", found.line, found.column), wanted, "{path:?}");
        }
    }

    #[test]
    fn what_cannot_be_found_stays_as_it_is() {
        let place =
            Place { file: "b.yaml".to_owned(), line: 3, column: 4, start: 9, end: 10, pointer: "/x".to_owned() };
        for (path, text) in [("a.yaml", "x: 1"), ("b.yaml", "y: 1"), ("b.yaml", ": : [")] {
            let mut findings = [Finding::error("SB140", "differs").at(place.clone())];
            locate(&mut findings, &[Source::new(path, text)]);
            assert_eq!(findings[0].place.as_ref(), Some(&place), "{path} {text}");
        }
    }
}
