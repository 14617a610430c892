//! Talking to the daemon: its socket, and its errors in this program's words and exit codes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::exit::Exit;
use super::failure::Failure;
use super::screen::Screen;
use super::status_view::{Moment, Skew, spoken};
use crate::api::{ClusterTime, paths};
use crate::client::{Answer, Client, ClientError};
use crate::manifest::{self, Source};
use crate::model::Outdated;

/// One command's conversation with one daemon.
#[derive(Clone)]
pub struct Session {
    /// Where the daemon keeps everything.
    pub state_dir: PathBuf,
    /// The daemon.
    pub client: Client,
    /// Where to print.
    pub screen: Screen,
    /// Why the last answer was old, when it was.
    outdated: Arc<Mutex<Option<Outdated>>>,
    /// Whether that is not said by itself.
    is_hushed: Arc<AtomicBool>,
}

impl Session {
    /// Talks to the daemon of a state directory. Nothing is sent yet.
    pub fn new(state_dir: &Path, screen: Screen) -> Self {
        let (outdated, is_hushed) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let (last, hushed) = (Arc::clone(&outdated), Arc::clone(&is_hushed));
        // Said before what the answer holds is shown, and once.
        let listener = move |now: Option<Outdated>| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(now), None, false) = (&now, &*last, hushed.load(Ordering::Relaxed)) {
                screen.say(&screen.talk.warning(&header(now, &Moment::here())));
            }
            *last = now;
        };
        let client = Client::unix(socket(state_dir)).telling(listener);
        Self { state_dir: state_dir.to_owned(), client, screen, outdated, is_hushed }
    }

    /// Says nothing of old answers from now on: whoever waits for the present says it at the end.
    pub fn hush(&self) {
        self.is_hushed.store(true, Ordering::Relaxed);
    }

    /// Why the last answer was old, when it was.
    pub fn outdated(&self) -> Option<Outdated> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How a command ends that has been done with what the daemon shows: what was old is not known to be so now.
    pub fn ended(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Done | Exit::Changes if self.outdated().is_some() => Exit::NotConverged,
            exit => exit,
        }
    }

    /// What a `GET` answers, with its `ETag`.
    ///
    /// # Errors
    /// What the daemon says, or why it cannot be reached.
    pub async fn fetch(&self, path: &str) -> Result<(Value, Option<String>), Failure> {
        let answer = self.client.send(hyper::Method::GET, path, bytes::Bytes::new()).await.map_err(failure)?;
        let value = answer.metadata().map_err(failure)?;
        Ok((value, answer.header("etag").map(str::to_owned)))
    }

    /// How far the cluster's clock is ahead of the one here; not at all when that cannot be learned.
    pub async fn skew(&self) -> Skew {
        let answer: Result<ClusterTime, _> = self.client.get(paths::CLOCK).await;
        answer.map_or_else(|_| Skew::default(), |time| Skew::of(time.now))
    }

    /// Sends a change, and waits for its operation when there is one.
    ///
    /// # Errors
    /// What the daemon says, or why it cannot be reached.
    pub async fn change(
        &self,
        method: hyper::Method,
        path: &str,
        body: &Value,
        etag: Option<&str>,
    ) -> Result<(), Failure> {
        let body = if body.is_null() { bytes::Bytes::new() } else { bytes::Bytes::from(body.to_string()) };
        let answer = self.client.send_matching(method, path, body, etag).await.map_err(failure)?;
        self.finish(&answer).await
    }

    /// Waits for the operation that an answer speaks of, when it speaks of one.
    ///
    /// # Errors
    /// Why the operation failed.
    pub async fn finish(&self, answer: &Answer) -> Result<(), Failure> {
        match answer.operation() {
            Some(operation) => self.client.wait(&operation).await.map(|_| ()).map_err(failure),
            None => Ok(()),
        }
    }
}

/// What stands above everything that is old.
pub fn header(outdated: &Outdated, moment: &Moment) -> String {
    let Outdated { age_ms, as_of, .. } = outdated;
    let follows = match as_of {
        Some(as_of) => format!("what follows is as of {}", moment.when(*as_of)),
        None => "what follows is what it had before".to_owned(),
    };
    let age = spoken(*age_ms);
    format!("! {outdated}, for {age}: {follows}.\n  Nothing can be changed now: {}.", outdated.remedy())
}

/// The socket of a state directory.
pub fn socket(state_dir: &Path) -> std::path::PathBuf {
    state_dir.join("unix.socket")
}

/// A failed call about manifests: its findings point at the very values, not only at their objects.
pub fn failure_in(error: ClientError, sources: &[Source]) -> Failure {
    let ClientError::Api { status, message, mut findings } = error else { return failure(error) };
    manifest::locate(&mut findings, sources);
    failure(ClientError::Api { status, message, findings })
}

/// A failed call as this program tells it.
pub fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::NoDaemon { socket, cause, hint } => {
            Failure::new(Exit::Failed, format!("cannot reach the daemon at {}: {cause}", socket.display())).hint(hint)
        }
        ClientError::Api { status, message, findings } => {
            let failed = Failure::new(exit_of(status), message);
            let failure = findings.iter().fold(failed, |failure, finding| {
                // A single finding is often the whole message.
                let is_said = finding.message == failure.message && finding.place.is_none();
                let failure = if is_said { failure } else { failure.detail(finding.to_string()) };
                let more = finding.note.iter().chain(&finding.help);
                more.map(|line| format!("  {line}")).fold(failure, Failure::detail)
            });
            if status == 412 {
                failure.hint("somebody else changed it in between: look at it and try again")
            } else {
                failure
            }
        }
        error @ ClientError::Timeout { .. } => Failure::new(Exit::Timeout, error.to_string())
            .hint("whether it was done is unknown: look with `seedbed status`"),
        error @ (ClientError::Unreachable { .. }
        | ClientError::WrongCertificate { .. }
        | ClientError::Certificate { .. }
        | ClientError::Protocol { .. }) => Failure::new(Exit::Failed, error.to_string()),
    }
}

fn exit_of(status: u16) -> Exit {
    match status {
        403 | 409 | 423 => Exit::Refused,
        412 => Exit::Stale,
        503 | 504 => Exit::NotConverged,
        _ => Exit::Failed,
    }
}
