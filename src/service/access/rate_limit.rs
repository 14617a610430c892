//! How often strangers are listened to: buckets that fill up again slowly, one for each address and one for all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// More addresses than these share one bucket.
const ADDRESSES_MAX: usize = 4096;

/// How much fits into a bucket, and how fast it fills again.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// So many in a row.
    pub burst: f64,
    /// So many a second after that.
    pub per_second: f64,
}

/// How often something was tried.
pub struct RateLimit {
    of_address: Rate,
    of_all: Rate,
    kept: Mutex<Kept>,
}

struct Kept {
    all: Bucket,
    addresses: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// Nothing was tried yet.
    pub fn new(of_address: Rate, of_all: Rate) -> Self {
        let all = Bucket { left: of_all.burst, at: Instant::now() };
        Self { of_address, of_all, kept: Mutex::new(Kept { all, addresses: HashMap::new() }) }
    }

    /// Counts a try. Whether it may go on.
    pub fn take(&self, address: IpAddr, now: Instant) -> bool {
        let (address, mut kept) = (network(address), self.kept());
        let Kept { all, addresses } = &mut *kept;
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            addresses.retain(|_, bucket| bucket.filled(self.of_address, now) < self.of_address.burst);
        }
        let is_full = addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address);
        let place = if is_full { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { address };
        let own = addresses.entry(place).or_insert(Bucket { left: self.of_address.burst, at: now });
        // One that is empty takes nothing from the others.
        own.take(self.of_address, now) && all.take(self.of_all, now)
    }

    /// Takes a counted try back: it was a good one.
    pub fn give_back(&self, address: IpAddr) {
        let mut kept = self.kept();
        kept.all.left = (kept.all.left + 1.0).min(self.of_all.burst);
        if let Some(own) = kept.addresses.get_mut(&network(address)) {
            own.left = (own.left + 1.0).min(self.of_address.burst);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn filled(&self, rate: Rate, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * rate.per_second).min(rate.burst)
    }

    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        *self = Self { left: self.filled(rate, now), at: now };
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}

/// Somebody who has one IPv6 address has all of its /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limit() -> RateLimit {
        RateLimit::new(Rate { burst: 3.0, per_second: 0.5 }, Rate { burst: 5.0, per_second: 1.0 })
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    #[test]
    fn an_address_gets_its_tries_back_slowly_and_all_together_theirs() {
        let (limit, now) = (limit(), Instant::now());
        let tries = |number, at| (0..9).filter(|_| limit.take(address(number), at)).count();
        assert_eq!(tries(1, now), 3);
        assert_eq!(tries(2, now), 2, "all together have tried five times");
        assert_eq!(tries(1, now + Duration::from_secs(2)), 1);
        assert_eq!(tries(3, now + Duration::from_secs(100)), 3);
    }

    #[test]
    fn a_good_try_costs_nothing() {
        let (limit, now) = (limit(), Instant::now());
        for _ in 0..50 {
            assert!(limit.take(address(1), now));
            limit.give_back(address(1));
        }
    }

    #[test]
    fn many_addresses_take_a_bounded_room_and_one_network_of_ipv6_is_one() {
        let limit = RateLimit::new(Rate { burst: 1.0, per_second: 0.0 }, Rate { burst: 1e9, per_second: 0.0 });
        let now = Instant::now();
        let heard = (0..20_000u32).filter(|n| limit.take(IpAddr::from(n.to_be_bytes()), now)).count();
        assert!(heard <= ADDRESSES_MAX + 1, "{heard}");
        assert!(limit.kept().addresses.len() <= ADDRESSES_MAX + 1);
        let six = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(six("2001:db8::1"), six("2001:db8::ffff:1"));
        assert_ne!(six("2001:db8::1"), six("2001:db8:0:1::1"));
        assert_eq!(six("::ffff:10.0.0.1"), six("10.0.0.1"));
    }
}
