//! Changes of single objects: LXD's rules decide, one entry carries them out, and the answer waits for the members.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::caller::Caller;
use super::carry::{Progress, progress};
use super::dice::SystemDice;
use super::origin;
use super::server::{Server, store_failed};
use crate::api::ApiError;
use crate::kinds;
use crate::model::{Command, Extent, Key, Known, MemberName, Object, Phase, Reply, Rollout, Spec};
use crate::plan::extent;
use crate::plan::two_phase::{self, Ask, Refusal, Stamp};

/// Changes of others get in between; more often than this in a row they do not.
const TRIES: usize = 20;
/// Longer than a pool takes that is made with care.
const WAIT: Duration = Duration::from_secs(120);

/// The fields of a request as a spec: what is null is absent.
pub fn spec_of(fields: Map<String, Value>) -> Spec {
    Spec(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
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

/// Creates an object, or defines it on one member.
pub async fn create(
    server: &Arc<Server>,
    caller: &Caller,
    key: &Key,
    spec: &Spec,
    target: Option<&MemberName>,
) -> Result<(), ApiError> {
    let decide = |ask: &Ask<'_>| match target {
        Some(target) => two_phase::define(ask, spec, target),
        None => two_phase::create(ask, spec, &mut SystemDice),
    };
    let extent = |known: &Known| extent::of_request(key, spec, target.is_some(), known);
    commit(server, caller, key, &extent, decide).await?;
    if target.is_none() { stands(server, key).await } else { Ok(()) }
}

/// Replaces an object's content, or one member's keys.
pub async fn update(
    server: &Arc<Server>,
    caller: &Caller,
    key: &Key,
    spec: &Spec,
    target: Option<&MemberName>,
) -> Result<(), ApiError> {
    let extent = |known: &Known| extent::of_request(key, spec, target.is_some(), known);
    commit(server, caller, key, &extent, |ask| two_phase::update(ask, spec, target)).await?;
    stands(server, key).await
}

/// Removes an object; the answer comes when the last member has let it go.
pub async fn delete(server: &Arc<Server>, caller: &Caller, object: &Object) -> Result<(), ApiError> {
    let extent = |known: &Known| extent::of_removal(&object.key, known);
    commit(server, caller, &object.key, &extent, two_phase::delete).await?;
    let gone = |now: &Object| now.uid != object.uid;
    wait(server, &object.key, |now| match now {
        None => Some(Ok(())),
        Some(now) if gone(now) => Some(Ok(())),
        Some(now) => match progress(now) {
            Progress::Failed(text) => Some(Err(ApiError::failed(text))),
            Progress::Done | Progress::Under => None,
        },
    })
    .await
}

async fn commit(
    server: &Server,
    caller: &Caller,
    key: &Key,
    extent: &(dyn Fn(&Known) -> Extent + Sync),
    mut decide: impl FnMut(&Ask<'_>) -> Result<Command, Refusal>,
) -> Result<(), ApiError> {
    let mut has_caught_up = false;
    for _ in 0..TRIES {
        let node = server.node();
        let state = node.store.part(extent).map_err(store_failed)?;
        let liveness = server.liveness.borrow().clone();
        let stamp = Stamp { request: uuid::Uuid::new_v4().to_string(), at: server.now(), by: caller.audit() };
        let ask = Ask { state: &state, liveness: &liveness, here: &node.name, key, stamp };
        let command = match decide(&ask) {
            // What is not found here may have been made through another member just now.
            Err(refusal) if refusal.status == 404 && !has_caught_up => {
                node.store.barrier().await.map_err(store_failed)?;
                has_caught_up = true;
                continue;
            }
            decided => decided.map_err(refused)?,
        };
        if matches!(&command, Command::Write(write) if write.changes.is_empty()) {
            return Ok(());
        }
        match node.store.submit(origin::stamped(command)).await.map_err(store_failed)? {
            Reply::Applied { .. } | Reply::Nothing => return Ok(()),
            // Somebody was faster: the rules decide again on top of that.
            Reply::Refused { .. } => {}
        }
    }
    Err(ApiError::conflict(format!("{key} changes too fast; try again")))
}

fn refused(refusal: Refusal) -> ApiError {
    let Refusal { status, message, hint } = refusal;
    match hint {
        Some(hint) => ApiError::new(status, format!("{message}: {hint}")),
        None => ApiError::new(status, message),
    }
}

/// Waits until the object stands everywhere, or a member has said that it cannot.
async fn stands(server: &Server, key: &Key) -> Result<(), ApiError> {
    // A record stands as soon as it is stored.
    if kinds::find(key.kind.as_str()).is_some_and(|kind| kind.rollout() == Rollout::RecordOnly) {
        return Ok(());
    }
    wait(server, key, |now| match now {
        None => Some(Ok(())),
        Some(now) if now.phase == Phase::Deleting => Some(Ok(())),
        Some(now) => match progress(now) {
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
