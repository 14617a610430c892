//! Which texts are addresses, subnets, ranges, interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::host::Cidr;
pub use crate::host::Family;

/// A hardware address of so many bytes with colons between.
pub fn is_mac(text: &str, lengths: &[usize]) -> bool {
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    lengths.contains(&text.split(':').count()) && text.split(':').all(is_byte)
}

/// A name that the kernel takes for an interface, and LXD too.
pub fn is_interface(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (2..=15).contains(&text.len()) && text.bytes().all(is_known)
}

/// An address of either family.
pub fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// An IPv4 address.
pub fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// An IPv6 address.
pub fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

fn cidr(text: &str, family: Family) -> Option<Cidr> {
    text.parse().ok().filter(|cidr: &Cidr| cidr.family() == family)
}

/// The address of a host, which is not that of its subnet.
pub fn is_cidr(text: &str, family: Family) -> bool {
    cidr(text, family).is_some_and(|cidr| cidr.address != cidr.subnet().address)
}

/// Any address with a prefix.
pub fn is_prefix(text: &str, family: Family) -> bool {
    cidr(text, family).is_some()
}

/// The address of a subnet.
pub fn is_subnet(text: &str, family: Family) -> bool {
    cidr(text, family).is_some_and(|cidr| cidr == cidr.subnet())
}

/// The first and the last of some addresses of one family.
pub fn is_range(text: &str, is_address: fn(&str) -> bool) -> bool {
    text.split_once('-').is_some_and(|(first, last)| is_address(first) && is_address(last))
}

/// The name of a network, a colon, and one of its subnets.
pub fn is_uplink_subnet(text: &str) -> bool {
    let is_any = |text: &str| is_subnet(text, Family::V4) || is_subnet(text, Family::V6);
    text.split_once(':').is_some_and(|(name, subnet)| !name.is_empty() && is_any(subnet))
}

/// A VLAN, or the first and the last of some.
pub fn is_vlan_range(text: &str) -> bool {
    let vlan = |text: &str| text.parse::<u16>().ok().filter(|vlan| *vlan <= 4094);
    match text.split_once('-') {
        Some((first, last)) => vlan(first).zip(vlan(last)).is_some_and(|(first, last)| first <= last),
        None => vlan(text).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_have_six_bytes() {
        assert!(is_mac("00:16:3e:12:34:56", &[6]) && is_mac("00:16:3E:AB:CD:EF", &[6]));
        for wrong in ["00:16:3e:zz:34:56", "00-16-3e-12-34-56", "00:16:3e:12:34", "0:16:3e:12:34:567"] {
            assert!(!is_mac(wrong, &[6]), "{wrong}");
        }
    }

    #[test]
    fn hosts_and_subnets_are_told_apart() {
        assert!(is_cidr("10.0.0.5/24", Family::V4) && is_subnet("10.0.0.0/24", Family::V4));
        assert!(!is_cidr("10.0.0.0/24", Family::V4) && !is_subnet("10.0.0.5/24", Family::V4));
        assert!(is_subnet("fd42::/64", Family::V6) && !is_subnet("fd42::/64", Family::V4));
        assert!(!is_cidr("10.0.0.300/24", Family::V4) && !is_ipv4("10.0.0.300"));
        assert!(
            is_uplink_subnet("up:10.0.0.0/24") && is_uplink_subnet("up:fd42::/64") && !is_uplink_subnet("10.0.0.0/24")
        );
    }

    #[test]
    fn ranges_and_vlans_rise() {
        assert!(is_range("10.0.0.2-10.0.0.9", is_ipv4) && !is_range("10.0.0.2", is_ipv4));
        assert!(is_vlan_range("7") && is_vlan_range("0-4094") && !is_vlan_range("5000") && !is_vlan_range("9-7"));
    }
}
