//! Decisions that become entries of the log: each is made on the state whose generations its entry expects.

use super::trial;
use crate::api::ApiError;
use crate::model::{Command, Reply, Revision, Write};
use crate::service::peers::request_origin;
use crate::service::server::{Server, store_failed};

/// Changes of others get in between; more often than this in a row they do not.
const TRIES: usize = 20;

/// What one attempt came to.
pub enum Attempt<T> {
    /// Its entry was carried out.
    Committed(T),
    /// An object that it relied on had changed: the decision has to be made again.
    Overtaken,
    /// It ended without an entry: refused, or there was nothing to change. That may have been decided on an old copy.
    Decided(Result<T, ApiError>),
}

/// The attempts at one change. Only one counts that was committed, or that ended without an entry on a copy that held
/// everything that was acknowledged before the request came.
#[derive(Default)]
pub struct Attempts {
    made: usize,
    is_current: bool,
}

impl Attempts {
    /// The outcome, when the attempt counts; `None` when another has to be made.
    ///
    /// # Errors
    /// That of the attempt that counts; 409 when others are always faster; 503 when the cluster has no leader.
    pub async fn judge<T>(&mut self, server: &Server, attempt: Attempt<T>) -> Result<Option<T>, ApiError> {
        self.made += 1;
        match attempt {
            Attempt::Committed(value) => return Ok(Some(value)),
            // The entry was applied here before its refusal came: the copy holds what it met.
            Attempt::Overtaken => {}
            Attempt::Decided(outcome) if self.is_current => return outcome.map(Some),
            Attempt::Decided(_) => {
                server.store().barrier().await.map_err(store_failed)?;
                self.is_current = true;
            }
        }
        if self.made < TRIES {
            return Ok(None);
        }
        Err(ApiError::conflict("the objects change too fast for this; try again"))
    }
}

/// Commits what `decide` gives, which is asked again whenever an object that it relied on has changed. `None` when
/// there is nothing to change.
///
/// # Errors
/// Those of `decide` on a current copy, those of the store, and those of [`Attempts::judge`].
pub async fn commit(
    server: &Server,
    mut decide: impl FnMut() -> Result<Write, ApiError>,
) -> Result<Option<Revision>, ApiError> {
    let mut attempts = Attempts::default();
    loop {
        let attempt = match decide() {
            Ok(write) if write.changes.is_empty() => Attempt::Decided(Ok(None)),
            Err(refusal) => Attempt::Decided(Err(refusal)),
            Ok(write) => match submit(server, write).await? {
                Some(revision) => Attempt::Committed(Some(revision)),
                None => Attempt::Overtaken,
            },
        };
        if let Some(revision) = attempts.judge(server, attempt).await? {
            return Ok(revision);
        }
    }
}

/// Puts an entry into the log; `None` when one of its preconditions did not hold.
///
/// # Errors
/// When the cluster takes no writes, and when a member's host would not take what is asked for.
pub async fn submit(server: &Server, write: Write) -> Result<Option<Revision>, ApiError> {
    trial::changes(server, &write.changes).await?;
    match server.store().submit(request_origin::stamped(Command::Write(write))).await.map_err(store_failed)? {
        Reply::Applied { revision } => Ok(Some(revision)),
        Reply::Refused { .. } => Ok(None),
        Reply::Nothing => Err(ApiError::failed("the log took no command")),
    }
}
