//! Documents to objects. Sections and their fields come from the registry of kinds, never from a list of its own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

use super::object_set::{Found, Origin, Set};
use crate::kinds;
use crate::kinds::tables::value;
use crate::manifest::schema::json_schema::SCHEMA;
use crate::manifest::schema::section::{self, LEGACY_FIELDS, Section};
use crate::manifest::schema::validate::Shape;
use crate::manifest::yaml::dom::{Document, Entry, YamlNode};
use crate::model::{
    ApplyMode, Config, Declared, Finding, Key, MemberName, Policy, ProjectName, Rollout, Spec, pointer,
};

/// Adds the server configuration of one document to the set.
pub fn server<'d>(document: &'d Document<'d>, shape: &Shape, set: &mut Set<'d>) {
    for section in section::applied().filter(Section::is_map) {
        let Some(entry) = document.root.entry(section.name) else { continue };
        Reader { document, shape, section, fields: None }.server(entry, set);
    }
}

/// Adds the objects of one document to the set, but for its server configuration.
pub fn gather<'d>(document: &'d Document<'d>, shape: &Shape, set: &mut Set<'d>) {
    for section in section::applied().filter(|section| !section.is_map()) {
        let Some(entry) = document.root.entry(section.name) else { continue };
        let reader = Reader { document, shape, section, fields: FIELDS.get(section.name).copied() };
        for (index, node) in entry.value.items().iter().enumerate() {
            reader.object(vec![section.name.to_owned(), index.to_string()], node, set);
        }
    }
    for volume in document.root.get("storage_volumes").map(YamlNode::items).unwrap_or_default() {
        let text = |field: &str| volume.get(field).and_then(YamlNode::text).unwrap_or_default().to_owned();
        set.volumes.insert(text("pool") + "/" + &text("name"));
    }
    for entry in document.root.entries().iter().filter(|entry| section::unapplied().any(|name| name == entry.key)) {
        if entry.value.items().is_empty() {
            continue;
        }
        let message = format!("this version checks `{}` but does not apply it", entry.key);
        let place = document.place(entry.key_span, pointer(&[&entry.key]));
        set.findings.push(Finding::warning("SB112", message).at(place));
    }
}

/// A JSON object of the schema: what it says under each name.
type Fields = Map<String, Json>;

/// The schema of the fields of each section's objects.
static FIELDS: LazyLock<BTreeMap<&'static str, &'static Fields>> = LazyLock::new(|| {
    let fields = |name: &str| SCHEMA.pointer(&format!("/properties/{name}/items/properties"))?.as_object();
    section::applied().filter_map(|section| Some((section.name, fields(section.name)?))).collect()
});

struct Reader<'a, 'd> {
    document: &'d Document<'d>,
    shape: &'a Shape,
    section: Section,
    /// The schema of an object's fields.
    fields: Option<&'static Fields>,
}

impl<'d> Reader<'_, 'd> {
    fn server(&self, entry: &Entry<'d>, set: &mut Set<'d>) {
        let path = vec![self.section.name.to_owned()];
        let mut spec = Spec::default();
        spec.set_config(&self.config(&entry.value, || path.clone()));
        let found = self.found(spec, BTreeMap::new(), path, entry.key_span);
        if !entry.value.entries().is_empty() {
            set.insert(Key::server(), found);
        }
    }

    fn object(&self, path: Vec<String>, node: &YamlNode<'d>, set: &mut Set<'d>) {
        let Some(name) = node.get("name").filter(|name| name.text().is_some_and(|text| !text.is_empty())) else {
            set.findings.extend(node.entry("name").filter(|entry| entry.value.text().is_some()).map(|entry| {
                let place = self.document.place(entry.key_span, pointer(&path) + "/name");
                Finding::error("SB103", format!("this {} has an empty name", self.section.kind.words().spoken))
                    .at(place)
            }));
            return;
        };
        let mut spec = Spec::default();
        let mut members = BTreeMap::new();
        let mut policy = Policy::default();
        for entry in node.entries().iter().filter(|entry| !self.is_broken(|| path.clone(), &entry.key)) {
            let below = || [path.as_slice(), &[entry.key.to_string()]].concat();
            match &*entry.key {
                "name" | "project" => {}
                "members" if self.fields.is_some_and(|fields| fields.contains_key("members")) => {
                    members = self.members(&entry.value, &below());
                }
                "apply" => policy.apply = entry.value.text().and_then(ApplyMode::from_word),
                "protect" => policy.protect = entry.value.text().and_then(value::read_bool),
                "config" => spec.set_config(&self.config(&entry.value, below)),
                field if self.is_legacy(field) => set.findings.push(self.legacy(entry, &below())),
                field => self.field(field, &entry.value, below, &mut spec),
            }
        }
        let key = self.key(node, name.text().unwrap_or_default());
        let mut found = self.found(spec, members, path, name.span);
        found.declared.policy = policy;
        set.insert(key, found);
    }

    fn key(&self, node: &YamlNode<'d>, name: &str) -> Key {
        let project = node.get("project").and_then(YamlNode::text).filter(|text| !text.is_empty());
        let project = project.filter(|_| self.section.has_projects()).map(ProjectName::from).unwrap_or_default();
        Key::in_project(self.section.kind.words().kind, &project, name)
    }

    fn found(
        &self,
        mut spec: Spec,
        members: BTreeMap<MemberName, Config>,
        path: Vec<String>,
        at: crate::manifest::yaml::dom::Span,
    ) -> Found<'d> {
        let kind = self.section.kind;
        let here = split(kind, &mut spec);
        let at = self.document.place(at, pointer(&path));
        Found {
            kind,
            declared: Declared { spec, members, here, policy: Policy::default(), at },
            is_faulty: self.shape.is_broken_below(&path),
            origins: vec![Origin { document: self.document, path, is_config: self.section.is_map() }],
            elsewhere: BTreeMap::new(),
            needs: Vec::new(),
        }
    }

    // In nearly every document nothing is broken, and nobody asks for paths.
    fn is_broken(&self, path: impl Fn() -> Vec<String>, key: &str) -> bool {
        !self.shape.broken.is_empty() && self.shape.broken.contains(&(pointer(&path()) + &pointer(&[key])))
    }

    fn config(&self, node: &YamlNode<'_>, path: impl Fn() -> Vec<String>) -> Config {
        let usable = node.entries().iter().filter(|entry| !self.is_broken(&path, &entry.key));
        usable.filter_map(|entry| Some((entry.key.to_string(), entry.value.text()?.to_owned()))).collect()
    }

    fn members(&self, node: &YamlNode<'_>, path: &[String]) -> BTreeMap<MemberName, Config> {
        let usable = node.entries().iter().filter(|entry| !self.is_broken(|| path.to_vec(), &entry.key));
        let config = |entry: &Entry<'_>| self.config(&entry.value, || [path, &[entry.key.to_string()]].concat());
        usable.map(|entry| (MemberName::from(&*entry.key), config(entry))).collect()
    }

    fn field(&self, field: &str, node: &YamlNode<'_>, path: impl FnOnce() -> Vec<String>, spec: &mut Spec) {
        if node.is_null() {
            return;
        }
        let schema = self.fields.and_then(|fields| fields.get(field));
        let json = filled(self.shape.usable(node, path), schema);
        spec.0.insert(field.to_owned(), typed(json, schema));
    }

    fn is_legacy(&self, field: &str) -> bool {
        LEGACY_FIELDS.contains(&(self.section.name, field))
    }

    fn legacy(&self, entry: &Entry<'_>, path: &[String]) -> Finding {
        let message = format!("`{}` is something that LXD prints: it says nothing in a manifest", entry.key);
        let place = self.document.place(entry.key_span, pointer(path));
        Finding::warning("SB105", message).at(place).helping("remove it: strict releases of LXD and Incus refuse it")
    }
}

/// Takes the member-specific keys out of a spec's `config`.
pub fn split(kind: &'static dyn kinds::Kind, spec: &mut Spec) -> Config {
    if kind.rollout() == Rollout::RecordOnly || spec.config_entries().next().is_none() {
        return Config::default();
    }
    let entities = kind.entities(spec);
    let name = kind.words().kind;
    let is_own = |key: &str| kinds::is_member_specific(name, &entities, key);
    if !spec.config_entries().any(|(key, _)| is_own(key)) {
        return Config::default();
    }
    let (here, shared): (BTreeMap<_, _>, BTreeMap<_, _>) =
        spec.config().0.into_iter().partition(|(key, _)| is_own(key));
    spec.set_config(&Config(shared));
    Config(here)
}

// What a template has left blank is empty: an empty text, or a map without entries, as LXD reads it.
fn filled(json: Json, schema: Option<&Json>) -> Json {
    let is = |wanted: &str| is_type(schema, wanted);
    match json {
        Json::Null if is("string") => Json::String(String::new()),
        Json::Null if is("object") => Json::Object(Map::new()),
        Json::Null if is("array") => Json::Array(Vec::new()),
        Json::Object(map) => {
            let of = |key: &str| {
                let own = schema?.get("properties").and_then(|properties| properties.get(key));
                own.or_else(|| schema?.get("additionalProperties"))
            };
            Json::Object(map.into_iter().map(|(key, value)| (key.clone(), filled(value, of(&key)))).collect())
        }
        Json::Array(items) => {
            let of = schema.and_then(|schema| schema.get("items"));
            Json::Array(items.into_iter().filter(|item| !item.is_null()).map(|item| filled(item, of)).collect())
        }
        other => other,
    }
}

fn is_type(schema: Option<&Json>, wanted: &str) -> bool {
    let kind = schema.and_then(|schema| schema.get("type"));
    kind.is_some_and(|kind| kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == wanted)))
}

// Specs have a few fields that are no texts; YAML leaves their type to the reader.
fn typed(json: Json, schema: Option<&Json>) -> Json {
    let is = |wanted: &str| is_type(schema, wanted);
    match json {
        Json::String(text) if is("boolean") && !is("string") => {
            value::read_bool(&text).map_or(Json::String(text), Json::Bool)
        }
        Json::String(text) if is("integer") => text.parse::<i64>().map_or(Json::String(text), Json::from),
        other => other,
    }
}
