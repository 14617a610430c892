//! Operations of this member: started, watched, waited for. The last ended ones stay for those who ask late.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::answer::{Answer, Outcome};
use super::asked::Asked;
use super::caller::Caller;
use super::events::rfc3339;
use super::server::Server;
use super::{forward, tokens};
use crate::api::{ApiError, Operation, OperationClass, OperationStatus, paths};
use crate::model::{MemberName, Timestamp};

/// LXD forgets an operation five seconds after its end; a slow client deserves more.
const REMEMBERED: usize = 256;
/// Expiry makes no entry in the log: who waits for a token looks again.
const EXPIRY_LOOK: Duration = Duration::from_secs(1);

/// The operations by id.
#[derive(Default)]
pub struct Operations {
    all: Mutex<BTreeMap<String, watch::Sender<Operation>>>,
}

/// What an operation is about.
pub struct Subject {
    /// In words.
    pub description: &'static str,
    /// The objects by kind, as LXD shows them.
    pub resources: Map<String, Value>,
    /// Where it runs.
    pub location: MemberName,
    /// When it begins.
    pub at: Timestamp,
}

impl Operations {
    /// Runs `work` as an operation and returns it as it begins.
    pub fn start<F>(self: &Operations, server: &Arc<Server>, subject: Subject, work: F) -> Operation
    where
        F: Future<Output = Result<Map<String, Value>, ApiError>> + Send + 'static,
    {
        let operation = begun(subject);
        let sender = self.keep(operation.clone());
        server.events.operation(&operation);
        let server = Arc::clone(server);
        tokio::spawn(async move {
            let outcome = work.await;
            sender.send_modify(|operation| end(operation, outcome, server.now()));
            server.events.operation(&sender.borrow());
        });
        operation
    }

    fn keep(&self, operation: Operation) -> watch::Sender<Operation> {
        let sender = watch::Sender::new(operation.clone());
        let mut all = self.all();
        if all.len() >= REMEMBERED {
            let ended = |sender: &watch::Sender<Operation>| sender.borrow().status_code.is_final();
            let oldest = all
                .iter()
                .filter(|(_, sender)| ended(sender))
                .min_by_key(|(_, sender)| sender.borrow().updated_at.clone());
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                all.remove(&id);
            }
        }
        all.insert(operation.id, sender.clone());
        sender
    }

    fn find(&self, id: &str) -> Option<watch::Receiver<Operation>> {
        self.all().get(id).map(watch::Sender::subscribe)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, watch::Sender<Operation>>> {
        self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn begun(subject: Subject) -> Operation {
    let Subject { description, resources, location, at } = subject;
    Operation {
        id: uuid::Uuid::new_v4().to_string(),
        class: OperationClass::Task,
        description: description.to_owned(),
        created_at: rfc3339(at),
        updated_at: rfc3339(at),
        status: OperationStatus::Running.word().to_owned(),
        status_code: OperationStatus::Running,
        resources: Some(resources),
        metadata: None,
        may_cancel: false,
        err: String::new(),
        location: location.0,
    }
}

fn end(operation: &mut Operation, outcome: Result<Map<String, Value>, ApiError>, at: Timestamp) {
    let status = match outcome {
        Ok(metadata) => {
            operation.metadata = Some(metadata);
            OperationStatus::Success
        }
        Err(error) => {
            operation.err = error.message;
            OperationStatus::Failure
        }
    };
    operation.status_code = status;
    operation.status = status.word().to_owned();
    operation.updated_at = rfc3339(at);
}

/// `GET /1.0/operations`: those of this member and the cluster's tokens, by status as LXD groups them.
pub async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, asked: Asked) -> Outcome {
    caller.trusted()?;
    let mut all = tokens::operations(&server)?;
    all.extend(server.operations.all().values().map(|sender| sender.borrow().clone()));
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for operation in all {
        let shown = if asked.wants_objects() { json!(operation) } else { json!(paths::operation(&operation.id)) };
        groups.entry(operation.status.to_lowercase()).or_default().push(shown);
    }
    Answer::of(&groups)
}

/// `GET /1.0/operations/ID`, whichever member it runs on.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    if let Some(token) = token(&server, &id)? {
        return Ok(Answer::of(&token)?.into_response());
    }
    let Some(operation) = server.operations.find(&id) else {
        return elsewhere(&server, &caller, &paths::operation(&id)).await;
    };
    let operation = operation.borrow().clone();
    Ok(Answer::of(&operation)?.into_response())
}

/// `GET /1.0/operations/ID/wait`: answers at its end, or after `?timeout=` seconds.
pub async fn wait(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let seconds = asked.number::<i64>("timeout").and_then(|seconds| u64::try_from(seconds).ok());
    if let Some(token) = token(&server, &id)? {
        return Ok(Answer::of(&token_ended(&server, token, seconds).await?)?.into_response());
    }
    let Some(mut operation) = server.operations.find(&id) else {
        let limit = seconds.map(|seconds| format!("?timeout={seconds}")).unwrap_or_default();
        return elsewhere(&server, &caller, &format!("{}/wait{limit}", paths::operation(&id))).await;
    };
    let ended = operation.wait_for(|operation| operation.status_code.is_final());
    match seconds {
        // The last state is shown either way.
        Some(seconds) => drop(tokio::time::timeout(Duration::from_secs(seconds), ended).await),
        None => drop(ended.await),
    }
    let operation = operation.borrow().clone();
    Ok(Answer::of(&operation)?.into_response())
}

/// The token that an operation shows.
fn token(server: &Server, id: &str) -> Result<Option<Operation>, ApiError> {
    Ok(tokens::operations(server)?.into_iter().find(|operation| operation.id == id))
}

/// Waits until the token is used, taken back or expired, and no longer than that many seconds.
async fn token_ended(server: &Server, token: Operation, seconds: Option<u64>) -> Result<Operation, ApiError> {
    let mut applied = server.store().applied();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds.unwrap_or(u64::from(u32::MAX)));
    while self::token(server, &token.id)?.is_some() {
        let look_again = deadline.min(tokio::time::Instant::now() + EXPIRY_LOOK);
        match tokio::time::timeout_at(look_again, applied.changed()).await {
            Ok(Err(_)) => return Ok(token),
            Err(_) if tokio::time::Instant::now() >= deadline => return Ok(token),
            Ok(Ok(())) | Err(_) => {}
        }
    }
    let status = OperationStatus::Success;
    Ok(Operation { status: status.word().to_owned(), status_code: status, may_cancel: false, ..token })
}

/// An operation that another member runs. A member that was asked by one does not ask on.
async fn elsewhere(server: &Server, caller: &Caller, path: &str) -> Result<Response, ApiError> {
    if !matches!(caller, Caller::Forwarded { .. }) {
        let me = server.node().name.clone();
        for member in server.members()? {
            let name = MemberName(member.key.name);
            if name == me || !server.liveness().is_reachable(&name) {
                continue;
            }
            match forward::to_member(server, &name, Method::GET, path, caller, Bytes::new()).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = %error.message, member = %name, "cannot be asked for an operation")
                }
            }
        }
    }
    Err(ApiError::not_found("Operation not found"))
}

/// `DELETE /1.0/operations/ID`: takes a token back. Work under way cannot be cancelled.
pub async fn cancel(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Outcome {
    caller.trusted()?;
    if tokens::revoke(&server, &id, &caller.audit()).await? {
        return Answer::done();
    }
    match server.operations.find(&id) {
        Some(_) => Err(ApiError::bad_request("This operation can't be cancelled")),
        None => Err(ApiError::not_found("Operation not found")),
    }
}
