//! Processes that outlive the daemon: known by their number and the moment they started, because numbers come again.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::host::HostError;

const STOP_STEP: Duration = Duration::from_millis(3);
const STOP_STEPS: u32 = 700;

/// One process, told from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in ticks since the machine was switched on.
    pub started: u64,
}

impl Process {
    /// The process that has this number now; `None` when there is none, or only what is left of one.
    pub fn find(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything, parentheses too.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        let is_dead = matches!(*fields.first()?, "Z" | "X");
        (!is_dead).then_some(Self { pid, started: fields.get(19)?.parse().ok()? })
    }

    /// Whether it still runs.
    pub fn runs(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    /// Whether it was started with this argument.
    pub fn was_given(self, argument: &str) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    }

    /// Asks it to end, and ends it when it does not.
    pub async fn stop(self, what: &str) -> Result<(), HostError> {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal).map_err(|cause| HostError::passing(format!("stop {what}"), "StopFailed", cause))?;
            for _ in 0..STOP_STEPS {
                if !self.runs() {
                    return Ok(());
                }
                tokio::time::sleep(STOP_STEP).await;
            }
        }
        Err(HostError::passing(format!("stop {what}"), "StopFailed", format!("process {} does not end", self.pid)))
    }

    /// Waits until it has ended.
    pub async fn ended(self) -> std::io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        let handle = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(handle) => registered(handle)?,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(cause) => return Err(cause.into()),
        };
        if self.runs() {
            handle.readable().await?.retain_ready();
        }
        Ok(())
    }

    fn signal(self, signal: Signal) -> std::io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        // The handle is opened before the check: from then on the number cannot be that of another process.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(cause) => return Err(cause.into()),
        };
        if !self.runs() {
            return Ok(());
        }
        match pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }
}

#[expect(unsafe_code, reason = "the only way to wait for a handle that the standard library has no type for")]
fn registered(handle: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the handle is owned, never changes, and is closed only when the registration is dropped with it.
    Ok(unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::Stdio;

    use super::*;

    #[tokio::test]
    async fn a_process_is_found_by_number_and_start_and_ends_when_it_is_asked_to() {
        let mut child = std::process::Command::new("cat")
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat is everywhere");
        // Its arguments can be read once it has answered.
        child.stdin.as_mut().expect("a pipe").write_all(b"x").expect("it reads");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("it writes");
        let process = Process::find(i32::try_from(child.id()).expect("a number")).expect("it runs");
        assert!(process.was_given("-") && !process.was_given("x"));
        assert!(!Process { started: process.started + 1, ..process }.runs());
        Process { started: process.started + 1, ..process }.stop("nobody").await.expect("it is not there");
        assert!(process.runs(), "another process of the number is left alone");
        let (stopped, ended) = tokio::join!(process.stop("the cat"), process.ended());
        stopped.expect("it ends");
        ended.expect("it was seen to end");
        assert!(!process.runs(), "what is left of it until its parent asks does not count");
        child.wait().expect("it ended");
        process.ended().await.expect("it has ended before");
    }
}
