//! What the kernel allows this process, and others to see of it.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Asks for as many open files as the administrator allows, keeps the memory, which has keys, out of core dumps and away
/// from other processes of the same user, and has freed memory given back.
pub fn prepare() {
    give_large_blocks_back();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a core dump of this process would have its keys in it");
    }
}

/// Blocks of this size are asked of the system one by one, and given back to it when they are freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: i32 = 4 << 20;

/// Keeps the GNU allocator from keeping large blocks: after the first one that is freed it would take the next out of a heap
/// of the thread that asks, and keep that, so that a crowd of guessed passwords would leave the memory of many hashes behind.
/// See M_MMAP_THRESHOLD in mallopt(3).
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator has no other way to be told")]
fn give_large_blocks_back() {
    // SAFETY: sets a number inside the allocator under its own lock; no memory is read, written or moved.
    let is_set = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) } == 1;
    if !is_set {
        tracing::warn!("the allocator keeps large blocks that are freed");
    }
}

/// Other allocators decide for themselves.
#[cfg(not(target_env = "gnu"))]
fn give_large_blocks_back() {}

/// How many files this process may have open.
pub fn files_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
