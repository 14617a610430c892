//! Takes away from this process what reading a text does not need, before it reads one that others have written.
//!
//! The user is somebody else's business: whoever starts the process chooses it. Everything here is given up for good,
//! as long as the process is not root's.

use std::fs;
use std::io::{self, Error};
use std::os::fd::RawFd;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, nice, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

/// What is left to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Seconds of processor time.
    pub processor_s: u64,
}

/// So much gentler than the daemon, which has heartbeats to answer.
const NICE: i32 = 10;
/// Where memory is short, this process goes first.
const OOM_SCORE: &str = "1000";

/// Confines this process for the rest of its life: it opens nothing, starts nothing, gains no right, leaves no core,
/// cannot be looked into by others of its user, and ends with whoever started it. The three standard streams stay open.
///
/// # Errors
/// When the kernel refuses a part of it: nothing may be read then.
pub fn confine(bounds: Bounds) -> io::Result<()> {
    let failed = |doing: &'static str| move |cause| Error::other(format!("cannot {doing}: {}", Error::from(cause)));
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("hide the memory from others"))?;
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("end with the daemon"))?;
    set_no_new_privs(true).map_err(failed("give up new rights"))?;
    // Both are manners, and nothing that the others rely on.
    let _less_polite = (nice(NICE), fs::write("/proc/self/oom_score_adj", OOM_SCORE));
    close_the_rest()?;
    for (resource, soft, hard) in limits(bounds) {
        let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
        setrlimit(resource, limit).map_err(failed("limit what it may use"))?;
    }
    Ok(())
}

fn limits(Bounds { memory_bytes, processor_s }: Bounds) -> [(Resource, u64, u64); 8] {
    [
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Memlock, 0, 0),
        (Resource::Msgqueue, 0, 0),
        // No process and no thread besides this one.
        (Resource::Nproc, 0, 0),
        // What is open stays open; a number that is closed and used again would be one too many as well.
        (Resource::Nofile, 0, 0),
        (Resource::As, memory_bytes, memory_bytes),
        // At the first a signal that says why, at the second the end.
        (Resource::Cpu, processor_s, processor_s + 2),
    ]
}

/// Closes what whoever started the daemon has left open by mistake: a shell, a service manager.
fn close_the_rest() -> io::Result<()> {
    let mut numbers: Vec<RawFd> = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    // What listed them is closed again by now.
    let is_open = |number: &RawFd| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
    numbers.into_iter().filter(|number| *number > 2 && is_open(number)).for_each(close);
    Ok(())
}

#[expect(unsafe_code, reason = "no type owns what was inherited, and nothing else closes it")]
fn close(number: RawFd) {
    // SAFETY: called in a process of one thread, before it has opened anything that it keeps: the number is open, and no
    // value owns it.
    unsafe { rustix::io::close(number) }
}
