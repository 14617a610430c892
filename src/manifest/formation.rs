//! What the `cluster:` section says to the rest of the set, and whether it can work.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::cluster::{Cluster, MemberConfig, MemberSection, Section};
use super::join;
use super::set::{Elsewhere, Found, Origin, Set};
use crate::kinds;
use crate::model::{Declared, Finding, Key, MemberName, Spec};

/// Takes the one `cluster:` section of a set apart: members become objects, `member_config` goes to its objects.
pub(super) fn apply<'d>(sections: Vec<Section<'d>>, set: &mut Set<'d>) -> Option<Cluster> {
    let mut sections = sections.into_iter();
    let section = sections.next()?;
    for other in sections {
        let finding = Finding::error("SB111", "the `cluster:` section stands twice in these files")
            .at(other.cluster.at)
            .noting("again here")
            .with(section.cluster.at.clone(), "first here");
        set.findings.push(finding.helping("validate the files of different members one at a time"));
    }
    let names = if section.cluster.member_config.is_empty() { HashMap::new() } else { set.names() };
    for (index, entry) in section.cluster.member_config.iter().enumerate() {
        let named = names.get(&(entry.entity.clone(), entry.name.clone()));
        member_config(&section, index, entry, named, set);
    }
    for (name, member) in &section.cluster.members {
        declare(&section, name, member, set);
    }
    set.findings.extend(join::check(&section, set));
    for (key, found) in &mut set.objects {
        let told = join::of_object(&section, key, found);
        found.is_faulty |= !told.is_empty();
        set.findings.extend(told);
    }
    Some(section.cluster)
}

fn member_config(section: &Section<'_>, index: usize, entry: &MemberConfig, named: Option<&Key>, set: &mut Set<'_>) {
    let step = index.to_string();
    if entry.key.starts_with("volatile.") {
        let message = format!("`{}` is an internal key: old releases of LXD asked for it", entry.key);
        let place = section.place(&["member_config", &step, "key"]);
        set.findings.push(Finding::warning("SB127", message).at(place).helping("leave this entry out"));
        return;
    }
    let Some(found) =
        named.and_then(|key| set.objects.get_mut(key)).filter(|_| !entry.value.is_empty() && !entry.key.is_empty())
    else {
        return;
    };
    found.declared.here.insert(entry.key.clone(), entry.value.clone());
    let place = |field: &str| section.place(&["member_config", &step, field]);
    let elsewhere = Elsewhere { key: place("key"), value: place("value") };
    found.elsewhere.insert(vec!["config".to_owned(), entry.key.clone()], elsewhere);
}

fn declare<'d>(section: &Section<'d>, name: &MemberName, member: &MemberSection, set: &mut Set<'d>) {
    let Some(kind) = kinds::find(Key::MEMBER) else { return };
    let path = vec!["cluster".to_owned(), "members".to_owned(), name.to_string()];
    let found = Found {
        kind,
        declared: Declared {
            spec: spec(member),
            members: BTreeMap::new(),
            here: Default::default(),
            at: member.at.clone(),
        },
        origins: vec![Origin { document: section.document, path, is_config: false }],
        elsewhere: BTreeMap::new(),
        needs: Vec::new(),
        is_faulty: section.faulty_members.contains(name),
    };
    set.insert(Key::member(name), found);
    if !member.here.is_empty() {
        own_server_keys(section, name, member, set);
    }
}

// Only what is written: what nobody declares does not differ from what is stored.
fn spec(member: &MemberSection) -> Spec {
    let MemberSection { address, failure_domain, description, groups, roles, config, here: _, at: _ } = member;
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

fn own_server_keys<'d>(section: &Section<'d>, name: &MemberName, member: &MemberSection, set: &mut Set<'d>) {
    let Some(kind) = kinds::find(Key::server().kind.as_str()) else { return };
    let found = set.objects.entry(Key::server()).or_insert_with(|| Found {
        kind,
        declared: Declared {
            spec: Spec::default(),
            members: BTreeMap::new(),
            here: Default::default(),
            at: member.at.clone(),
        },
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
