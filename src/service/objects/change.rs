//! Changes of single objects: LXD's rules decide, one entry carries them out, and the answer waits for the members.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, Method};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::commit;
use super::path::ObjectPath;
use super::removal_check;
use super::view;
use crate::api::ApiError;
use crate::kinds::{self, Kind};
use crate::model::{Command, Key, Known, MemberName, Object, Phase, ReadSet, Rollout, Spec};
use crate::plan::lxd::{self, Ask, Refusal, Stamp};
use crate::plan::read_set;
use crate::service::access::caller::Caller;
use crate::service::plans::apply::{Progress, progress, progress_on};
use crate::service::rng::SystemRng;
use crate::service::server::{Server, store_failed};
use crate::service::wire::check_match;

/// Longer than a pool takes that is made with care.
const WAIT: Duration = Duration::from_secs(120);

/// The fields of a request as a spec: what is null is absent, and a key of the configuration that is null is unset.
pub fn spec_of(fields: Map<String, Value>) -> Spec {
    let mut fields: Map<String, Value> = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let config = fields.get_mut("config").and_then(Value::as_object_mut);
    for value in config.into_iter().flat_map(Map::values_mut).filter(|value| value.is_null()) {
        *value = Value::String(String::new());
    }
    Spec(fields)
}

/// The kinds whose `PUT` is LXD's: what it leaves out is emptied.
const IN_LXD: [&str; 4] = ["network", "profile", "project", "storage-pool"];

/// The fields after a `PUT`: those that were shown and are left out, or null, are empty.
fn whole(now: Map<String, Value>, mut fields: Map<String, Value>) -> Map<String, Value> {
    for (field, shown) in now {
        let given = fields.entry(field).or_insert(Value::Null);
        if given.is_null() {
            *given = if shown.is_string() { Value::String(String::new()) } else { Value::Object(Map::new()) };
        }
    }
    fields
}

/// The fields after a `PATCH`: maps are merged, everything else is replaced.
pub fn amended(mut now: Map<String, Value>, new: Map<String, Value>) -> Map<String, Value> {
    for (field, value) in new {
        match (now.get_mut(&field), value) {
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
            (_, value) => {
                now.insert(field, value);
            }
        }
    }
    now
}

/// Where an object is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// It is only defined, on this member.
    On(MemberName),
    /// It is created where it is defined, which is on all members.
    Defined,
    /// It is defined on all members and created, in one step.
    Everywhere,
}

/// Creates an object, or defines it on one member. Gives its key.
pub async fn create(
    server: &Arc<Server>,
    caller: &Caller,
    path: &ObjectPath,
    spec: &Spec,
    place: &Where,
) -> Result<Key, ApiError> {
    let decide = |ask: &Ask<'_>| {
        let decided = match place {
            Where::On(target) => lxd::define(ask, spec, target),
            Where::Defined => lxd::create(ask, spec, &mut SystemRng),
            Where::Everywhere => lxd::create_everywhere(ask, spec, &mut SystemRng),
        };
        decided.map_err(refused)
    };
    let is_targeted = matches!(place, Where::On(_));
    let extent = |key: &Key, known: &Known| read_set::of_request(key, spec, is_targeted, known);
    let key = commit(server, caller, path, &extent, decide).await?;
    if !is_targeted {
        stands(server, &key, None).await?;
    }
    Ok(key)
}

/// What a `PUT` or `PATCH` asks for. It is laid over the state that its entry expects, not over what was read before.
pub struct Revision<'a> {
    /// The request's headers: `If-Match` holds for the state that is changed.
    pub headers: &'a HeaderMap,
    /// `PATCH` leaves alone what it does not name.
    pub method: &'a Method,
    /// The body.
    pub fields: &'a Map<String, Value>,
    /// Whose own keys are meant.
    pub target: Option<&'a MemberName>,
}

impl Revision<'_> {
    fn spec(&self, kind: &dyn Kind, object: &Object) -> Result<Spec, ApiError> {
        let shown = view::show(kind, object, self.target, &view::Usage::default());
        let now = view::editable(&shown);
        check_match(self.headers, &now)?;
        let mut fields = self.fields.clone();
        if *self.method == Method::PATCH {
            fields = amended(now, fields);
        } else if IN_LXD.contains(&kind.words().kind) {
            fields = whole(now, fields);
        }
        if self.target.is_none() {
            keep_secrets(kind, object, &mut fields);
        }
        Ok(spec_of(fields))
    }
}

/// Replaces an object's content, or one member's keys.
pub async fn update(
    server: &Arc<Server>,
    caller: &Caller,
    path: &ObjectPath,
    revision: &Revision<'_>,
) -> Result<(), ApiError> {
    let asked = spec_of(revision.fields.clone());
    let extent = |key: &Key, known: &Known| read_set::of_request(key, &asked, revision.target.is_some(), known);
    let mut change = None;
    let decide = |ask: &Ask<'_>| {
        let object = ask.state.get(ask.key).ok_or_else(|| path.not_found())?;
        let spec = revision.spec(path.kind, object)?;
        let decided = lxd::update(ask, &spec, revision.target, &mut SystemRng).map_err(refused);
        change = Some((object.clone(), spec));
        decided
    };
    let key = commit(server, caller, path, &extent, decide).await?;
    stands(server, &key, revision.target).await.map_err(|error| match &change {
        Some((before, spec)) => stored_all_the_same(error, before, spec, revision.target),
        None => error,
    })
}

/// What no host could tell before it was stored: says that it is, and how to go back.
fn stored_all_the_same(error: ApiError, before: &Object, spec: &Spec, target: Option<&MemberName>) -> ApiError {
    let placed = |member| before.placements.get(member).map(|placement| placement.config.clone()).unwrap_or_default();
    let (old, new) = (target.map_or_else(|| before.spec.config(), placed), spec.config());
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let kind = before.key.kind.as_str();
    let differs = |name: &&&String| old.get(**name) != new.get(**name) && !kinds::is_secret(kind, name);
    let back = |name: &&String| format!("'{name}={}'", old.value(name).unwrap_or_default());
    let back: Vec<String> = names.iter().filter(differs).map(back).collect();
    let Some(noun) = kinds::find(kind).map(|kind| kind.words().noun).filter(|_| !back.is_empty()) else { return error };
    let target = target.map(|target| format!(" --target {target}")).unwrap_or_default();
    let text = format!(
        "{}. It is stored all the same, and tried again; to go back: seedbed {noun} set {} {}{target}",
        error.message,
        before.key.name,
        back.join(" ")
    );
    ApiError { message: text, ..error }
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

/// Removes an object; the answer comes when the last member has let it go. Gives its key.
pub async fn delete(server: &Arc<Server>, caller: &Caller, path: &ObjectPath) -> Result<Key, ApiError> {
    let extent = |key: &Key, known: &Known| read_set::of_removal(key, known);
    removal_check::look_first(server, &going(server, path).await?).await?;
    let mut uid = None;
    let decide = |ask: &Ask<'_>| {
        uid = ask.state.get(ask.key).map(|object| object.uid);
        lxd::delete(ask).map_err(refused)
    };
    let key = commit(server, caller, path, &extent, decide).await?;
    wait(server, &key, |now| match now {
        None => Some(Ok(())),
        Some(now) if Some(now.uid) != uid => Some(Ok(())),
        Some(now) => match progress(now) {
            Progress::Failed(text) => Some(Err(ApiError::failed(format!("{text}; {}", removal_check::going_on(&key))))),
            Progress::Done | Progress::Under => silent(server, now),
        },
    })
    .await?;
    Ok(key)
}

/// What a removal is about, when the rules let it begin: members are asked about nothing else.
async fn going(server: &Server, path: &ObjectPath) -> Result<Vec<Object>, ApiError> {
    let node = server.node();
    node.store.barrier().await.map_err(store_failed)?;
    let key = path.key(&node.store)?;
    let state = node.store.part(&|known| read_set::of_removal(&key, known)).map_err(store_failed)?;
    let stamp = Stamp { request: String::new(), at: server.now(), by: String::new() };
    let ask = Ask { state: &state, liveness: &server.liveness(), here: &node.name, key: &key, stamp };
    lxd::delete(&ask).map_err(refused)?;
    Ok(state.get(&key).cloned().into_iter().collect())
}

/// Calls a removal back. The answer comes when all of it stands again, unless a member is silent, which nobody waits for.
pub async fn undelete(server: &Arc<Server>, caller: &Caller, path: &ObjectPath) -> Result<(), ApiError> {
    let extent = |key: &Key, known: &Known| read_set::of_removal(key, known);
    let decide = |ask: &Ask<'_>| lxd::undelete(ask).map_err(refused);
    let key = commit(server, caller, path, &extent, decide).await?;
    let object = server.store().get(&key).map_err(store_failed)?;
    let (me, liveness) = (server.node().name.clone(), server.liveness());
    let answers = |member: &MemberName| *member == me || liveness.is_reachable(member);
    let is_heard = object.is_some_and(|object| object.placements.keys().all(answers));
    if is_heard { stands(server, &key, None).await } else { Ok(()) }
}

/// What is left of an object stands on members that do not answer: nobody waits for them.
fn silent(server: &Server, object: &Object) -> Option<Result<(), ApiError>> {
    let (me, liveness) = (server.node().name.clone(), server.liveness());
    let mut left = object.placements.keys();
    if left.any(|member| *member == me || liveness.is_reachable(member)) {
        return None;
    }
    let names: Vec<&str> = object.placements.keys().map(MemberName::as_str).collect();
    let key = &object.key;
    Some(Err(ApiError::unavailable(format!(
        "{key} is gone from all members that answer; {} lets go of it when it is back: {}",
        names.join(", "),
        removal_check::going_on(key)
    ))))
}

/// Gives an object another name. Gives its new key.
pub async fn rename(server: &Arc<Server>, caller: &Caller, path: &ObjectPath, name: &str) -> Result<Key, ApiError> {
    let extent = |key: &Key, known: &Known| read_set::of_rename(key, name, known);
    let old = commit(server, caller, path, &extent, |ask| lxd::rename(ask, name).map_err(refused)).await?;
    let new = Key { name: name.to_owned(), ..old };
    stands(server, &new, None).await?;
    Ok(new)
}

/// Commits what `decide` makes of the state, of which `extent` tells how much it looks at. Gives the object's key.
async fn commit(
    server: &Server,
    caller: &Caller,
    path: &ObjectPath,
    extent: &(dyn Fn(&Key, &Known) -> ReadSet + Sync),
    mut decide: impl FnMut(&Ask<'_>) -> Result<Command, ApiError>,
) -> Result<Key, ApiError> {
    // What is decided on an old copy would be wrong, and so would the advice that goes with a refusal.
    server.require_present().await?;
    let mut key = Key::new(path.kind.words().kind, &path.name);
    commit::commit(server, || {
        let node = server.node();
        key = path.key(&node.store)?;
        let state = node.store.part(&|known| extent(&key, known)).map_err(store_failed)?;
        let liveness = server.liveness();
        let stamp = Stamp { request: uuid::Uuid::new_v4().to_string(), at: server.now(), by: caller.audit() };
        match decide(&Ask { state: &state, liveness: &liveness, here: &node.name, key: &key, stamp })? {
            Command::Write(write) => Ok(write),
            Command::Report(_) => Err(ApiError::failed("a request came to a report instead of a change")),
        }
    })
    .await?;
    Ok(key)
}

fn refused(refusal: Refusal) -> ApiError {
    let Refusal { status, message, hint } = refusal;
    match hint {
        Some(hint) => ApiError::new(status, format!("{message}: {hint}")),
        None => ApiError::new(status, message),
    }
}

/// Waits until the object stands everywhere, or on the one member that was meant, or until one has said that it cannot.
async fn stands(server: &Server, key: &Key, target: Option<&MemberName>) -> Result<(), ApiError> {
    // A record stands as soon as it is stored.
    if kinds::find(key.kind.as_str()).is_some_and(|kind| kind.rollout() == Rollout::RecordOnly) {
        return Ok(());
    }
    wait(server, key, |now| match now {
        None => Some(Ok(())),
        Some(now) if now.phase == Phase::Deleting => Some(Ok(())),
        Some(now) => match target.map_or_else(|| progress(now), |target| progress_on(now, target)) {
            Progress::Done => Some(Ok(())),
            Progress::Failed(text) => Some(Err(ApiError::failed(text))),
            Progress::Under => None,
        },
    })
    .await
}

async fn wait(
    server: &Server,
    key: &Key,
    mut done: impl FnMut(Option<&Object>) -> Option<Result<(), ApiError>>,
) -> Result<(), ApiError> {
    let store = server.store();
    let (mut applied, deadline) = (store.applied(), Instant::now() + WAIT);
    loop {
        applied.borrow_and_update();
        let now = store.get(key).map_err(store_failed)?;
        if let Some(outcome) = done(now.as_ref()) {
            return outcome;
        }
        match timeout_at(deadline, applied.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ApiError::unavailable("the daemon is shutting down")),
            Err(_) => {
                let text = format!("{key} is stored, and its members are still at work after {} s", WAIT.as_secs());
                return Err(ApiError::new(504, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_patch_merges_maps_and_replaces_the_rest() {
        let now = map(json!({"description": "old", "config": {"a": "1", "b": "2"}}));
        let new = map(json!({"description": "new", "config": {"b": "3"}}));
        assert_eq!(Value::Object(amended(now, new)), json!({"description": "new", "config": {"a": "1", "b": "3"}}));
    }
}
