//! What a fake machine is to fail at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::HostError;

/// The failures that a fake machine has been told to have. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Table>>);

type Table = BTreeMap<(String, String), Fault>;

#[derive(Clone, Debug)]
struct Fault {
    left: u32,
    error: HostError,
}

impl Faults {
    /// The name that stands for all objects.
    pub const ANY: &'static str = "*";
    /// As many times as it is tried.
    pub const ALWAYS: u32 = u32::MAX;

    /// Lets the next `times` calls of `operation` on the object `name` fail ([`Faults::ANY`] for all objects).
    pub fn add(&self, operation: &str, name: &str, times: u32, error: HostError) {
        self.table().insert((operation.to_owned(), name.to_owned()), Fault { left: times, error });
    }

    /// Forgets all failures.
    pub fn clear(&self) {
        self.table().clear();
    }

    /// Whether this call is to fail. Counts it.
    ///
    /// # Errors
    /// The failure that was asked for.
    pub fn check(&self, operation: &str, name: &str) -> Result<(), HostError> {
        let mut table = self.table();
        for named in [name, Self::ANY] {
            let Some(fault) = table.get_mut(&(operation.to_owned(), named.to_owned())) else { continue };
            match fault.left {
                0 => {}
                Self::ALWAYS => return Err(fault.error.clone()),
                left => {
                    fault.left = left - 1;
                    return Err(fault.error.clone());
                }
            }
        }
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
