//! How many connections the HTTPS port holds. Whoever has not shown a trusted certificate counts as a stranger, also
//! before the handshake; members come in whatever strangers do.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::rate_limit::network;

/// Strangers' connections in all. Each may take a descriptor and some kilobytes for half a minute.
const STRANGERS_MAX: usize = 512;
/// Strangers' connections from one address.
const ADDRESS_MAX: usize = 32;

/// The connections that are open now.
pub struct ConnectionLimits {
    strangers_max: usize,
    trusted_max: usize,
    members_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    strangers: usize,
    addresses: HashMap<IpAddr, usize>,
    trusted: usize,
    members: usize,
}

/// One open connection; it counts until this goes.
pub struct Slot {
    limits: Arc<ConnectionLimits>,
    counted: Counted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Stranger(IpAddr),
    Trusted,
    Member,
}

impl ConnectionLimits {
    /// The limits of a process that may have so many files open: what is left is for the unix socket, other members and
    /// files.
    pub fn new(files_max: u64) -> Arc<Self> {
        let files = usize::try_from(files_max).unwrap_or(usize::MAX);
        Arc::new(Self {
            strangers_max: STRANGERS_MAX.min(files / 4),
            trusted_max: files / 2,
            members_max: files / 8,
            open: Mutex::default(),
        })
    }

    /// A place for a connection from this address, if there is one. `is_member` says that a member's machine has it.
    pub fn enter(self: &Arc<Self>, address: IpAddr, is_member: bool) -> Option<Slot> {
        let address = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if is_member && open.members < self.members_max {
            open.members += 1;
            return Some(Slot { limits: Arc::clone(self), counted: Counted::Member });
        }
        let of_address = open.addresses.get(&address).copied().unwrap_or(0);
        if open.strangers >= self.strangers_max || of_address >= ADDRESS_MAX {
            return None;
        }
        open.strangers += 1;
        open.addresses.insert(address, of_address + 1);
        Some(Slot { limits: Arc::clone(self), counted: Counted::Stranger(address) })
    }
}

impl Slot {
    /// The other end is trusted: it no longer counts as a stranger. Whether there is a place for it.
    pub fn count_as_trusted(&mut self) -> bool {
        let Counted::Stranger(address) = self.counted else { return true };
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.trusted >= self.limits.trusted_max {
            return false;
        }
        open.trusted += 1;
        open.leave(address);
        self.counted = Counted::Trusted;
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        match self.counted {
            Counted::Stranger(address) => open.leave(address),
            Counted::Trusted => open.trusted -= 1,
            Counted::Member => open.members -= 1,
        }
    }
}

impl Open {
    fn leave(&mut self, address: IpAddr) {
        self.strangers -= 1;
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from([10, 0, u8::try_from(number / 250).expect("few"), u8::try_from(number % 250).expect("a byte")])
    }

    #[test]
    fn strangers_have_a_limit_each_and_in_all_and_members_none() {
        let limits = ConnectionLimits::new(1024);
        let mut kept: Vec<Slot> = (0..100).filter_map(|_| limits.enter(address(1), false)).collect();
        assert_eq!(kept.len(), ADDRESS_MAX);
        kept.extend((2..1000).filter_map(|number| limits.enter(address(number), false)));
        assert_eq!(kept.len(), 256, "a quarter of the files");
        assert!(limits.enter(address(999), false).is_none());
        kept.extend((0..100).filter_map(|_| limits.enter(address(1), true)));
        assert_eq!(kept.len(), 356, "members come in");
        // Whoever shows a trusted certificate makes room for another stranger.
        assert!(kept[0].count_as_trusted());
        assert!(limits.enter(address(1), false).is_some());
        drop(kept);
        let open = limits.open.lock().expect("free");
        assert_eq!((open.strangers, open.trusted, open.members), (0, 0, 0), "all was given back");
        assert_eq!(open.addresses.len(), 0);
    }
}
