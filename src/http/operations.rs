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
use super::events::{Events, rfc3339};
use super::server::Server;
use super::{forward, tokens};
use crate::api::{ApiError, Operation, OperationClass, OperationStatus, paths};
use crate::model::{MemberName, Timestamp};

/// LXD forgets an operation five seconds after its end; a slow client deserves more.
const REMEMBERED: usize = 256;

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
        let operation = begun(subject, OperationClass::Task);
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

    /// Keeps an operation that only waits, such as a token.
    pub fn show(&self, events: &Events, subject: Subject, metadata: Map<String, Value>) -> Operation {
        let mut operation = begun(subject, OperationClass::Token);
        operation.metadata = Some(metadata);
        operation.may_cancel = true;
        self.keep(operation.clone());
        events.operation(&operation);
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

fn begun(subject: Subject, class: OperationClass) -> Operation {
    let Subject { description, resources, location, at } = subject;
    Operation {
        id: uuid::Uuid::new_v4().to_string(),
        class,
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

/// `GET /1.0/operations`: by status, as LXD groups them.
pub async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, asked: Asked) -> Outcome {
    caller.trusted()?;
    server.operations.all().retain(|_, sender| !tokens::is_used_up(&server, &sender.borrow()));
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for sender in server.operations.all().values() {
        let operation = sender.borrow();
        let shown = if asked.wants_objects() { json!(*operation) } else { json!(paths::operation(&operation.id)) };
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
    let operation = found(&server, &id)?;
    let operation = operation.borrow().clone();
    if !operation.may_cancel {
        return Err(ApiError::bad_request("This operation can't be cancelled"));
    }
    server.operations.all().remove(&id);
    tokens::revoke(&server, &operation, &caller.audit()).await?;
    Answer::done()
}

fn found(server: &Server, id: &str) -> Result<watch::Receiver<Operation>, ApiError> {
    server.operations.find(id).ok_or_else(|| ApiError::not_found("Operation not found"))
}
