//! Networks of one set whose subnets overlap: a member could not tell where a packet belongs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::kinds::Spot;
use crate::manifest::report::findings::Findings;
use crate::manifest::set::index::Seen;
use crate::manifest::set::object_set::Found;
use crate::model::{Finding, Key, Place};

/// The keys that hold an address of the network with its prefix, by family.
const KEYS: [(u8, &str); 2] = [(4, "ipv4.address"), (6, "ipv6.address")];

/// A subnet that a network says to have.
pub struct Subnet {
    family: u8,
    // IPv4 stands in the upper bits, so that one comparison serves both.
    bits: u128,
    length: u32,
    /// Where it stands.
    pub seen: Seen,
}

/// Warns of each pair of neighbours, so that a set with one wide subnet gives one finding for each of the others.
pub fn check(subnets: &BTreeMap<(Key, u8), Subnet>, place: impl Fn(&Seen) -> Place) -> Findings {
    let mut subnets: Vec<(&Key, &Subnet)> = subnets.iter().map(|((key, _), subnet)| (key, subnet)).collect();
    // A wider subnet comes before those that it holds.
    subnets.sort_by_key(|(_, subnet)| (subnet.family, subnet.bits, subnet.length));
    let mut widest: Option<(&Key, &Subnet)> = None;
    let mut findings = Findings::default();
    for (key, subnet) in subnets {
        match widest.filter(|(_, wide)| wide.holds(subnet)) {
            Some((other, wide)) => findings.push(overlaps((key, place(&subnet.seen)), (other, place(&wide.seen)))),
            None => widest = Some((key, subnet)),
        }
    }
    findings
}

fn overlaps((key, place): (&Key, Place), (wide, wide_place): (&Key, Place)) -> Finding {
    let message = format!("the subnets of {wide} and {key} overlap");
    Finding::warning("SB114", message)
        .at(place)
        .with(wide_place, "with this one")
        .helping("members could not tell where a packet belongs: give each network a subnet of its own")
}

/// The subnets of a network by family; none of anything else.
pub fn subnets(key: &Key, found: &Found<'_>, seen: impl Fn(&Place) -> Seen) -> Vec<(u8, Subnet)> {
    if key.kind.as_str() != "network" {
        return Vec::new();
    }
    let config: BTreeMap<&str, &str> = found.declared.spec.config_entries().collect();
    let written = KEYS.iter().filter_map(|(family, name)| Some((*family, *name, config.get(name)?)));
    let read = written.filter_map(|(own, name, text)| {
        let (family, bits, length) = parse(text)?;
        let place = found.place(&["config".to_owned(), name.to_owned()], Spot::Value);
        Some((own, Subnet { family, bits, length, seen: seen(&place) }))
    });
    read.collect()
}

// What is no address with a prefix (`auto`, `none`, a mistake) is the kind's business.
fn parse(text: &str) -> Option<(u8, u128, u32)> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (family, bits, longest) = match address.parse().ok()? {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    (length <= longest).then(|| (family, bits & mask(length), length))
}

/// Whether an address is of a subnet; `None` when either cannot be read, which is told elsewhere.
pub fn is_within(address: &str, subnet: &str) -> Option<bool> {
    let (family, bits, length) = parse(subnet)?;
    Subnet { family, bits, length, seen: Seen::default() }.has(address)
}

fn mask(length: u32) -> u128 {
    u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

impl Subnet {
    fn holds(&self, other: &Self) -> bool {
        self.family == other.family && self.length <= other.length && other.bits & mask(self.length) == self.bits
    }

    /// Whether an address is of the subnet; `None` for what is no address, which is told elsewhere.
    pub fn has(&self, address: &str) -> Option<bool> {
        let whole = if address.contains(':') { "/128" } else { "/32" };
        let (family, bits, _) = parse(&format!("{address}{whole}"))?;
        Some(self.family == family && bits & mask(self.length) == self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        let (family, bits, length) = parse(text).expect("a subnet");
        Subnet { family, bits, length, seen: Seen::default() }
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
