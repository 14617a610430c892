//! A joining member's file declares what it expects to find: compared with the cluster, never applied.

use crate::api::ApiError;
use crate::model::{Desired, Finding};
use crate::plan::{self, read_set};
use crate::service::server::{Server, store_failed};

/// Refuses a file that differs from the cluster, with every difference.
pub fn check(server: &Server, desired: &Desired, refusal: &str) -> Result<(), ApiError> {
    let state = server.store().part(&|_| read_set::of_comparison(desired)).map_err(store_failed)?;
    let found: Vec<Finding> = plan::join::compare(desired, &state).iter().map(finding).collect();
    if found.is_empty() { Ok(()) } else { Err(ApiError::bad_request(refusal).with_findings(found)) }
}

fn finding(difference: &plan::join::Difference) -> Finding {
    let plan::join::Difference { key, path, file, cluster, place } = difference;
    let what = if path.is_empty() { key.to_string() } else { format!("{key} {path}") };
    Finding::error("SB140", format!("{what}: file: {file}, cluster: {cluster}")).at(place.clone())
}
