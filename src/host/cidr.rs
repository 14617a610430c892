//! Addresses with their prefix, as bridges carry them and as rules and DHCP ranges are worked out from them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address and the length of its prefix: `10.1.2.1/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cidr {
    /// The address itself, with its host part.
    pub address: IpAddr,
    /// How many leading bits name the subnet.
    pub prefix: u8,
}

/// One of the two families of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Text that is no address with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address with a prefix, such as 10.1.2.1/24 or fd42:1:2:3::1/64")]
pub struct CidrError(String);

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// How many bits an address has.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Cidr {
    /// The family of the address.
    pub fn family(self) -> Family {
        Family::of(self.address)
    }

    /// The subnet: the same prefix with an empty host part.
    pub fn subnet(self) -> Self {
        Self { address: self.with_bits(number(self.address) & !self.host_mask()), prefix: self.prefix }
    }

    /// The last address of the subnet: the broadcast address in IPv4.
    pub fn last(self) -> IpAddr {
        self.with_bits(number(self.address) | self.host_mask())
    }

    /// The address at this distance from the first one of the subnet.
    pub fn nth(self, distance: u128) -> IpAddr {
        self.with_bits((number(self.address) & !self.host_mask()) | (distance & self.host_mask()))
    }

    /// The address at this distance before the last one of the subnet.
    pub fn nth_last(self, distance: u128) -> IpAddr {
        self.nth(self.host_mask() - (distance & self.host_mask()))
    }

    /// Whether an address lies in the subnet.
    pub fn contains(self, address: IpAddr) -> bool {
        let mask = !self.host_mask();
        Family::of(address) == self.family() && number(address) & mask == number(self.address) & mask
    }

    /// Whether two subnets have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.subnet().address) || other.contains(self.subnet().address)
    }

    fn host_mask(self) -> u128 {
        let width = u32::from(self.family().bits());
        let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
        if self.prefix == 0 { all } else { all & !(all << (width - u32::from(self.prefix))) }
    }

    fn with_bits(self, bits: u128) -> IpAddr {
        match self.family() {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX))),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }
}

/// An address as a number: two of one family can be compared and counted.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let cidr = Self { address: address.parse().ok()?, prefix: prefix.parse().ok()? };
            (cidr.prefix <= cidr.family().bits()).then_some(cidr)
        });
        parsed.ok_or_else(|| CidrError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("an address with a prefix")
    }

    #[test]
    fn text_and_value_are_the_same() {
        for text in ["10.1.2.3/24", "fd42::1/64", "0.0.0.0/0", "::/0", "10.0.0.1/32"] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in ["10.1.2.3", "10.1.2.3/33", "fd42::/129", "10.1.2/24", "x/24", "10.1.2.3/", ""] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_subnet() {
        for (text, subnet, last, second, second_last) in [
            ("10.1.2.3/24", "10.1.2.0/24", "10.1.2.255", "10.1.2.2", "10.1.2.253"),
            ("10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", "10.0.0.2", "10.255.255.253"),
            ("10.1.2.3/30", "10.1.2.0/30", "10.1.2.3", "10.1.2.2", "10.1.2.1"),
            ("1.2.3.4/0", "0.0.0.0/0", "255.255.255.255", "0.0.0.2", "255.255.255.253"),
            ("fd42::1/64", "fd42::/64", "fd42::ffff:ffff:ffff:ffff", "fd42::2", "fd42::ffff:ffff:ffff:fffd"),
        ] {
            let cidr = cidr(text);
            assert_eq!(cidr.subnet().to_string(), subnet);
            assert_eq!(cidr.last().to_string(), last);
            assert_eq!(cidr.nth(2).to_string(), second);
            assert_eq!(cidr.nth_last(2).to_string(), second_last);
        }
    }

    #[test]
    fn subnets_overlap_when_one_holds_the_other() {
        for (one, other, overlap) in [
            ("10.1.2.1/24", "10.1.2.129/25", true),
            ("10.0.0.0/8", "10.200.0.1/24", true),
            ("10.1.2.1/24", "10.1.3.1/24", false),
            ("0.0.0.0/0", "fd42::/64", false),
            ("fd42::/16", "fd42:1::/64", true),
        ] {
            assert_eq!(cidr(one).overlaps(cidr(other)), overlap, "{one} {other}");
            assert_eq!(cidr(other).overlaps(cidr(one)), overlap, "{other} {one}");
        }
    }
}
