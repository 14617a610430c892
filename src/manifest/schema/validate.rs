//! Documents against the JSON Schema: unknown fields, wrong types, what is missing.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value as Json};

use super::fast_check::Fit;
use super::json_schema::SCHEMA;
use super::section;
use crate::kinds::tables::key_table;
use crate::manifest::lint::foreign;
use crate::manifest::lint::suppress::Allowances;
use crate::manifest::report::findings::Findings;
use crate::manifest::set::object_set::LIKELY_MAX;
use crate::manifest::yaml::dom::{Document, Value, YamlNode};
use crate::model::{Finding, Place, pointer};

/// Unknown keys of one mapping: nobody reads on after so many.
const UNKNOWN_MAX: usize = 1_000;

static FIT: LazyLock<Fit> = LazyLock::new(|| Fit::new(&SCHEMA));

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).expect("a test compiles the schema that the types give"));

/// What the schema says of a document.
#[derive(Debug, Default)]
pub struct Shape {
    /// What is wrong, each cause once.
    pub findings: Findings,
    /// The places of values that cannot be used.
    pub broken: BTreeSet<String>,
    /// Whether the document belongs to another program: nothing in it declares anything.
    pub is_foreign: bool,
    /// Those of them that a comment allows.
    forgiven: BTreeSet<String>,
}

impl Shape {
    /// The value as JSON, every scalar as its text, without the parts that cannot be used.
    pub fn usable(&self, node: &YamlNode<'_>, path: impl FnOnce() -> Vec<String>) -> Json {
        if self.broken.is_empty() { node.text_json() } else { self.usable_at(node, &path()) }
    }

    fn usable_at(&self, node: &YamlNode<'_>, path: &[String]) -> Json {
        let below = |step: &str| [path, &[step.to_owned()]].concat();
        let is_usable = |path: &[String]| !self.broken.contains(&pointer(path));
        match &node.value {
            Value::Scalar(_) => node.text_json(),
            Value::List(items) => {
                let items = items.iter().enumerate().map(|(index, item)| (below(&index.to_string()), item));
                Json::Array(
                    items.filter(|(path, _)| is_usable(path)).map(|(path, item)| self.usable_at(item, &path)).collect(),
                )
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|entry| (below(&entry.key), entry));
                let usable = entries.filter(|(path, _)| is_usable(path));
                Json::Object(
                    usable.map(|(path, entry)| (entry.key.to_string(), self.usable_at(&entry.value, &path))).collect(),
                )
            }
        }
    }

    /// Whether something at or below a path cannot be used.
    pub fn is_broken_below(&self, path: &[String]) -> bool {
        let top = pointer(path);
        let from = self.broken.range(top.clone()..);
        let is_below =
            |found: &&String| **found == top || found.strip_prefix(&top).is_some_and(|rest| rest.starts_with('/'));
        from.take_while(|found| found.starts_with(&top)).filter(is_below).any(|found| !self.forgiven.contains(found))
    }
}

/// Checks one document.
pub fn check(document: &Document<'_>, allowances: &Allowances) -> Shape {
    let mut shape = Shape::default();
    if FIT.holds(&document.root) {
        return shape;
    }
    if let Some(finding) = foreign::check(document) {
        shape.findings.push(finding);
        return Shape { is_foreign: true, ..shape };
    }
    let json = FIT.misfits(&document.root);
    for error in VALIDATOR.iter_errors(&json) {
        Fault { document, error: &error, path: steps(&error) }.report(&mut shape);
        if shape.findings.is_full() {
            break;
        }
    }
    let forgiven = shape.findings.kept().iter().filter(|finding| allowances.covers(finding));
    shape.forgiven = forgiven.filter_map(|finding| Some(finding.place.as_ref()?.pointer.clone())).collect();
    shape
}

fn steps(error: &ValidationError<'_>) -> Vec<String> {
    error.instance_path().segments().map(|step| step.to_string()).collect()
}

struct Fault<'a, 'd> {
    document: &'a Document<'d>,
    error: &'a ValidationError<'a>,
    path: Vec<String>,
}

impl Fault<'_, '_> {
    fn report(&self, shape: &mut Shape) {
        if let ValidationErrorKind::AdditionalProperties { unexpected } = self.error.kind() {
            for key in unexpected.iter().take(UNKNOWN_MAX) {
                let finding = self.unknown(key);
                shape.broken.extend(finding.place.iter().map(|place| place.pointer.clone()));
                shape.findings.push(finding);
            }
            return;
        }
        shape.broken.insert(pointer(&self.path));
        let finding = match self.error.kind() {
            ValidationErrorKind::Required { property } => self.missing(property.as_str().unwrap_or_default()),
            ValidationErrorKind::Type { kind } => Some(self.wrong_type(kind)),
            ValidationErrorKind::Enum { options } => Some(self.not_among(options)),
            _ => Some(Finding::error("SB102", self.error.masked().to_string()).at(self.place())),
        };
        shape.findings.extend(finding);
    }

    fn node(&self) -> Option<&YamlNode<'_>> {
        self.document.root.at(&self.path)
    }

    fn place(&self) -> Place {
        let span = self.node().map(|node| node.span).unwrap_or_default();
        self.document.place(span, pointer(&self.path))
    }

    // The keys that the schema knows where this fault is.
    fn known(&self) -> Vec<&'static str> {
        let at = self.error.schema_path().as_str();
        let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        let properties: Option<&'static Map<String, Json>> =
            SCHEMA.pointer(&format!("{parent}/properties")).and_then(Json::as_object);
        let current = |(_, schema): &(&String, &Json)| schema.get("deprecated").is_none();
        properties.into_iter().flatten().filter(current).map(|(key, _)| key.as_str()).collect()
    }

    fn unknown(&self, key: &str) -> Finding {
        let known = self.known();
        let span = self.node().and_then(|node| node.entry(key)).map(|entry| entry.key_span).unwrap_or_default();
        let mut path = self.path.clone();
        path.push(key.to_owned());
        let finding = Finding::error("SB101", format!("unknown key `{key}` in {}", self.spoken_owner()))
            .at(self.document.place(span, pointer(&path)));
        match self.hint(key, &known) {
            Some(Hint::Meant(meant)) => finding.noting(format!("did you mean `{meant}`?")),
            Some(Hint::Note(note)) => finding.noting(note),
            None => finding.helping(format!("known keys: {}", known.join(", "))),
        }
    }

    fn hint(&self, key: &str, known: &[&'static str]) -> Option<Hint> {
        let is_top = self.path.is_empty();
        let note = |text: &str| Some(Hint::Note(text.to_owned()));
        if is_top && key == "pools" {
            return note("LXD 2.14 called it so; it is `storage_pools` since 2017");
        }
        if let Some(bare) = key.strip_prefix('-').filter(|bare| known.contains(bare) || *bare == "name") {
            return Some(Hint::Note(format!("a blank is missing between the dash and `{bare}`")));
        }
        if known.contains(&"config") && (key.contains('.') || self.is_config_key(key)) {
            return note("configuration keys belong inside `config:`");
        }
        if let Some(meant) = key_table::nearest(key, known.iter().copied()) {
            return Some(Hint::Meant(meant));
        }
        if !is_top && section::names().any(|name| name == key) {
            return note("this is a section: it starts in the first column");
        }
        let in_cluster =
            ["server_name", "server_address", "member_config", "cluster_address", "enabled", "cluster_token"];
        if is_top && in_cluster.contains(&key) { note("this belongs inside `cluster:`") } else { None }
    }

    fn is_config_key(&self, key: &str) -> bool {
        let section = section::applied().find(|section| self.path.first().is_some_and(|name| name == section.name));
        let entities = section.map(|section| section::entities_of(section.kind)).into_iter().flatten();
        entities.flat_map(key_table::keys_of).any(|info| info.key == key)
    }

    fn missing(&self, property: &str) -> Option<Finding> {
        // A misspelt key says already why the right one is missing.
        let unknown = self.node()?.entries().iter().take(LIKELY_MAX).map(|entry| entry.key.as_ref());
        let misspelt =
            unknown.filter(|key| *key != property).any(|key| key_table::nearest(key, [property].into_iter()).is_some());
        if misspelt && !self.known_without(property) {
            return None;
        }
        let finding = Finding::error("SB103", format!("{} has no `{property}`", self.spoken()));
        Some(finding.at(self.place()))
    }

    // Whether every key of the node is a known one: then none of them is the missing key misspelt.
    fn known_without(&self, property: &str) -> bool {
        let known = self.known();
        self.node().is_none_or(|node| {
            node.entries().iter().all(|entry| entry.key == property || known.contains(&entry.key.as_ref()))
        })
    }

    fn wrong_type(&self, kind: &TypeKind) -> Finding {
        let wanted = wanted(kind);
        let found = self.node().map_or("nothing", found);
        let what = match self.path.last() {
            Some(step) if step.parse::<usize>().is_err() => format!("`{step}`"),
            Some(_) => self.spoken(),
            None => "a manifest".to_owned(),
        };
        let finding = Finding::error("SB102", format!("{what} must be {wanted}, not {found}")).at(self.place());
        match (wanted, found) {
            ("a list", "a mapping") => finding.helping("start each entry with a dash: `- name: NAME`"),
            ("a mapping", "a list") => finding.helping("write `key: value` without dashes"),
            ("a mapping", _) if self.path.is_empty() => {
                finding.helping("a manifest starts with sections such as `storage_pools:` or `cluster:`")
            }
            _ => finding,
        }
    }

    fn not_among(&self, options: &Json) -> Finding {
        let options: Vec<&str> =
            options.as_array().into_iter().flatten().filter_map(Json::as_str).filter(|word| !word.is_empty()).collect();
        let step = self.path.last().map_or("value", String::as_str);
        let text = self.node().and_then(YamlNode::text).unwrap_or_default();
        let shown =
            if key_table::is_secret_key(step) || text.is_empty() { "this".to_owned() } else { format!("`{text}`") };
        let finding = Finding::error("SB104", format!("{shown} is no {step}")).at(self.place());
        let finding = match key_table::nearest(text, options.iter().copied()) {
            Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
            None => finding,
        };
        finding.helping(format!("one of {}", options.join(", ")))
    }

    // The mapping that holds an unknown key, in words.
    fn spoken_owner(&self) -> String {
        if self.path.is_empty() { "a manifest".to_owned() } else { self.spoken() }
    }

    // The object or section that the path leads to, in words: `the storage pool data`, `cluster.members`.
    fn spoken(&self) -> String {
        let is_entry = |step: &String| step.parse::<usize>().is_ok();
        let Some(section) =
            section::applied().find(|section| self.path.first().is_some_and(|name| name == section.name))
        else {
            let words: Vec<&str> = self.path.iter().filter(|step| !is_entry(step)).map(String::as_str).collect();
            let entry = if self.path.last().is_some_and(is_entry) { "an entry of " } else { "" };
            return format!("{entry}`{}`", words.join("."));
        };
        let spoken = section.kind.words().spoken;
        let name =
            self.document.root.at(&self.path[..self.path.len().min(2)]).and_then(|node| node.get("name")?.text());
        let object = match name {
            Some(name) if !name.is_empty() => format!("the {spoken} `{name}`"),
            _ => format!("this {spoken}"),
        };
        match self.path.get(2..) {
            Some(inner) if !inner.is_empty() => format!("`{}` of {object}", inner.join(".")),
            _ => object,
        }
    }
}

enum Hint {
    Meant(&'static str),
    Note(String),
}

fn wanted(kind: &TypeKind) -> &'static str {
    let text = match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" "),
    };
    match text {
        text if text.contains("string") => "text",
        text if text.contains("object") => "a mapping",
        text if text.contains("array") => "a list",
        text if text.contains("boolean") => "true or false",
        _ => "a number",
    }
}

fn found(node: &YamlNode<'_>) -> &'static str {
    match &node.value {
        Value::Map(_) => "a mapping",
        Value::List(_) => "a list",
        Value::Scalar(_) if node.is_null() => "nothing",
        Value::Scalar(_) => "text",
    }
}
