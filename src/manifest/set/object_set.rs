//! The objects of a set of documents, each with the way back to the text that declares it.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::tables::{key_table, value};
use crate::kinds::{self, Examined, Kind, Need, Problem, Spot};
use crate::manifest::lint::dialect::Dialect;
use crate::manifest::lint::suppress::Allowances;
use crate::manifest::report::findings::Findings;
use crate::manifest::yaml::dom::{Document, Span, YamlNode};
use crate::model::{Declared, Finding, Key, MemberName, Place, pointer};

/// Among more keys than this nobody looks for a misspelt one.
pub const LIKELY_MAX: usize = 100;

/// All objects of a set, and what is wrong with them so far.
#[derive(Default)]
pub struct Set<'d> {
    /// The objects, each declared once.
    pub objects: BTreeMap<Key, Found<'d>>,
    /// The storage volumes that the set declares, as `POOL/NAME`.
    pub volumes: BTreeSet<String>,
    /// Where objects are declared once more.
    pub again: Vec<(Key, Place)>,
    /// What is wrong.
    pub findings: Findings,
}

/// One declared object and where it stands.
pub struct Found<'d> {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// What it declares.
    pub declared: Declared,
    /// Where parts of it stand: one origin, or several for the server configuration.
    pub origins: Vec<Origin<'d>>,
    /// Member-specific keys that stand elsewhere: in `cluster.member_config`, in `cluster.members`.
    pub elsewhere: BTreeMap<Vec<String>, Elsewhere>,
    /// What it names, once [`Set::check`] has read it.
    pub needs: Vec<Need>,
    /// Whether an error was found in it.
    pub is_faulty: bool,
}

/// Where a key of an object stands that is not in the object's own node.
#[derive(Clone)]
pub struct Elsewhere {
    /// The key.
    pub key: Place,
    /// Its value.
    pub value: Place,
}

/// A node that declares an object.
#[derive(Clone)]
pub struct Origin<'d> {
    /// The document.
    pub document: &'d Document<'d>,
    /// The steps to the node.
    pub path: Vec<String>,
    /// Whether the node is the object's `config` rather than the object.
    pub is_config: bool,
}

impl<'d> Set<'d> {
    /// Adds an object; a second one of the same key is an error that shows both places.
    pub fn insert(&mut self, key: Key, found: Found<'d>) {
        let Some(first) = self.objects.get_mut(&key) else {
            self.objects.insert(key, found);
            return;
        };
        let is_map = found.origins.iter().any(|origin| origin.is_config);
        if is_map {
            self.findings.extend(first.absorb(found));
            return;
        }
        first.is_faulty = true;
        self.again.push((key, found.declared.at));
    }

    /// What the kinds find wrong with each object by itself.
    pub fn check(&mut self, allowances: &Allowances, dialect: Dialect) {
        for (key, found) in &mut self.objects {
            if self.findings.is_full() {
                break;
            }
            let Declared { spec, members, here, policy: _, at: _ } = &found.declared;
            let own = members.keys().map(|member| (member.clone(), found.declared.own(member))).collect();
            let Examined { problems, needs } = kinds::examine(found.kind, key, spec, &own, here);
            found.needs = needs;
            for problem in problems {
                if found.is_known(&problem) || found.is_of_every_member(&problem) || dialect.leaves_out(problem.code) {
                    continue;
                }
                let finding = found.finding(problem);
                found.is_faulty |= finding.is_error() && !allowances.covers(&finding);
                self.findings.push(finding);
            }
            for finding in found.misnamed_members() {
                found.is_faulty = true;
                self.findings.push(finding);
            }
        }
    }
}

impl Found<'_> {
    // The schema has said already why the spec does not parse, and that a field is misspelt rather than missing.
    fn is_known(&self, problem: &Problem) -> bool {
        let is_misspelt = |field: &String| self.origins.iter().any(|origin| origin.is_misspelt(field));
        match problem.path.as_slice() {
            _ if !self.is_faulty => false,
            _ if problem.code == "SB001" => true,
            [field] => is_misspelt(field),
            path => self.origins.iter().any(|origin| origin.is_malformed(path, &problem.message)),
        }
    }

    // A key of every member is told once, where it stands.
    fn is_of_every_member(&self, problem: &Problem) -> bool {
        let [members, member, key, ..] = problem.path.as_slice() else { return false };
        let has = |member: &str| self.declared.members.get(member).is_some_and(|own| own.contains_key(key));
        members == "members" && member != MemberName::EVERY && !has(member) && has(MemberName::EVERY)
    }

    fn misnamed_members(&self) -> Vec<Finding> {
        let fault = |name: &MemberName| value::member_name_fault(name.as_str());
        let named = self.declared.members.keys().filter(|name| !name.is_every());
        let misnamed = named.filter_map(|name| Some((name, fault(name)?)));
        let finding = |(name, fault): (&MemberName, &str)| {
            let place = self.place(&["members".to_owned(), name.to_string()], Spot::Key);
            Finding::error("SB018", format!("`{name}` cannot name a member: {fault}")).at(place)
        };
        misnamed.map(finding).collect()
    }

    /// A kind's problem with its place in the text.
    pub fn finding(&self, problem: Problem) -> Finding {
        let place = self.place(&problem.path, problem.spot);
        let Problem { code, severity, path: _, spot: _, message, note, help } = problem;
        Finding { code: code.to_owned(), severity, message, place: Some(place), note, also: Vec::new(), help }
    }

    /// Where a part of the object stands; the object itself when the part does not stand anywhere.
    pub fn place(&self, path: &[String], spot: Spot) -> Place {
        if let Some(Elsewhere { key, value }) = self.elsewhere.get(path) {
            return if spot == Spot::Key { key.clone() } else { value.clone() };
        }
        let in_text = self.origins.iter().find_map(|origin| origin.place(path, spot));
        in_text.unwrap_or_else(|| self.declared.at.clone())
    }
}

impl<'d> Found<'d> {
    // The configuration of one server may be spread over files as long as no key stands in two of them.
    fn absorb(&mut self, other: Found<'d>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (mine, theirs) = (self.declared.spec.config(), other.declared.spec.config());
        let twice = theirs.keys().filter(|key| mine.contains_key(*key));
        for key in twice.chain(other.declared.here.keys().filter(|key| self.declared.here.contains_key(*key))) {
            let path = ["config".to_owned(), key.clone()];
            findings.push(
                Finding::error("SB111", format!("the server key `{key}` is set twice"))
                    .at(other.place(&path, Spot::Key))
                    .noting("again here")
                    .with(self.place(&path, Spot::Key), "first here"),
            );
        }
        self.is_faulty |= other.is_faulty || !findings.is_empty();
        self.declared.spec.set_config(&mine.overlaid(&theirs));
        self.declared.here = self.declared.here.overlaid(&other.declared.here);
        self.origins.extend(other.origins);
        findings
    }
}

impl Origin<'_> {
    fn is_misspelt(&self, field: &str) -> bool {
        let Some(node) = self.document.root.at(&self.path).filter(|node| node.entry(field).is_none()) else {
            return false;
        };
        node.entries()
            .iter()
            .take(LIKELY_MAX)
            .any(|entry| key_table::nearest(&entry.key, [field].into_iter()).is_some())
    }

    // A device's value that is no text was told as such: the device does not lack it besides.
    fn is_malformed(&self, path: &[String], message: &str) -> bool {
        let node = self.document.root.at(&self.path).and_then(|node| node.at(path));
        let mut malformed =
            node.map(YamlNode::entries).unwrap_or_default().iter().filter(|at| at.value.text().is_none());
        malformed.any(|entry| message.ends_with(&format!(" needs `{}`", entry.key)))
    }

    // The place of a part, or of the nearest thing around it that stands in the text.
    fn place(&self, path: &[String], spot: Spot) -> Option<Place> {
        let path = match path.split_first() {
            Some((first, rest)) if self.is_config => Some(rest).filter(|_| first == "config")?,
            _ => path,
        };
        let (last, above) = path.split_last()?;
        let node = self.document.root.at(&self.path)?;
        let Some(entry) = node.at(above).and_then(|node| node.entry(last)) else {
            return self.item(path).or_else(|| self.place_within(above, spot));
        };
        let span = match spot {
            Spot::Key => entry.key_span,
            Spot::Value if entry.value.is_null() || spans_lines(entry.value.span, entry.key_span) => entry.key_span,
            Spot::Value => entry.value.span,
        };
        Some(self.document.place(span, self.pointer(path)))
    }

    fn place_within(&self, above: &[String], spot: Spot) -> Option<Place> {
        if above.is_empty() || self.is_config { None } else { self.place(above, spot) }
    }

    // An item of a list has no key.
    fn item(&self, path: &[String]) -> Option<Place> {
        let node = self.document.root.at(&self.path)?.at(path)?;
        Some(self.document.place(node.span, self.pointer(path)))
    }

    fn pointer(&self, path: &[String]) -> String {
        pointer(&self.path) + &pointer(path)
    }
}

// A block mapping's span is its first key, which would point at something unrelated.
fn spans_lines(value: Span, key: Span) -> bool {
    value.line != key.line
}
