//! Why a member stopped taking writes.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::error::StoreError;

/// The first failure that this member must not go on after, such as a full disk.
///
/// After a failed sync nobody knows what is on disk, so nothing is tried again: the member stops, and a
/// restart reads back what is really there.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<OnceLock<String>>);

impl Failure {
    /// Remembers a failure and gives it as openraft wants it. Only the first one tells the cause.
    pub(super) fn stop(&self, doing: &str, path: &Path, cause: impl Display) -> io::Error {
        let reason = format!("cannot {doing} `{}`: {cause}", path.display());
        if self.0.set(reason.clone()).is_ok() {
            tracing::error!("{reason}; this member takes no more writes until it is restarted");
        }
        io::Error::other(reason)
    }

    /// The error that a caller gets once something has failed; `otherwise` where nothing did.
    pub(super) fn error(&self, otherwise: impl Display) -> StoreError {
        StoreError::Stopped { reason: self.0.get().cloned().unwrap_or_else(|| otherwise.to_string()) }
    }

    /// The failure, if there was one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            Some(reason) => Err(StoreError::Stopped { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
