//! Work that takes long because the cluster or a manifest is large: kept off the threads that answer heartbeats.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// So many plans are made at a time: each takes a core, and memory for all that it looks at.
static PLANS: Semaphore = Semaphore::const_new(2);

/// Reads or makes a plan, after those that came before it.
pub async fn plan<T>(work: impl FnOnce() -> T) -> T {
    // The semaphore is never closed: without a permit nothing would be amiss but the number.
    let _permit = PLANS.acquire().await;
    apart(work)
}

/// Does work that does not wait for anything, while another thread takes over what this one would have done meanwhile.
pub fn apart<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) | Err(_) => work(),
    }
}
