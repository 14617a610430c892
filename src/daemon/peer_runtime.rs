//! Threads of its own for Raft: whatever requests of clients compute, the heartbeats come and are answered.
//!
//! The store with openraft in it, its connections to the others and theirs to it run here; see `http::serve` for the
//! other end. Nothing here may compute for long or block.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use super::error::DaemonError;

/// One thread works, and the other takes over while it syncs a file or reads one.
const THREADS: usize = 2;

/// The runtime of Raft and of what members say to each other for it.
pub struct PeerRuntime {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl PeerRuntime {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn start() -> Result<Self, DaemonError> {
        let built = Builder::new_multi_thread().worker_threads(THREADS).thread_name("raft").enable_all().build();
        let runtime = built.map_err(|source| DaemonError::disk("start threads of Raft of", "/", source))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Mutex::new(Some(runtime)) })
    }

    /// The way in.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends what still runs there, without waiting for it.
    pub fn end(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime must not be dropped by a task: it would wait for itself.
impl Drop for PeerRuntime {
    fn drop(&mut self) {
        self.end();
    }
}
