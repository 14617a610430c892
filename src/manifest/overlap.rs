//! Networks of one set whose subnets overlap: a member could not tell where a packet belongs.

use std::net::IpAddr;

use super::findings::Findings;
use super::set::{Found, Set};
use crate::kinds::Spot;
use crate::model::{Finding, Key, Place};

/// The keys that hold an address of the network with its prefix.
const KEYS: [&str; 2] = ["ipv4.address", "ipv6.address"];

/// A subnet that a network says to have.
struct Subnet {
    network: String,
    family: usize,
    // IPv4 stands in the upper bits, so that one comparison serves both.
    bits: u128,
    length: u32,
    place: Place,
}

/// Warns of each pair of neighbours, so that a set with one wide subnet gives one finding for each of the others.
pub(super) fn check(set: &mut Set<'_>) {
    let networks = set.objects.iter().filter(|(key, _)| key.kind.as_str() == "network");
    let mut subnets: Vec<Subnet> = networks.flat_map(|(key, found)| subnets(key, found)).collect();
    // A wider subnet comes before those that it holds.
    subnets.sort_by_key(|subnet| (subnet.family, subnet.bits, subnet.length));
    let mut widest: Option<&Subnet> = None;
    let mut findings = Findings::default();
    for subnet in &subnets {
        match widest.filter(|wide| wide.holds(subnet)) {
            Some(wide) => findings.push(subnet.overlaps(wide)),
            None => widest = Some(subnet),
        }
    }
    set.findings.extend(findings.into_vec());
}

fn subnets(key: &Key, found: &Found<'_>) -> Vec<Subnet> {
    let config = found.declared.spec.config();
    let written = KEYS.iter().filter_map(|name| Some((*name, config.value(name)?)));
    let read = written.filter_map(|(name, text)| {
        let (family, bits, length) = parse(text)?;
        let place = found.place(&["config".to_owned(), name.to_owned()], Spot::Value);
        Some(Subnet { network: key.to_string(), family, bits, length, place })
    });
    read.collect()
}

// What is no address with a prefix (`auto`, `none`, a mistake) is the kind's business.
pub(super) fn parse(text: &str) -> Option<(usize, u128, u32)> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (family, bits, longest) = match address.parse().ok()? {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    (length <= longest).then(|| (family, bits & mask(length), length))
}

pub(super) fn mask(length: u32) -> u128 {
    u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

impl Subnet {
    fn holds(&self, other: &Self) -> bool {
        self.family == other.family && self.length <= other.length && other.bits & mask(self.length) == self.bits
    }

    fn overlaps(&self, wide: &Self) -> Finding {
        let message = format!("the subnets of {} and {} overlap", wide.network, self.network);
        Finding::warning("SB114", message)
            .at(self.place.clone())
            .with(wide.place.clone(), "with this one")
            .helping("members could not tell where a packet belongs: give each network a subnet of its own")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        let (family, bits, length) = parse(text).expect("a subnet");
        Subnet { network: text.to_owned(), family, bits, length, place: Place::default() }
    }

    #[test]
    fn a_wide_subnet_holds_a_narrow_one_of_its_family() {
        for (wide, narrow) in [("10.0.0.1/8", "10.1.2.3/24"), ("10.0.0.1/24", "10.0.0.9/24"), ("::/0", "fd00::1/64")] {
            assert!(subnet(wide).holds(&subnet(narrow)), "{wide} {narrow}");
        }
        for (one, other) in [("10.0.0.1/24", "10.0.1.1/24"), ("10.1.2.3/24", "10.0.0.1/8"), ("0.0.0.0/0", "fd00::1/64")]
        {
            assert!(!subnet(one).holds(&subnet(other)), "{one} {other}");
        }
        assert!(parse("auto").is_none() && parse("10.0.0.1/33").is_none() && parse("10.0.0.1").is_none());
    }
}
