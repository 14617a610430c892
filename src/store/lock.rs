//! A directory that belongs to one process at a time.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A lock file that is held. Dropping it lets others have it.
#[derive(Debug)]
pub struct DirLock(File);

impl DirLock {
    /// Takes the lock `path`, which is made when it is missing.
    ///
    /// # Errors
    /// `WouldBlock` when somebody holds it; else what the system says.
    pub fn take(path: &Path) -> Result<Self, TryLockError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for DirLock {
    /// Closing the file is not enough: a program that is being started at this moment has a copy of it until it runs.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "a lock is only given back with its file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_at_once_though_a_child_still_has_a_copy_of_its_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let lock = DirLock::take(&path).expect("the lock");
        assert!(matches!(DirLock::take(&path), Err(TryLockError::WouldBlock)));
        let copy = lock.0.try_clone().expect("a copy");
        drop(lock);
        DirLock::take(&path).expect("the lock");
        drop(copy);
    }
}
