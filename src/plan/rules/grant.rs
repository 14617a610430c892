//! What may be declared in the name of a source: what it was given by hand, and never what is for people alone.

use crate::kinds::source::SourceSpec;
use crate::kinds::tables::grant;
use crate::kinds::{Kind, Problem};
use crate::model::{Declared, Key, Object, Spec};
use crate::plan::compute::Scene;

/// Everything in a declared object that the source of this plan was not given.
pub fn withheld(key: &Key, declared: &Declared, scene: &Scene<'_>) -> Vec<Problem> {
    let Some(source) = scene.context.source() else { return Vec::new() };
    let object = scene.state.get(&Key::new("source", source));
    let given = object.and_then(|object| serde_json::from_value::<SourceSpec>(object.spec.0.clone().into()).ok());
    if given.is_some_and(|spec| spec.may_be_raw()) {
        return Vec::new();
    }
    let help = format!("if whoever may change {source} is to have root: seedbed source set {source} --allow-raw");
    grant::weigh(key, declared).into_iter().map(|problem| problem.helping(help.clone())).collect()
}

/// Why no source may change this object so; nothing where a person asks.
pub fn for_people(kind: &dyn Kind, stored: Option<&Object>, spec: &Spec, scene: &Scene<'_>) -> Vec<Problem> {
    match scene.context.source() {
        Some(_) => kind.beyond_sources(stored.map(|object| &object.spec), spec),
        None => Vec::new(),
    }
}
