//! Why a store has stopped.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::StoreError;

/// The first failure that this member must not go on after, such as a full disk.
///
/// After a failed sync nobody knows what is on disk, so nothing is tried again: the store stops, and whoever opens it
/// again reads back what is really there.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<watch::Sender<Option<String>>>);

impl Failure {
    /// Remembers a failure and gives it as openraft wants it. Only the first one tells the cause.
    pub(super) fn stop(&self, doing: &str, path: &Path, cause: impl Display) -> io::Error {
        let reason = format!("cannot {doing} `{}`: {cause}", path.display());
        self.stop_because(reason.clone());
        io::Error::other(reason)
    }

    /// Remembers a failure that is none of a file.
    pub(super) fn stop_because(&self, reason: String) {
        let is_first = self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert_with(|| reason.clone());
            is_first
        });
        if is_first {
            tracing::error!("{reason}; the store of this member has stopped");
        }
    }

    /// Returns once something has failed.
    pub(super) async fn happened(&self) -> StoreError {
        let mut first = self.0.subscribe();
        match first.wait_for(Option::is_some).await {
            Ok(reason) => StoreError::Stopped { reason: reason.clone().unwrap_or_default() },
            // The sender is here.
            Err(_) => std::future::pending().await,
        }
    }

    /// The error that a caller gets once something has failed; `otherwise` where nothing did.
    pub(super) fn error(&self, otherwise: impl Display) -> StoreError {
        StoreError::Stopped { reason: self.0.borrow().clone().unwrap_or_else(|| otherwise.to_string()) }
    }

    /// The failure, if there was one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.0.borrow() {
            Some(reason) => Err(StoreError::Stopped { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
