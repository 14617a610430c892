//! The routes of the resource kinds, all of them alike: made from the registry.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Map, Value};

use super::answer::{Answer, Outcome, check_match, parse, url};
use super::asked::Asked;
use super::caller::Caller;
use super::change;
use super::server::{Server, store_failed};
use super::shown;
use crate::api::ApiError;
use crate::kinds::{self, Kind};
use crate::model::{Key, Object, ProjectName};

/// Kinds whose paths other files answer.
const ELSEWHERE: &[&str] = &[Key::MEMBER, "certificate", "token"];

/// Who asks for which object.
type One = (State<Arc<Server>>, Extension<Caller>, Path<String>, Asked);

/// One collection and one object path for each kind.
pub fn routes() -> Router<Arc<Server>> {
    let mut router = Router::new();
    for kind in kinds::ALL.iter().copied() {
        let words = kind.words();
        if words.collection.is_empty() || ELSEWHERE.contains(&words.kind) {
            continue;
        }
        let all = get(move |state, caller, asked| list(kind, state, caller, asked))
            .post(move |state, caller, asked, body| create(kind, state, caller, asked, body));
        let one = get(move |one: One| show(kind, one))
            .put(move |one: One, method, headers, body| replace(kind, one, method, headers, body))
            .patch(move |one: One, method, headers, body| replace(kind, one, method, headers, body))
            .post(move |caller, path| rename(kind, caller, path))
            .delete(move |one: One| remove(kind, one));
        router = router
            .route(&format!("/1.0/{}", words.collection), all)
            .route(&format!("/1.0/{}/{{name}}", words.collection), one);
    }
    router
}

async fn list(
    kind: &'static dyn Kind,
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Outcome {
    caller.trusted()?;
    let words = kind.words();
    let project = home(&server, kind, &asked, "")?.project;
    let mut objects = server.store().list(words.kind).map_err(store_failed)?;
    objects.retain(|object| asked.is_set("all-projects") || object.key.project == project);
    if !asked.wants_objects() {
        let urls = objects.iter().map(|object| address(words.collection, object));
        return Answer::of(&urls.collect::<Vec<_>>());
    }
    let usage = shown::Usage::of(&server, &objects)?;
    Answer::of(&objects.iter().map(|object| shown::show(kind, object, None, &usage)).collect::<Vec<_>>())
}

async fn show(kind: &'static dyn Kind, one: One) -> Outcome {
    let (server, _, asked, object) = meant(kind, one)?;
    let target = asked.target();
    if let Some(target) = &target {
        server.member(target)?;
    }
    let usage = shown::Usage::of(&server, [&object])?;
    let shown = shown::show(kind, &object, target.as_ref(), &usage);
    Ok(Answer::of(&shown)?.tagged(&shown::editable(&shown)))
}

async fn create(
    kind: &'static dyn Kind,
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
    body: Bytes,
) -> Outcome {
    caller.trusted()?;
    let mut fields: Map<String, Value> = parse(&body)?;
    let name = fields.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let key = home(&server, kind, &asked, &name)?;
    let spec = change::spec_of(fields);
    change::create(&server, &caller, &key, &spec, asked.target().as_ref()).await?;
    tell(&server, kind, &key, "created");
    Answer::created(location(kind, &key, &asked))
}

async fn replace(kind: &'static dyn Kind, one: One, method: Method, headers: HeaderMap, body: Bytes) -> Outcome {
    let (server, caller, asked, object) = meant(kind, one)?;
    let target = asked.target();
    let now = shown::show(kind, &object, target.as_ref(), &shown::Usage::default());
    check_match(&headers, &shown::editable(&now))?;
    let mut fields: Map<String, Value> = parse(&body)?;
    fields.remove("name");
    if method == Method::PATCH {
        fields = change::amended(shown::editable(&now), fields);
    }
    if target.is_none() {
        keep_secrets(kind, &object, &mut fields);
    }
    change::update(&server, &caller, &object.key, &change::spec_of(fields), target.as_ref()).await?;
    Answer::done()
}

/// Secrets are not shown, so that whoever sends back what was shown leaves them out: they stay until they are set anew, or
/// unset by an empty value.
fn keep_secrets(kind: &dyn Kind, object: &Object, fields: &mut Map<String, Value>) {
    let mut secrets = object.spec.config().0;
    secrets.retain(|key, _| kinds::is_secret(kind.words().kind, key));
    if secrets.is_empty() {
        return;
    }
    let config = fields.entry("config").or_insert_with(|| Value::Object(Map::new()));
    let Some(config) = config.as_object_mut() else { return };
    for (key, secret) in secrets {
        config.entry(key).or_insert(Value::String(secret));
    }
}

async fn rename(kind: &'static dyn Kind, Extension(caller): Extension<Caller>, Path(name): Path<String>) -> Outcome {
    caller.trusted()?;
    let spoken = kind.words().spoken;
    Err(ApiError::new(
        501,
        format!(
            "the {spoken} {name} keeps its name, because manifests know it by that: create another and delete this one"
        ),
    ))
}

async fn remove(kind: &'static dyn Kind, one: One) -> Outcome {
    let (server, caller, _, object) = meant(kind, one)?;
    change::delete(&server, &caller, &object).await?;
    tell(&server, kind, &object.key, "deleted");
    Answer::done()
}

/// The object of a request, for somebody who may ask.
fn meant(kind: &dyn Kind, one: One) -> Result<(Arc<Server>, Caller, Asked, Object), ApiError> {
    let (State(server), Extension(caller), Path(name), asked) = one;
    caller.trusted()?;
    let object = found(&server, kind, &asked, &name)?;
    Ok((server, caller, asked, object))
}

/// Tells those who listen what has become of an object.
fn tell(server: &Server, kind: &dyn Kind, key: &Key, what: &str) {
    let words = kind.words();
    let path = format!("/1.0/{}/{}", words.collection, key.name);
    server.events.lifecycle(&format!("{}-{what}", words.kind), key, &path, server.now(), &server.node().name);
}

/// The object that a path means.
pub fn found(server: &Server, kind: &dyn Kind, asked: &Asked, name: &str) -> Result<Object, ApiError> {
    let key = home(server, kind, asked, name)?;
    let object = server.store().get(&key).map_err(store_failed)?;
    object.ok_or_else(|| {
        let spoken = kind.words().spoken;
        let mut text: String = spoken.chars().take(1).flat_map(char::to_uppercase).collect();
        text.extend(spoken.chars().skip(1));
        ApiError::not_found(format!("{text} not found"))
    })
}

/// The key of an object of this name as the request means it.
fn home(server: &Server, kind: &dyn Kind, asked: &Asked, name: &str) -> Result<Key, ApiError> {
    let project = asked.project();
    let key = Key::in_project(kind.words().kind, &project, name);
    if project.is_default() {
        return Ok(key);
    }
    let stored = server.store().get(&Key::new("project", project.as_str())).map_err(store_failed)?;
    let config = stored.ok_or_else(|| ApiError::not_found("Project not found"))?.spec.config();
    Ok(kinds::home(&key, |_: &ProjectName| Some(config.clone())))
}

fn address(collection: &str, object: &Object) -> Value {
    match url(collection, &object.key.name) {
        Value::String(path) if !object.key.project.is_default() => {
            Value::String(format!("{path}?project={}", object.key.project))
        }
        other => other,
    }
}

fn location(kind: &dyn Kind, key: &Key, asked: &Asked) -> String {
    let name = crate::api::paths::escape(&key.name);
    let project = asked.value("project").map(|project| format!("?project={project}")).unwrap_or_default();
    format!("/1.0/{}/{name}{project}", kind.words().collection)
}
