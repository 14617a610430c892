//! Objects as LXD's API shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::{ApiError, paths};
use crate::kinds::{self, Kind, Scope};
use crate::model::{Key, MemberName, Object, Rollout};
use crate::plan::{self, read_set};
use crate::service::server::{Server, store_failed};

/// Which objects are used by which.
#[derive(Default)]
pub struct Usage {
    by: BTreeMap<Key, Vec<Key>>,
    is_clustered: bool,
}

impl Usage {
    /// Who uses these objects.
    pub fn of<'a>(server: &Server, objects: impl IntoIterator<Item = &'a Object>) -> Result<Self, ApiError> {
        let keys: Vec<Key> = objects.into_iter().map(|object| object.key.clone()).collect();
        let state = server.store().part(&|known| read_set::of_users(&keys, known)).map_err(store_failed)?;
        let mut by = plan::users(&keys, &state);
        for project in keys.iter().filter(|key| key.kind.as_str() == "project") {
            by.insert(project.clone(), inhabitants(server, project)?);
        }
        Ok(Self { by, is_clustered: server.is_clustered()? })
    }

    fn paths(&self, key: &Key) -> Vec<String> {
        let users = self.by.get(key).into_iter().flatten();
        users.filter_map(|user| Some(path_of(kinds::find(user.kind.as_str())?, user))).collect()
    }
}

/// What lives in a project. Of those that name it, LXD shows only what it holds.
fn inhabitants(server: &Server, project: &Key) -> Result<Vec<Key>, ApiError> {
    let belong = kinds::ALL.iter().filter(|kind| matches!(kind.scope(), Scope::Project { .. }));
    let mut keys = Vec::new();
    for kind in belong {
        let objects = server.store().list(kind.words().kind).map_err(store_failed)?;
        keys.extend(objects.into_iter().map(|object| object.key).filter(|key| key.project.as_str() == project.name));
    }
    Ok(keys)
}

fn path_of(kind: &dyn Kind, key: &Key) -> String {
    let project = if key.project.is_default() { String::new() } else { format!("?project={}", key.project) };
    format!("/1.0/{}/{}{project}", kind.words().collection, paths::escape(&key.name))
}

/// One object. Member-specific keys are shown for the target only; its status is then what that member has.
pub fn show(kind: &dyn Kind, object: &Object, target: Option<&MemberName>, usage: &Usage) -> Value {
    let mut fields = object.spec.0.clone();
    let mut config = object.spec.config();
    if let Some(placement) = shown_placement(object, target) {
        config = config.overlaid(&placement.config);
    }
    config.retain(|key, _| !kinds::is_secret(kind.words().kind, key));
    fields.insert("config".to_owned(), json!(config));
    fields.insert("name".to_owned(), json!(object.key.name));
    fields.entry("description").or_insert_with(|| json!(""));
    fields.insert("used_by".to_owned(), json!(usage.paths(&object.key)));
    if kind.words().kind == "profile" {
        fields.entry("devices").or_insert_with(|| json!({}));
    }
    if kind.words().kind == "network" {
        fields.insert("managed".to_owned(), json!(true));
    }
    if kind.rollout() != Rollout::RecordOnly {
        let status = match target.and_then(|target| object.placements.get(target)) {
            Some(placement) => placement.phase.status(),
            None => object.phase.status(),
        };
        fields.insert("status".to_owned(), json!(status));
        let locations: Vec<&str> = match usage.is_clustered {
            true => object.placements.keys().map(MemberName::as_str).collect(),
            // In LXD's word for a member that is in no cluster.
            false => vec!["none"],
        };
        fields.insert("locations".to_owned(), json!(locations));
    }
    Value::Object(fields)
}

/// Without a target the keys of the only member are shown, as LXD does it where there is no cluster.
fn shown_placement<'a>(object: &'a Object, target: Option<&MemberName>) -> Option<&'a crate::model::Placement> {
    match target {
        Some(target) => object.placements.get(target),
        None if object.placements.len() == 1 => object.placements.values().next(),
        None => None,
    }
}

/// The part of a shown object that a `PUT` replaces.
pub fn editable(shown: &Value) -> Map<String, Value> {
    let editable = ["config", "description", "devices"];
    let fields = shown.as_object().cloned().unwrap_or_default();
    fields.into_iter().filter(|(field, _)| editable.contains(&field.as_str())).collect()
}
