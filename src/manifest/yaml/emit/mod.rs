//! A desired state as the text of a manifest: the way back from [`load`](crate::manifest::load). Pure, and always in one order:
//! sections as the registry has them, objects and keys by name.

mod scalar;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::schema::section::{self, Section};
use crate::model::{Config, Declared, Desired, Key, MemberName, Policy, Spec};
use tree::{Entry, Tree};

/// What stands in a manifest beside the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What `cluster.enabled` says; `None` says nothing.
    pub enabled: Option<bool>,
    /// Remarks above the fields of an object.
    pub remarks: BTreeMap<Key, Vec<String>>,
}

/// Fields that come first in an object, in this order; `members` comes last, the others between.
const FIRST: [&str; 6] = ["driver", "type", "address", "failure_domain", "description", "config"];

/// The text of a manifest that declares exactly this. Loading it gives the same desired state, but for places.
///
/// Objects of kinds that no manifest declares are left out.
pub fn emit(desired: &Desired, frame: &Frame) -> String {
    let mut sections: Vec<String> =
        cluster(desired, frame).into_iter().map(|entry| Tree::Map(vec![entry]).render()).collect();
    for section in section::applied() {
        let entry = if section.is_map() { server(desired, frame) } else { list(&section, desired, frame) };
        sections.extend(entry.map(|entry| Tree::Map(vec![entry]).render()));
    }
    sections.join("\n")
}

// Members with what is theirs alone, server keys of their own included.
fn cluster(desired: &Desired, frame: &Frame) -> Option<Entry> {
    let server = desired.objects.get(&Key::server());
    let own: BTreeMap<&MemberName, &Config> = server.into_iter().flat_map(|server| &server.members).collect();
    let records: BTreeMap<MemberName, &Declared> =
        of_kind(desired, Key::MEMBER).map(|(key, declared)| (MemberName(key.name.clone()), declared)).collect();
    let names: BTreeSet<&MemberName> = own.keys().copied().chain(records.keys()).collect();
    let mut members = Vec::new();
    for name in names {
        let mut spec = records.get(name).map(|declared| declared.spec.clone()).unwrap_or_default();
        if let Some(own) = own.get(name).filter(|own| !own.is_empty()) {
            spec.set_config(&spec.config().overlaid(own));
        }
        members.push(Tree::Map(fields(&spec, &Config::default())).under(name.as_str()));
    }
    let mut entries: Vec<Entry> = remarks(frame, &Key::membership());
    entries.extend(frame.enabled.map(|enabled| Tree::Text(enabled.to_string()).under("enabled")));
    if !members.is_empty() {
        entries.push(Tree::Map(members).under("members"));
    }
    (!entries.is_empty()).then(|| Tree::Map(entries).under("cluster"))
}

fn server(desired: &Desired, frame: &Frame) -> Option<Entry> {
    let declared = desired.objects.get(&Key::server())?;
    let config = declared.spec.config().overlaid(&declared.here);
    let mut entries = remarks(frame, &Key::server());
    entries.extend(config.iter().map(|(key, value)| Tree::Text(value.clone()).under(key)));
    (!entries.is_empty()).then(|| Tree::Map(entries).under("config"))
}

fn list(section: &Section, desired: &Desired, frame: &Frame) -> Option<Entry> {
    let objects = of_kind(desired, section.kind.words().kind);
    let items: Vec<Tree> = objects.map(|(key, declared)| object(section, key, declared, frame)).collect();
    (!items.is_empty()).then(|| Tree::List(items).under(section.name))
}

fn object(section: &Section, key: &Key, declared: &Declared, frame: &Frame) -> Tree {
    let mut entries = vec![Tree::Text(key.name.clone()).under("name")];
    if section.has_projects() && !key.project.is_default() {
        entries.push(Tree::Text(key.project.as_str().to_owned()).under("project"));
    }
    entries.extend(remarks(frame, key));
    let Policy { apply, protect } = declared.policy;
    entries.extend(apply.map(|mode| Tree::Text(mode.to_string()).under("apply")));
    entries.extend(protect.map(|flag| Tree::Text(flag.to_string()).under("protect")));
    entries.extend(fields(&declared.spec, &declared.here));
    if !declared.members.is_empty() {
        let own = declared.members.iter().map(|(name, config)| map(config).under(name.as_str()));
        entries.push(Tree::Map(own.collect()).under("members"));
    }
    Tree::Map(entries)
}

// A spec with the keys that name no member among its `config`.
fn fields(spec: &Spec, here: &Config) -> Vec<Entry> {
    let mut spec = spec.clone();
    if !here.is_empty() {
        spec.set_config(&spec.config().overlaid(here));
    }
    let rank = |field: &str| FIRST.iter().position(|first| *first == field).unwrap_or(FIRST.len());
    let mut fields: Vec<_> = spec.0.iter().filter(|(_, value)| !value.is_null()).collect();
    fields.sort_by_key(|(field, _)| (rank(field), field.as_str()));
    fields.into_iter().map(|(field, value)| Tree::from(value).under(field)).collect()
}

fn map(config: &Config) -> Tree {
    Tree::Map(config.iter().map(|(key, value)| Tree::Text(value.clone()).under(key)).collect())
}

fn remarks(frame: &Frame, key: &Key) -> Vec<Entry> {
    frame.remarks.get(key).into_iter().flatten().cloned().map(Entry::Remark).collect()
}

fn of_kind<'a>(desired: &'a Desired, kind: &'a str) -> impl Iterator<Item = (&'a Key, &'a Declared)> {
    desired.objects.iter().filter(move |(key, _)| key.kind.as_str() == kind)
}
