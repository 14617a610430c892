//! A real LXD or Incus: what it lacks, what it has already, and what it would refuse to change.
//!
//! Its answers become a stored state of ours, against which the manifest is planned. Only the
//! refusals of that plan count, and only those that LXD has too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::extensions::{Info, Party, lacking, listed, parties};
use super::{Told, product, take};
use crate::api::paths;
use crate::cli::input::{Input, plural};
use crate::client::{Client, ClientError};
use crate::kinds;
use crate::kinds::tables::dialect::Product;
use crate::model::{
    ClusterState, Condition, Config, Desired, Finding, Generation, Key, Liveness, MemberName, Object, Phase, Placement,
    PlacementPhase, Severity, Spec,
};
use crate::plan::{Context, Mode, plan};
use crate::service::SystemRng;

/// What only our own members ask for: a preseed of LXD gives the keys of the member that reads it.
const OURS: [&str; 3] = ["SB047", "SB050", "SB064"];

/// What the server has, as it answers for each path.
#[derive(Debug, Default)]
struct Answers {
    /// Names of members; the one server without a cluster.
    members: Vec<String>,
    /// Lists of objects under the kind and the project.
    lists: Vec<(&'static str, String, Value)>,
    /// Pools and networks once more under each member, with its own keys: kind, name, member.
    own: Vec<(&'static str, String, String, Value)>,
}

/// Asks, and compares.
pub async fn ask(client: &Client, info: &Info, input: &mut Input) -> Result<Told, ClientError> {
    let product = product::of(info);
    let server = Info { product: product.map_or_else(String::new, named), ..info.clone() };
    if let Some(product) = product {
        product::judge(input, &server, product);
    }
    let told = compare(client, &server, input).await?;
    // What a product refuses is no mistake in the rest: objects are counted by what stands in them.
    let findings = [&input.loaded.findings[..], &told.findings].concat();
    input.loaded.counts.valid = product::valid(input.loaded.counts.objects, &findings);
    Ok(told)
}

fn named(product: Product) -> String {
    if product == Product::Incus { "incus" } else { "lxd" }.to_owned()
}

async fn compare(client: &Client, info: &Info, input: &mut Input) -> Result<Told, ClientError> {
    let mut findings = Vec::new();
    let is_whole = is_readable(input);
    if !info.is_trusted {
        if is_whole {
            findings = missing(input, &[of_server(info)]);
        }
        let whom = format!("{}, as a stranger: its extensions only", info.spoken());
        return Ok(Told { whom, is_whole, findings });
    }
    let answers = answers(client, info).await?;
    if has_root(&answers) {
        input.loaded.findings.retain(|finding| finding.code != "SB116");
    }
    let state = state(&answers);
    let objects = state.objects.len() - answers.members.len();
    let whom = format!("{}, {}, {}", info.spoken(), plural(answers.members.len(), "member"), plural(objects, "object"));
    if is_whole {
        let (known, silent) = if info.is_clustered {
            let members: Vec<_> = answers.members.iter().map(|name| (name.clone(), String::new())).collect();
            parties(client, info, &members).await
        } else {
            (vec![of_server(info)], Vec::new())
        };
        findings.extend(silent.iter().map(|name| untold(name)));
        findings.extend(missing(input, &known));
        // Nobody needs it afterwards, and it may be large.
        let desired = std::mem::take(&mut input.loaded.desired);
        let known: Vec<_> = findings.iter().map(|finding: &Finding| finding.place.clone()).collect();
        findings.extend(impossible(&desired, info, &answers).into_iter().filter(|more| !known.contains(&more.place)));
        let said = refusals(desired, &state, info);
        take(input, said);
    }
    Ok(Told { whom, is_whole, findings })
}

// Its own keys are not known either, which a plan then takes for unset.
fn untold(member: &str) -> Finding {
    let text = format!("{member} does not answer: which keys it takes, and what it has of its own, is unknown");
    Finding { severity: Severity::Note, ..Finding::warning("SB068", text) }
        .helping(format!("validate again when {member} answers"))
}

// Devices of a profile are laid over those that are stored.
fn has_root(answers: &Answers) -> bool {
    let is_root = |device: &Value| device["type"] == "disk" && device["path"] == "/";
    let mut of_default = answers.lists.iter().filter(|(kind, project, _)| *kind == "profile" && project == "default");
    of_default.any(|(_, _, list)| {
        let mut found = items(list).filter(|profile| profile["name"] == "default");
        found.any(|profile| profile["devices"].as_object().is_some_and(|devices| devices.values().any(is_root)))
    })
}

// What the product refuses was understood all the same.
fn is_readable(input: &Input) -> bool {
    let findings = &input.loaded.findings;
    !findings.iter().any(|finding| finding.is_error() && !product::is_theirs(finding))
}

fn missing(input: &Input, parties: &[Party]) -> Vec<Finding> {
    let mut findings = lacking(&input.loaded.desired, parties, Severity::Error);
    let refused = product::refused(&input.loaded.findings);
    findings.retain(|finding| product::at(finding).is_none_or(|place| !refused.contains(&place)));
    findings
}

fn of_server(info: &Info) -> Party {
    Party { name: info.spoken(), extensions: info.extensions.clone(), is_seedbed: false }
}

async fn answers(client: &Client, info: &Info) -> Result<Answers, ClientError> {
    let mut answers = Answers::default();
    if info.is_clustered {
        let members: Value = client.get(&format!("{}?recursion=1", paths::MEMBERS)).await?;
        answers.members = items(&members).map(|member| text(member, "server_name")).collect();
    } else {
        answers.members = vec![info.name.clone()];
    }
    let list =
        |collection: &str, project: &str| format!("/1.0/{collection}?recursion=1&project={}", paths::escape(project));
    let projects: Value = client.get(&list("projects", "default")).await?;
    let kinds = [("profile", "profiles"), ("network", "networks")];
    let of_project = |project: &Value| {
        let has = |collection: &str| project["config"][format!("features.{collection}")] == "true";
        let own = kinds.into_iter().filter(|(_, collection)| has(collection));
        own.map(|(kind, collection)| (kind, collection, text(project, "name"))).collect::<Vec<_>>()
    };
    let owned: Vec<_> = items(&projects).flat_map(of_project).collect();
    answers.lists.push(("project", "default".to_owned(), projects));
    answers.lists.push(("storage-pool", "default".to_owned(), client.get(&list("storage-pools", "default")).await?));
    for (kind, collection, project) in owned {
        let found = client.get(&list(collection, &project)).await?;
        answers.lists.push((kind, project, found));
    }
    if info.is_clustered {
        own_keys(client, &mut answers).await?;
    }
    Ok(answers)
}

async fn own_keys(client: &Client, answers: &mut Answers) -> Result<(), ClientError> {
    let kinds = [("storage-pool", "storage-pools"), ("network", "networks")];
    for (kind, collection) in kinds {
        let lists = answers.lists.iter().filter(|(of, project, _)| *of == kind && project == "default");
        let names: Vec<String> = lists
            .flat_map(|(_, _, list)| items(list))
            .filter(|item| is_managed(item))
            .map(|item| text(item, "name"))
            .collect();
        for name in names {
            for member in &answers.members {
                let path = format!("/1.0/{collection}/{}?target={}", paths::escape(&name), paths::escape(member));
                // A member that is away does not tell its own keys; what is shared is known.
                if let Ok(own) = client.get(&path).await {
                    answers.own.push((kind, name.clone(), member.clone(), own));
                }
            }
        }
    }
    Ok(())
}

/// The answers as a state of ours.
fn state(answers: &Answers) -> ClusterState {
    let mut state = ClusterState::default();
    for member in &answers.members {
        let key = Key::member(&MemberName(member.clone()));
        state.objects.insert(key.clone(), object(key, Spec::default(), BTreeMap::new()));
    }
    for (kind, project, list) in &answers.lists {
        for item in items(list).filter(|item| is_managed(item)) {
            let key = key(kind, project, item);
            let mut spec = spec(kind, item);
            let (shared, own) = split(kind, &key.name, &spec);
            spec.set_config(&shared);
            let placed = kinds::find(kind).is_some_and(|kind| kind.rollout() != crate::model::Rollout::RecordOnly);
            let members = answers.members.iter().filter(|_| placed);
            let placements =
                members.map(|member| (MemberName(member.clone()), placement(answers, kind, item, member, &own)));
            let placements = placements.collect();
            state.objects.insert(key.clone(), object(key, spec, placements));
        }
    }
    state
}

fn key(kind: &str, project: &str, item: &Value) -> Key {
    match kind {
        "profile" | "network" => Key::in_project(kind, &project.into(), &text(item, "name")),
        _ => Key::new(kind, &text(item, "name")),
    }
}

fn object(key: Key, spec: Spec, placements: BTreeMap<MemberName, Placement>) -> Object {
    let rollout = kinds::find(key.kind.as_str()).map_or(crate::model::Rollout::RecordOnly, |kind| kind.rollout());
    Object {
        uid: crate::model::Revision(1),
        generation: Generation(1),
        phase: Phase::Created,
        rollout,
        spec,
        placements,
        ..Object::blank(key)
    }
}

// What each kind declares; the rest is LXD's own bookkeeping.
fn spec(kind: &str, item: &Value) -> Spec {
    let fields: &[&str] = match kind {
        "storage-pool" => &["description", "driver", "config"],
        "network" => &["description", "type", "config"],
        "profile" => &["description", "config", "devices"],
        _ => &["description", "config"],
    };
    let Some(item) = item.as_object() else { return Spec::default() };
    let own = item.iter().filter(|(field, value)| fields.contains(&field.as_str()) && !value.is_null());
    Spec(own.map(|(field, value)| (field.clone(), value.clone())).collect())
}

fn split(kind: &str, name: &str, spec: &Spec) -> (Config, Config) {
    let entities = kinds::find(kind).map(|kind| kind.entities(spec)).unwrap_or_default();
    let is_own = |key: &str| kinds::is_member_specific(kind, &entities, key);
    let (mut shared, mut own) = (Config::default(), Config::default());
    for (key, value) in spec.config_entries().filter(|(key, _)| !key.starts_with("volatile.")) {
        let part = if is_own(key) { &mut own } else { &mut shared };
        part.insert(key.to_owned(), value.to_owned());
    }
    // LXD shows a path below its own directory; what it was given stands elsewhere, or is what it shows.
    if let Some(shown) = own.remove("source") {
        let is_its_own = [format!("/storage-pools/{name}"), format!("/disks/{name}.img")];
        let initial = spec.config_entries().find(|(key, _)| *key == "volatile.initial_source").map(|(_, value)| value);
        let given = initial.or_else(|| is_its_own.iter().all(|end| !shown.ends_with(end)).then_some(&shown));
        own.extend(given.map(|source| ("source".to_owned(), source.to_owned())));
    }
    (shared, own)
}

fn placement(answers: &Answers, kind: &str, item: &Value, member: &str, own: &Config) -> Placement {
    let name = text(item, "name");
    let told = answers.own.iter().find(|(of, object, at, _)| *of == kind && *object == name && at == member);
    let config = match told {
        Some((_, _, _, item)) => split(kind, &name, &spec(kind, item)).1,
        None if answers.members.len() == 1 => own.clone(),
        None => Config::default(),
    };
    Placement {
        config,
        phase: PlacementPhase::Created,
        observed: Generation(1),
        realised: Generation(1),
        condition: Condition::ready(Default::default()),
    }
}

fn refusals(mut desired: Desired, state: &ClusterState, info: &Info) -> Vec<Finding> {
    let here = MemberName(info.name.clone());
    let context = Context { here: &here, liveness: &Liveness::default(), mode: Mode::Merge, claim: None };
    // The members of a file are those that it makes, and the server's own configuration is taken as it comes.
    desired.objects.retain(|key, _| ![Key::MEMBER, "config", "source"].contains(&key.kind.as_str()));
    let findings = plan(&desired, state, &context, &mut SystemRng).err().unwrap_or_default();
    findings.into_iter().filter(|finding| !OURS.contains(&finding.code.as_str())).collect()
}

/// What fails on this server whatever the extensions say.
fn impossible(desired: &Desired, info: &Info, answers: &Answers) -> Vec<Finding> {
    let taken: Vec<String> = answers
        .lists
        .iter()
        .filter(|(kind, project, _)| *kind == "network" && project == "default")
        .flat_map(|(_, _, list)| items(list))
        .filter(|item| !is_managed(item))
        .map(|item| text(item, "name"))
        .collect();
    let drivers: Vec<String> = info.drivers.iter().map(|driver| format!("`{driver}`")).collect();
    let mut findings = Vec::new();
    for (key, declared) in &desired.objects {
        let driver = declared.spec.text("driver");
        if key.kind.as_str() == "storage-pool" && !drivers.is_empty() && !info.drivers.contains(driver) {
            let text = format!("{key}: {} on {} cannot use the driver `{driver}`", info.spoken(), info.name);
            findings.push(
                Finding { place: Some(declared.place(&["driver"])), ..Finding::error("SB143", text) }
                    .helping(format!("it has {}; others need their tools on the host", listed(&drivers))),
            );
        }
        if key.kind.as_str() == "network" && taken.contains(&key.name) {
            let text = format!(
                "{key}: the host of {} has an interface of this name, which {} does not manage",
                info.name,
                info.spoken()
            );
            findings.push(
                Finding { place: Some(declared.place(&["name"])), ..Finding::error("SB143", text) }
                    .helping("choose another name, or remove the interface"),
            );
        }
    }
    findings
}

fn is_managed(item: &Value) -> bool {
    item.get("managed").and_then(Value::as_bool).unwrap_or(true)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
