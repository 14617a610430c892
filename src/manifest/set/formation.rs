//! What the `cluster:` section says to the rest of the set, and whether it can work.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::cluster::{Cluster, MemberConfig, MemberSection, Section};
use super::index::Survey;
use super::join;
use super::member_config;
use super::object_set::{Elsewhere, Found, Origin, Set};
use crate::kinds;
use crate::manifest::token;
use crate::model::{Declared, Finding, Key, Spec, Timestamp};

/// The `cluster:` section of a set and what it says to objects.
pub struct Formation<'d> {
    section: Section<'d>,
    patches: BTreeMap<Key, Vec<Patch>>,
}

/// A key that `member_config` gives to an object.
struct Patch {
    key: String,
    value: String,
    place: Elsewhere,
}

/// Takes the one `cluster:` section of a set apart: members become objects of `head`, `member_config` goes to its objects.
pub fn form<'d>(
    sections: Vec<Section<'d>>,
    head: &mut Set<'d>,
    survey: &Survey<'_>,
    now: Option<Timestamp>,
) -> Option<Formation<'d>> {
    let mut sections = sections.into_iter();
    let section = sections.next()?;
    for other in sections {
        let finding = Finding::error("SB111", "the `cluster:` section stands twice in these files")
            .at(other.cluster.at)
            .noting("again here")
            .with(section.cluster.at.clone(), "first here");
        head.findings.push(finding.helping("validate the files of different members one at a time"));
    }
    let names = if section.cluster.member_config.is_empty() { HashMap::new() } else { survey.names() };
    let mut patches: BTreeMap<Key, Vec<Patch>> = BTreeMap::new();
    for entry in &section.cluster.member_config {
        let named = names.get(&(entry.entity.clone(), entry.name.clone()));
        if let Some((key, patch)) = member_config(&section, entry, named, head) {
            patches.entry(key).or_default().push(patch);
        }
    }
    for member in &section.cluster.members {
        declare(&section, member, head);
    }
    let formation = Formation { section, patches };
    formation.touch(head);
    head.findings.extend(join::check(&formation.section, head));
    head.findings.extend(token::check(&formation.section, now));
    Some(formation)
}

impl Formation<'_> {
    /// The section itself.
    pub fn cluster(&self) -> &Cluster {
        &self.section.cluster
    }

    /// The same, when it is needed no more.
    pub fn into_cluster(self) -> Cluster {
        self.section.cluster
    }

    /// Gives the objects of a part of the set what the section says to them.
    pub fn touch(&self, set: &mut Set<'_>) {
        for (name, found) in &mut set.objects {
            for Patch { key, value, place } in self.patches.get(name).into_iter().flatten() {
                found.declared.here.insert(key.clone(), value.clone());
                found.elsewhere.insert(vec!["config".to_owned(), key.clone()], place.clone());
            }
            let told = join::of_object(&self.section, name, found);
            found.is_faulty |= !told.is_empty();
            set.findings.extend(told);
        }
    }
}

fn member_config(
    section: &Section<'_>,
    entry: &MemberConfig,
    named: Option<&Key>,
    head: &mut Set<'_>,
) -> Option<(Key, Patch)> {
    let step = entry.index.to_string();
    if entry.key.starts_with("volatile.") {
        let message = format!("`{}` is an internal key: old releases of LXD asked for it", entry.key);
        let place = section.place(&["member_config", &step, "key"]);
        head.findings.push(Finding::warning("SB127", message).at(place).helping("leave this entry out"));
        return None;
    }
    head.findings.extend(member_config::blank(section, entry));
    let Some(named) = named.filter(|_| !entry.value.is_empty() && !entry.key.is_empty()) else {
        head.findings.extend(member_config::check(section, entry));
        return None;
    };
    let place = |field: &str| section.place(&["member_config", &step, field]);
    let place = Elsewhere { key: place("key"), value: place("value") };
    Some((named.clone(), Patch { key: entry.key.clone(), value: entry.value.clone(), place }))
}

fn declare<'d>(section: &Section<'d>, member: &MemberSection, set: &mut Set<'d>) {
    let name = &member.name;
    let Some(kind) = kinds::find(Key::MEMBER) else { return };
    let path = vec!["cluster".to_owned(), "members".to_owned(), name.to_string()];
    let found = Found {
        kind,
        declared: Declared { spec: spec(member), at: member.at.clone(), ..Declared::default() },
        origins: vec![Origin { document: section.document, path, is_config: false }],
        elsewhere: BTreeMap::new(),
        needs: Vec::new(),
        is_faulty: section.faulty_members.contains(name),
    };
    set.insert(Key::member(name), found);
    if !member.here.is_empty() {
        own_server_keys(section, member, set);
    }
}

// Only what is written: what nobody declares does not differ from what is stored.
fn spec(member: &MemberSection) -> Spec {
    let MemberSection { name: _, address, failure_domain, description, groups, roles, config, here: _, at: _ } = member;
    let mut spec = Spec::default();
    let texts = [("address", address), ("failure_domain", failure_domain), ("description", description)];
    let texts = texts.into_iter().filter_map(|(field, text)| Some((field, json!(text.as_ref()?))));
    let lists = [("groups", groups), ("roles", roles)];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(field, list)| (field, json!(list)));
    spec.0.extend(texts.chain(lists).map(|(field, value): (&str, Json)| (field.to_owned(), value)));
    if !config.is_empty() {
        spec.set_config(config);
    }
    spec
}

fn own_server_keys<'d>(section: &Section<'d>, member: &MemberSection, set: &mut Set<'d>) {
    let name = &member.name;
    let Some(kind) = kinds::find(Key::server().kind.as_str()) else { return };
    let found = set.objects.entry(Key::server()).or_insert_with(|| Found {
        kind,
        declared: Declared { at: member.at.clone(), ..Declared::default() },
        origins: Vec::new(),
        elsewhere: BTreeMap::new(),
        needs: Vec::new(),
        is_faulty: false,
    });
    found.declared.members.insert(name.clone(), member.here.clone());
    for key in member.here.keys() {
        let path = ["members", name.as_str(), "config", key];
        let elsewhere = Elsewhere { key: section.key_place(&path), value: section.place(&path) };
        found.elsewhere.insert(vec!["members".to_owned(), name.to_string(), key.clone()], elsewhere);
    }
}
