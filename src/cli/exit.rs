//! The exit codes, one table for all commands: scripts and CI branch on these numbers, so they never change.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, or there are findings.
    Failed = 1,
    /// `plan`, `drift` and `watch --dry-run`: there are changes.
    Changes = 2,
    /// There was no input to work on.
    NoInput = 3,
    /// Not converged, or unknown because a member cannot be reached.
    NotConverged = 4,
    /// Refused: protected, in use, or in conflict with what is there.
    Refused = 5,
    /// The time that was given has passed.
    Timeout = 6,
    /// The cluster has moved since the plan was made.
    Stale = 7,
    /// The command line makes no sense.
    Usage = 64,
    /// A bug of ours.
    Bug = 70,
}

impl Exit {
    /// All codes with their meaning, as `seedbed --help` and the manual page show them.
    pub const TABLE: [(Self, &'static str); 10] = [
        (Self::Done, "done, or nothing to do"),
        (Self::Failed, "failed, or findings"),
        (Self::Changes, "plan, drift and watch --dry-run: there are changes"),
        (Self::NoInput, "no input"),
        (Self::NotConverged, "not converged, or unknown because a member cannot be reached"),
        (Self::Refused, "refused: protected, in use, or in conflict with what is there"),
        (Self::Timeout, "timeout; the cluster goes on"),
        (Self::Stale, "stale plan: the cluster has moved since; plan again"),
        (Self::Usage, "the command line makes no sense"),
        (Self::Bug, "a bug in seedbed"),
    ];

    /// The number itself.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        let codes: Vec<u8> = Exit::TABLE.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 64, 70]);
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../README.md").replace('`', "");
        for (exit, meaning) in Exit::TABLE {
            let row = format!("| {} | {meaning} |\n", exit.code());
            assert!(readme.contains(&row), "not in the README: {row}");
        }
    }
}
