//! Networks of this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Runner;
use crate::host::Network;

/// The networks of this machine.
pub struct LinuxNetwork {
    _state: PathBuf,
    _runner: Arc<dyn Runner>,
}

impl LinuxNetwork {
    /// Keeps its files below `state_dir` and runs programs through `runner`.
    pub fn new(state_dir: &Path, runner: Arc<dyn Runner>) -> Self {
        Self { _state: state_dir.to_owned(), _runner: runner }
    }
}

impl Network for LinuxNetwork {}
