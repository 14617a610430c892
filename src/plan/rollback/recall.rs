//! What an apply changed, told from what it left behind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::revert::Past;
use crate::kinds::records::history::{Before, Was};
use crate::model::{ClusterState, Key, Object};
use crate::plan::diff::fields;
use crate::plan::report::{FieldChange, MemberRow};

/// What an apply changed of one object. Secrets are never in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recalled {
    /// The object.
    pub key: Key,
    /// `create`, `update` and so on, as plans say it.
    pub action: String,
    /// What changed for all members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What changed for one member each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberRow>,
}

/// What an apply changed. `later` is what objects were before the applies after it, `state` what is stored now: changes
/// that were not applied are told with the apply before them.
pub fn recall(before: &Before, later: &Past, state: &ClusterState) -> Vec<Recalled> {
    let after = |key: &Key| later.object(key).unwrap_or_else(|| state.get(key));
    let recalled = |done: &Was| {
        let (key, was, is) = (&done.key, done.object.as_ref(), after(&done.key));
        let nothing = Default::default();
        let spec = is.map_or(&nothing, |object| &object.spec);
        Recalled {
            key: key.clone(),
            action: done.action.clone(),
            fields: fields::between(key, was.map(|object| &object.spec), spec, &[]),
            members: rows(key, was, is),
        }
    };
    before.objects.iter().map(recalled).collect()
}

fn rows(key: &Key, was: Option<&Object>, is: Option<&Object>) -> Vec<MemberRow> {
    let held = |object: Option<&Object>| object.map(|object| object.placements.clone()).unwrap_or_default();
    let (was, is) = (held(was), held(is));
    let mut members: Vec<_> = was.keys().chain(is.keys()).cloned().collect();
    members.sort_unstable();
    members.dedup();
    let nothing = Default::default();
    let row = |member| {
        let after = is.get(&member).map_or(&nothing, |placement| &placement.config);
        let fields = fields::between_configs(key, was.get(&member).map(|placement| &placement.config), after);
        MemberRow { member, fields, offline: false }
    };
    members.into_iter().map(row).filter(|row| !row.fields.is_empty()).collect()
}
