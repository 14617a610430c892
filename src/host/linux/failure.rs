//! What the kernel and tools refuse, in words that name what to do.

use std::io;
use std::path::Path;

use crate::host::HostError;

/// A failed system call as a host error: what was being done, and the cause with a reason of its own.
pub fn io_failure(doing: impl Into<String>, cause: &io::Error) -> HostError {
    use io::ErrorKind as Kind;
    match cause.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => disk_full(doing),
        Kind::ReadOnlyFilesystem => HostError::lasting(doing, "ReadOnly", "the file system is read-only")
            .hinting("remount it read-write, or use a source on another file system"),
        Kind::PermissionDenied => HostError::lasting(doing, "NotPermitted", "permission denied")
            .hinting("run the daemon as root, or with `--host fake` to try things out"),
        Kind::NotFound => HostError::lasting(doing, "Missing", "it does not exist"),
        Kind::ResourceBusy => HostError::passing(doing, "Busy", "it is in use"),
        _ => HostError::passing(doing, "IoFailed", cause),
    }
}

/// There is no room left.
pub fn disk_full(doing: impl Into<String>) -> HostError {
    HostError::passing(doing, "DiskFull", "no space is left on the disk")
        .hinting("free some space, or choose a source on another disk; it is tried again by itself")
}

/// What a tool complained about, with a reason of its own where the text tells.
pub fn tool_failure(doing: impl Into<String>, complaint: &str) -> HostError {
    if complaint.contains("No space left on device") {
        return disk_full(doing);
    }
    if complaint.contains("Read-only file system") {
        return io_failure(doing, &io::ErrorKind::ReadOnlyFilesystem.into());
    }
    if complaint.contains("target is busy") || complaint.contains("Device or resource busy") {
        return HostError::passing(doing, "Busy", complaint);
    }
    if complaint.contains("Operation not permitted") || complaint.contains("must be superuser") {
        return io_failure(doing, &io::ErrorKind::PermissionDenied.into());
    }
    HostError::passing(doing, "ToolFailed", complaint)
}

/// Adds to a result of the file system what was being done, on which path.
pub trait Doing<T> {
    /// `` make directory `/srv/x` `` from the verb and the path.
    ///
    /// # Errors
    /// The same failure as a host error.
    fn doing(self, verb: &str, path: &Path) -> Result<T, HostError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, verb: &str, path: &Path) -> Result<T, HostError> {
        self.map_err(|cause| io_failure(format!("{verb} `{}`", path.display()), &cause))
    }
}

impl<T> Doing<T> for rustix::io::Result<T> {
    fn doing(self, verb: &str, path: &Path) -> Result<T, HostError> {
        self.map_err(io::Error::from).doing(verb, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_refusal_has_a_reason_and_a_hint() {
        let cases = [
            (rustix::io::Errno::NOSPC, "DiskFull"),
            (rustix::io::Errno::DQUOT, "DiskFull"),
            (rustix::io::Errno::ROFS, "ReadOnly"),
            (rustix::io::Errno::ACCESS, "NotPermitted"),
            (rustix::io::Errno::PERM, "NotPermitted"),
        ];
        for (errno, reason) in cases {
            let error = io_failure("make it", &errno.into());
            assert_eq!(error.reason, reason);
            assert!(error.hint.is_some(), "{reason}");
        }
    }

    #[test]
    fn what_a_tool_says_about_a_full_disk_is_understood() {
        assert_eq!(tool_failure("x", "mkfs: error: No space left on device").reason, "DiskFull");
        assert_eq!(tool_failure("x", "umount: /x: target is busy.").reason, "Busy");
        assert_eq!(tool_failure("x", "odd").reason, "ToolFailed");
    }
}
