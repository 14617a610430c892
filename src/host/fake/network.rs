//! Networks in memory.

use std::path::Path;

use super::Faults;
use crate::host::Network;

/// The networks of a fake machine.
pub struct FakeNetwork {
    _faults: Faults,
}

impl FakeNetwork {
    /// No networks, or those that are kept in files below `kept`.
    pub fn new(faults: Faults, kept: Option<&Path>) -> Self {
        let _ = kept;
        Self { _faults: faults }
    }
}

impl Network for FakeNetwork {}
