//! Objects of a preseed without a cluster section, or of one that has been formed before.

use crate::service;
use std::sync::Arc;
use std::time::Duration;

use crate::api::ApiError;
use crate::model::{Claim, Desired, Revision};
use crate::plan::Mode;
use crate::service::{ApplyOptions, PlanOptions, Server};

/// How long an init waits for all members when it does not say.
const WAIT_MS: u64 = 60_000;

/// Applies as LXD's preseed does: nothing is ever unset. Gives the revision when something was written.
pub async fn apply(
    server: &Arc<Server>,
    mut desired: Desired,
    by: &str,
    timeout_ms: Option<u64>,
) -> Result<Option<Revision>, ApiError> {
    service::hide_secrets(server, &mut desired).await?;
    let terms = PlanOptions { mode: Mode::Merge, claim: &Claim::default() };
    let applied = service::apply(server, &desired, terms, ApplyOptions { by, expect: None, confirm: None }).await?;
    service::settle(server, &applied.keys, limit(timeout_ms)).await?;
    Ok(applied.revision)
}

/// How long to wait until everything stands.
pub fn limit(timeout_ms: Option<u64>) -> Duration {
    Duration::from_millis(timeout_ms.unwrap_or(WAIT_MS))
}
