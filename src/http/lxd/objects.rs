//! The routes of the resource kinds, all of them alike: made from the registry.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::ApiError;
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult, url};
use crate::kinds::{self, Kind};
use crate::model::{Key, Object};
use crate::service::access::caller::Caller;
use crate::service::interfaces;
use crate::service::objects::change::{self, Revision, Where};
use crate::service::objects::path::ObjectPath;
use crate::service::objects::view;
use crate::service::operations::Subject;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;

/// Kinds whose paths other files answer.
const ELSEWHERE: &[&str] = &[Key::MEMBER, "certificate", "token"];

/// Who asks for which object.
type One = (State<Arc<Server>>, Extension<Caller>, Path<String>, RequestQuery);

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
            .post(move |one: One, body| rename(kind, one, body))
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
    asked: RequestQuery,
) -> ApiResult {
    caller.trusted()?;
    let words = kind.words();
    let project = ObjectPath::new(kind, asked.project(), "").key(&server.store())?.project;
    let mut objects = server.store().list(words.kind).map_err(store_failed)?;
    objects.retain(|object| asked.is_set("all-projects") || object.key.project == project);
    let unmanaged = match words.kind {
        "network" if project.is_default() => interfaces::unmanaged(&server, &objects).await?,
        _ => Vec::new(),
    };
    if !asked.wants_objects() {
        let mut urls: Vec<Value> = objects.iter().map(|object| address(words.collection, object)).collect();
        urls.extend(unmanaged.iter().map(|link| url(words.collection, &link.name)));
        return Answer::of(&urls);
    }
    let usage = view::Usage::of(&server, &objects)?;
    let mut all: Vec<Value> = objects.iter().map(|object| view::show(kind, object, None, &usage)).collect();
    all.extend(unmanaged.iter().map(interfaces::shown));
    Answer::of(&all)
}

async fn show(kind: &'static dyn Kind, one: One) -> ApiResult {
    let (server, _, asked, path) = meant(kind, one)?;
    let target = asked.target();
    let object = match path.object(&server) {
        Err(missing) if missing.status == 404 && kind.words().kind == "network" && target.is_none() => {
            let link = interfaces::unmanaged_named(&server, &path.name).await?.ok_or(missing)?;
            let shown = interfaces::shown(&link);
            return Ok(Answer::of(&shown)?.tagged(&view::editable(&shown)));
        }
        found => found?,
    };
    if let Some(target) = &target {
        server.member(target)?;
    }
    let usage = view::Usage::of(&server, [&object])?;
    let shown = view::show(kind, &object, target.as_ref(), &usage);
    Ok(Answer::of(&shown)?.tagged(&view::editable(&shown)))
}

async fn create(
    kind: &'static dyn Kind,
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    let mut fields: Map<String, Value> = parse(&body)?;
    let name = fields.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let path = ObjectPath::new(kind, asked.project(), &name);
    let spec = change::spec_of(fields);
    let place = match asked.target() {
        Some(target) => Where::On(target),
        // LXD's own clients define on each member first, and are told when they have not.
        None if asked.is_set("everywhere") => Where::Everywhere,
        None => Where::Defined,
    };
    let key = change::create(&server, &caller, &path, &spec, &place).await?;
    tell(&server, kind, &key, "created");
    Answer::created(location(kind, &key, &asked))
}

async fn replace(kind: &'static dyn Kind, one: One, method: Method, headers: HeaderMap, body: Bytes) -> ApiResult {
    let (server, caller, asked, path) = meant(kind, one)?;
    let mut fields: Map<String, Value> = parse(&body)?;
    fields.remove("name");
    let target = asked.target();
    let revision = Revision { headers: &headers, method: &method, fields: &fields, target: target.as_ref() };
    change::update(&server, &caller, &path, &revision).await?;
    Answer::done()
}

#[derive(Deserialize)]
struct RenameAsked {
    #[serde(default)]
    name: String,
}

async fn rename(kind: &'static dyn Kind, one: One, body: Bytes) -> Result<Response, ApiError> {
    let (server, caller, asked, path) = meant(kind, one)?;
    let RenameAsked { name } = parse(&body)?;
    if kind.words().kind != "project" {
        let key = change::rename(&server, &caller, &path, &name).await?;
        tell(&server, kind, &key, "renamed");
        return Ok(Answer::created(location(kind, &key, &asked))?.into_response());
    }
    // LXD renames projects in the background; what can be said at once is said at once all the same.
    let key = change::rename(&server, &caller, &path, &name).await?;
    tell(&server, kind, &key, "renamed");
    let subject = Subject {
        description: "Renaming project",
        resources: Map::new(),
        location: server.node().name.clone(),
        at: server.now(),
    };
    Ok(Answer::operation(&server.operations.start(&server, subject, async { Ok(Map::new()) }))?.into_response())
}

async fn remove(kind: &'static dyn Kind, one: One) -> ApiResult {
    let (server, caller, _, path) = meant(kind, one)?;
    let key = change::delete(&server, &caller, &path).await?;
    tell(&server, kind, &key, "deleted");
    Answer::done()
}

/// What a request is about, for somebody who may ask.
fn meant(kind: &'static dyn Kind, one: One) -> Result<(Arc<Server>, Caller, RequestQuery, ObjectPath), ApiError> {
    let (State(server), Extension(caller), Path(name), asked) = one;
    caller.trusted()?;
    let path = ObjectPath::new(kind, asked.project(), &name);
    Ok((server, caller, asked, path))
}

/// Tells those who listen what has become of an object.
fn tell(server: &Server, kind: &dyn Kind, key: &Key, what: &str) {
    let words = kind.words();
    let path = format!("/1.0/{}/{}", words.collection, key.name);
    server.events.lifecycle(&format!("{}-{what}", words.kind), key, &path, server.now(), &server.node().name);
}

fn address(collection: &str, object: &Object) -> Value {
    match url(collection, &object.key.name) {
        Value::String(path) if !object.key.project.is_default() => {
            Value::String(format!("{path}?project={}", object.key.project))
        }
        other => other,
    }
}

fn location(kind: &dyn Kind, key: &Key, asked: &RequestQuery) -> String {
    let name = crate::api::paths::escape(&key.name);
    let project = asked.value("project").map(|project| format!("?project={project}")).unwrap_or_default();
    format!("/1.0/{}/{name}{project}", kind.words().collection)
}
