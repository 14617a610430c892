//! Operations of this member: started, watched, waited for. The last ended ones stay for those who ask late.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::access::tokens;
use super::events::rfc3339;
use super::server::Server;
use crate::api::{ApiError, Operation, OperationClass, OperationStatus};
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
        let mut all = self.lock();
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

    /// All that are known, as they are now.
    pub fn all(&self) -> Vec<Operation> {
        self.lock().values().map(|sender| sender.borrow().clone()).collect()
    }

    /// One operation, and what becomes of it.
    pub fn find(&self, id: &str) -> Option<watch::Receiver<Operation>> {
        self.lock().get(id).map(watch::Sender::subscribe)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, watch::Sender<Operation>>> {
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

/// The token that an operation shows.
pub fn token(server: &Server, id: &str) -> Result<Option<Operation>, ApiError> {
    Ok(tokens::operations(server)?.into_iter().find(|operation| operation.id == id))
}

/// Waits until the token is used, taken back or expired, and no longer than that many seconds.
pub async fn token_ended(server: &Server, token: Operation, seconds: Option<u64>) -> Result<Operation, ApiError> {
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
