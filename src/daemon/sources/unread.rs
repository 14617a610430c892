//! Why the process that was to read a set has no answer, and what that says of the set.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use crate::host::linux::Bounds;
use crate::model::{Finding, Place};

/// The exit code of a program that has met a bug.
const BUG: i32 = 70;
/// What Rust says when there is no memory, before it aborts.
const NO_MEMORY: &str = "memory allocation of";

/// A set that nobody has read to its end.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unread {
    /// Why not.
    pub why: Why,
    /// The file that was being read, when it was one.
    pub path: Option<String>,
}

/// Why a set was not read.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// There was no process to read it.
    #[error("the process that is to read it cannot begin: {0}")]
    Start(io::Error),
    /// The machine has other things to do.
    #[error("it was not read within {} s", .0.as_secs())]
    Late(Duration),
    /// Somebody has ended the process, perhaps the kernel that is short of memory.
    #[error("the process that read it was killed, by somebody or because this machine is short of memory")]
    Killed,
    /// The text is made so.
    #[error("reading it takes more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    /// The text is made so.
    #[error("reading it takes more than {0} s of processor time")]
    Processor(u64),
    /// A bug of ours.
    #[error("the process that read it has met a bug, and the daemon has not: {0}")]
    Crashed(String),
    /// It declares more than anybody can keep.
    #[error("what it declares takes more than {} MiB", .0 >> 20)]
    TooMuch(u64),
    /// The process is not what it was when it began.
    #[error("the process that read it gave an answer that is none: {0}")]
    Garbled(String),
}

impl Why {
    /// Why a process ended as it did; `None` when it ended well.
    pub fn of_end(status: ExitStatus, complaint: &str, bounds: Bounds) -> Option<Self> {
        let is = |signal: Signal| status.signal() == Some(signal.as_raw());
        let words = || complaint.lines().next().unwrap_or_default().to_owned();
        if status.success() {
            return None;
        }
        Some(match status.code() {
            Some(BUG) => Self::Crashed(words()),
            Some(code) => Self::Start(io::Error::other(match complaint {
                "" => format!("it ended with exit code {code}"),
                _ => words(),
            })),
            None if is(Signal::KILL) || is(Signal::TERM) => Self::Killed,
            None if is(Signal::XCPU) => Self::Processor(bounds.processor_s),
            None if is(Signal::ABORT) && complaint.contains(NO_MEMORY) => Self::Memory(bounds.memory_bytes),
            None => Self::Crashed(format!("{status}")),
        })
    }
}

impl Unread {
    /// A set of which not even the file is known.
    pub fn at_all(why: Why) -> Self {
        Self { why, path: None }
    }

    /// Whether another try may read the same content.
    pub fn is_passing(&self) -> bool {
        match self.why {
            Why::Start(_) | Why::Late(_) | Why::Killed => true,
            Why::Memory(_) | Why::Processor(_) | Why::Crashed(_) | Why::TooMuch(_) | Why::Garbled(_) => false,
        }
    }

    /// The same as a finding.
    pub fn finding(&self) -> Finding {
        let finding = Finding::error("SB197", self.to_string());
        match &self.path {
            Some(path) => finding.at(Place::of_file(path)),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { memory_bytes: 64 << 20, processor_s: 7 };

    fn ended(raw: i32, complaint: &str) -> Unread {
        Unread::at_all(Why::of_end(ExitStatus::from_raw(raw), complaint, BOUNDS).expect("a bad end"))
    }

    #[test]
    fn what_the_text_has_done_is_not_tried_again_and_what_others_have_done_is() {
        for (raw, complaint, is_passing, text) in [
            (9, "", true, "was killed"),
            (15, "", true, "was killed"),
            (24, "", false, "more than 7 s of processor time"),
            (6, "memory allocation of 1048576 bytes failed", false, "more than 64 MiB of memory"),
            (6, "", false, "has met a bug"),
            (11, "", false, "has met a bug"),
            (70 << 8, "seedbed 0.1.0 has met a bug: index\nmore", false, "met a bug: index"),
            (1 << 8, "cannot give up new rights: no", true, "cannot give up new rights"),
            (1 << 8, "", true, "exit code 1"),
        ] {
            let unread = ended(raw, complaint);
            assert!(unread.to_string().contains(text), "{raw}: {unread}");
            assert_eq!(unread.is_passing(), is_passing, "{raw}: {unread}");
        }
        assert!(Why::of_end(ExitStatus::from_raw(0), "words", BOUNDS).is_none());
    }

    #[test]
    fn the_file_stands_in_the_finding() {
        let finding = Unread { why: Why::Memory(64 << 20), path: Some("base/a.yaml".to_owned()) }.finding();
        assert_eq!(
            (finding.code.as_str(), finding.place.as_ref().map(|at| at.file.as_str())),
            ("SB197", Some("base/a.yaml"))
        );
    }
}
