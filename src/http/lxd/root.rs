//! `/1.0`: the server and its configuration.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::api::{ApiError, Environment, ServerInfo, ServerPut, paths};
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, passed_on};
use crate::kinds;
use crate::model::Config;
use crate::service::access::caller::Caller;
use crate::service::cluster::configuration::configuration;
use crate::service::cluster::configure;
use crate::service::extensions::EXTENSIONS;
use crate::service::peers::forward;
use crate::service::server::{Server, store_failed};
use crate::service::wire::{check_match, parse};

/// `GET /`: the versions.
pub async fn versions() -> Result<Answer, ApiError> {
    Answer::of(&[paths::SERVER])
}

/// `GET /1.0`. Strangers see that there is a server and that it does not know them.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> Result<Response, ApiError> {
    if !caller.is_trusted() {
        return Ok(Answer::of(&info("untrusted"))?.into_response());
    }
    let me = server.node().name.clone();
    let target = asked.target().unwrap_or_else(|| me.clone());
    if target != me {
        let answer = forward::to_member(&server, &target, Method::GET, paths::SERVER, &caller, Bytes::new()).await?;
        return Ok(passed_on(answer));
    }
    let config = shown(&configuration(&server, &me)?);
    let mut answer = info("trusted");
    answer.environment = Some(environment(&server, &asked)?);
    answer.config = Some(config.clone());
    Ok(Answer::of(&answer)?.tagged(&config).into_response())
}

/// `PUT /1.0`: the keys that are not named are unset. `PATCH /1.0`: they stay.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let request: ServerPut = parse(&body)?;
    let me = server.node().name.clone();
    let member = asked.target().unwrap_or_else(|| me.clone());
    let is_patch = method == Method::PATCH;
    let edit = |now: &Config| {
        check_match(&headers, &shown(now))?;
        let named = texts(&request.config, now)?;
        let mut new = if is_patch { now.overlaid(&named) } else { named };
        new.retain(|_, value| !value.is_empty());
        Ok(new)
    };
    if member != me && server.liveness().is_reachable(&member) {
        let now = configuration(&server, &member)?;
        // Its port is opened there before its address is stored.
        if edit(&now).is_ok_and(|new| configure::listen_keys(&new) != configure::listen_keys(&now)) {
            let path = format!("{}?target={}", paths::SERVER, paths::escape(member.as_str()));
            let matching = headers.get(IF_MATCH).cloned();
            let answer = forward::to_member_if(&server, &member, (method, &path, matching), &caller, body).await?;
            return Ok(passed_on(answer));
        }
    }
    configure::set(&server, &caller, &member, &edit).await?;
    Ok(Answer::done()?.into_response())
}

fn info(auth: &str) -> ServerInfo {
    ServerInfo {
        config: None,
        api_extensions: EXTENSIONS.names.iter().map(|name| (*name).to_owned()).collect(),
        api_status: "stable".to_owned(),
        api_version: "1.0".to_owned(),
        auth: auth.to_owned(),
        public: false,
        auth_methods: vec!["tls".to_owned()],
        environment: None,
    }
}

fn environment(server: &Server, asked: &RequestQuery) -> Result<Environment, ApiError> {
    let node = server.node();
    let listening = configuration(server, &node.name)?.value("core.https_address").map(str::to_owned);
    let mut drivers: Vec<String> = node
        .store
        .list("storage-pool")
        .map_err(store_failed)?
        .iter()
        .map(|pool| pool.spec.text("driver").to_owned())
        .collect();
    drivers.sort();
    drivers.dedup();
    Ok(Environment {
        addresses: listening.into_iter().collect(),
        certificate: server.credentials.presented().certificate.clone(),
        certificate_fingerprint: server.credentials.fingerprint()?,
        project: asked.project().0,
        server_clustered: server.is_clustered()?,
        server_name: node.name.0.clone(),
        storage: drivers.join(" | "),
        ..server.environment.clone()
    })
}

/// The configuration as it may be seen: hidden values are `true`.
fn shown(config: &Config) -> Map<String, Value> {
    let show = |(key, value): (&String, &String)| {
        let value = if kinds::is_secret("config", key) { json!(true) } else { json!(value) };
        (key.clone(), value)
    };
    config.iter().map(show).collect()
}

/// Values as text; null unsets, as an empty text does. `true` for a hidden key leaves it as it is, because that is how
/// it was shown.
fn texts(config: &Map<String, Value>, now: &Config) -> Result<Config, ApiError> {
    let mut texts = Config::default();
    for (key, value) in config {
        let text = match value {
            Value::Bool(true) if kinds::is_secret("config", key) => now.value(key).unwrap_or_default(),
            Value::String(text) => text,
            Value::Null => "",
            Value::Bool(_) => return Err(invalid_type(key, "bool")),
            Value::Number(_) => return Err(invalid_type(key, "float64")),
            Value::Array(_) => return Err(invalid_type(key, "slice")),
            Value::Object(_) => return Err(invalid_type(key, "map")),
        };
        texts.insert(key.clone(), text.to_owned());
    }
    Ok(texts)
}

/// In LXD's words.
fn invalid_type(key: &str, found: &str) -> ApiError {
    ApiError::bad_request(format!("cannot set '{key}': invalid type {found}"))
}
