//! The configuration of a bridge as values with types: read in one place for checks and for members.

use std::net::{IpAddr, Ipv4Addr};

use crate::host::{Cidr, Family, Mac, number};
use crate::kinds::tables::value;
use crate::model::Config;

/// The configuration of a bridge.
#[derive(Clone, Copy)]
pub struct Settings<'a>(pub &'a Config);

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The rule, such as `SB042`.
    pub code: &'static str,
    /// The configuration key.
    pub key: String,
    /// What is wrong, in one sentence.
    pub message: String,
}

/// First and last address of a range.
pub type Range = (IpAddr, IpAddr);

impl<'a> Settings<'a> {
    /// A switch; the key table has checked its spelling.
    pub fn flag(self, key: &str, default: bool) -> bool {
        self.0.value(key).and_then(value::read_bool).unwrap_or(default)
    }

    /// A text, where an empty one counts as unset.
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.0.value(key)
    }

    /// The address of the machine on the bridge; `None` for `none`, and for `auto` as long as nothing was chosen.
    pub fn address(self, family: Family) -> Result<Option<Cidr>, Wrong> {
        let key = of(family, "address");
        let Some(text) = self.text(&key).filter(|text| !matches!(*text, "none" | "auto")) else { return Ok(None) };
        let wrong = |message: String| Wrong { code: "SB042", key: key.clone(), message };
        let cidr = read_cidr(text, family).map_err(wrong)?;
        let has_room = cidr.prefix + 1 < family.bits();
        if has_room && cidr.address == cidr.subnet().address {
            return Err(wrong(format!("`{text}` is the address of the subnet itself: no host can have it")));
        }
        if has_room && family == Family::V4 && cidr.address == cidr.last() {
            return Err(wrong(format!("`{text}` is the broadcast address of its subnet: no host can have it")));
        }
        if cidr.address.is_multicast() || cidr.address.is_unspecified() || cidr.address.is_loopback() {
            return Err(wrong(format!("`{text}` cannot be the address of a bridge")));
        }
        Ok(Some(cidr))
    }

    /// Further subnets that are reached through the bridge.
    pub fn routes(self, family: Family) -> Result<Vec<Cidr>, Wrong> {
        let key = of(family, "routes");
        let read = |text: &str| {
            let cidr = read_cidr(text, family)?;
            if cidr == cidr.subnet() {
                Ok(cidr)
            } else {
                Err(format!("`{text}` is no subnet: write {}", cidr.subnet()))
            }
        };
        self.list(&key).map(read).collect::<Result<_, _>>().map_err(|message| Wrong { code: "SB042", key, message })
    }

    /// The ranges that addresses are given out from; empty when none are named.
    pub fn ranges(self, family: Family) -> Result<Vec<Range>, Wrong> {
        let key = of(family, "dhcp.ranges");
        let read = |text: &str| read_range(text, family);
        let ranges: Result<Vec<Range>, String> = self.list(&key).map(read).collect();
        let wrong = |message: String| Wrong { code: "SB043", key: key.clone(), message };
        let ranges = ranges.map_err(wrong)?;
        let Some(subnet) = self.address(family).ok().flatten() else { return Ok(ranges) };
        match ranges.iter().find(|(first, last)| !subnet.contains(*first) || !subnet.contains(*last)) {
            None => Ok(ranges),
            Some((first, last)) => Err(wrong(format!("{first}-{last} does not lie in {}", subnet.subnet()))),
        }
    }

    /// How long leases hold.
    pub fn expiry(self, family: Family) -> Result<String, Wrong> {
        let key = of(family, "dhcp.expiry");
        let text = self.text(&key).unwrap_or("1h");
        let digits = text.trim_end_matches(|unit: char| "smhdw".contains(unit));
        let is_span = text.len() - digits.len() <= 1 && digits.parse::<u32>().is_ok_and(|span| span > 0);
        if is_span || text == "infinite" {
            return Ok(text.to_owned());
        }
        let message = format!("`{text}` is no time: write a number with s, m, h, d or w after it, or infinite");
        Err(Wrong { code: "SB043", key, message })
    }

    /// The gateway that clients are told of, when it is not the machine.
    pub fn gateway(self) -> Result<Option<Ipv4Addr>, Wrong> {
        self.one("ipv4.dhcp.gateway", "an IPv4 address", |text| text.parse().ok())
    }

    /// The address that a subnet is hidden behind.
    pub fn nat_address(self, family: Family) -> Result<Option<IpAddr>, Wrong> {
        let read = |text: &str| text.parse().ok().filter(|address| Family::of(*address) == family);
        let wanted = match family {
            Family::V4 => "an IPv4 address",
            Family::V6 => "an IPv6 address",
        };
        self.one(&of(family, "nat.address"), wanted, read)
    }

    /// The largest packet; `None` when it is the usual one.
    pub fn mtu(self) -> Result<Option<u32>, Wrong> {
        let has_ipv6 = self.text("ipv6.address").is_some_and(|text| text != "none");
        let least = if has_ipv6 { 1280 } else { 68 };
        let wanted = format!("a number of bytes from {least} to 65535");
        self.one("bridge.mtu", &wanted, |text| text.parse().ok().filter(|mtu| (least..=65535).contains(mtu)))
    }

    /// The hardware address; `None` when each member makes its own.
    pub fn hwaddr(self) -> Result<Option<Mac>, Wrong> {
        let is_host = |mac: &Mac| mac.0[0] & 1 == 0 && mac.0 != [0; 6];
        self.one("bridge.hwaddr", "the hardware address of one host, such as 00:16:3e:12:34:56", |text| {
            text.parse().ok().filter(is_host)
        })
    }

    /// The domain of the network.
    pub fn domain(self) -> Result<&'a str, Wrong> {
        let domain = self.text("dns.domain").unwrap_or("lxd");
        if is_domain(domain) { Ok(domain) } else { Err(no_domain("dns.domain", domain)) }
    }

    /// The domains that clients search; empty for the network's own.
    pub fn search(self) -> Result<Vec<String>, Wrong> {
        let names: Vec<String> = self.list("dns.search").map(str::to_owned).collect();
        match names.iter().find(|name| !is_domain(name)) {
            None => Ok(names),
            Some(name) => Err(no_domain("dns.search", name)),
        }
    }

    /// Name servers that clients are told of, when it is not the machine.
    pub fn nameservers(self) -> Result<Vec<IpAddr>, Wrong> {
        let read = |text: &str| text.parse().map_err(|_| format!("`{text}` is no IP address"));
        let key = "dns.nameservers";
        self.list(key).map(read).collect::<Result<_, _>>().map_err(|message| Wrong {
            code: "SB042",
            key: key.into(),
            message,
        })
    }

    /// Routes that clients are told of: subnet and gateway in turn.
    pub fn dhcp_routes(self) -> Result<Vec<String>, Wrong> {
        let key = "ipv4.dhcp.routes";
        let all: Vec<&str> = self.list(key).collect();
        let is_pair = |pair: &[&str]| match pair {
            [subnet, gateway] => read_cidr(subnet, Family::V4).is_ok() && gateway.parse::<Ipv4Addr>().is_ok(),
            _ => false,
        };
        if all.chunks(2).all(is_pair) {
            return Ok(all.into_iter().map(str::to_owned).collect());
        }
        let message = "write subnet and gateway in turn: 192.0.2.0/24,10.1.2.254".to_owned();
        Err(Wrong { code: "SB042", key: key.into(), message })
    }

    /// Whether the server answers questions about names.
    pub fn answers_names(self) -> Result<bool, Wrong> {
        self.among("dns.mode", &["managed", "dynamic", "none"]).map(|mode| mode != Some("none"))
    }

    /// The interfaces of the machine that are attached.
    pub fn ports(self) -> Result<Vec<String>, Wrong> {
        let key = "bridge.external_interfaces";
        let names: Vec<String> = self.list(key).map(str::to_owned).collect();
        let wrong = |message: String| Wrong { code: "SB045", key: key.to_owned(), message };
        for (position, name) in names.iter().enumerate() {
            if is_new_interface(name) {
                let message = format!("`{name}`: making VLAN interfaces is not supported; make it and name it here");
                return Err(Wrong { code: "SB047", ..wrong(message) });
            }
            if let Some(fault) = interface_fault(name) {
                return Err(wrong(format!("`{name}` is no name of an interface: {fault}")));
            }
            if names[..position].contains(name) {
                return Err(wrong(format!("`{name}` is named twice")));
            }
        }
        Ok(names)
    }

    /// One of a few words.
    pub fn among(self, key: &str, words: &[&str]) -> Result<Option<&'a str>, Wrong> {
        match self.text(key) {
            Some(text) if !words.contains(&text) => {
                let message = format!("`{text}` is none of {}", words.join(", "));
                Err(Wrong { code: "SB046", key: key.to_owned(), message })
            }
            text => Ok(text),
        }
    }

    fn one<T>(self, key: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Wrong> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let wrong = || Wrong { code: "SB044", key: key.to_owned(), message: format!("`{text}` is not {wanted}") };
        read(text).map(Some).ok_or_else(wrong)
    }

    fn list(self, key: &str) -> impl Iterator<Item = &'a str> {
        self.text(key).unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
    }
}

/// A key that exists for both families: `ipv4.address`.
pub fn of(family: Family, key: &str) -> String {
    let prefix = match family {
        Family::V4 => "ipv4.",
        Family::V6 => "ipv6.",
    };
    [prefix, key].concat()
}

/// What is wrong with a name of an interface; the kernel's rules and those of LXD.
pub fn interface_fault(name: &str) -> Option<&'static str> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.len() {
        0 | 1 => Some("it needs at least 2 characters"),
        16.. => Some("it may have at most 15 characters"),
        _ if !name.bytes().all(is_known) => Some("it may hold letters, digits, `-`, `_` and `.`"),
        _ if name.starts_with('-') => Some("it may not start with `-`"),
        _ if name == ".." => Some("it is the name of a directory"),
        _ => None,
    }
}

// Incus makes such an interface itself: its name, its parent and its VLAN.
fn is_new_interface(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let [name, parent, vlan] = parts[..] else { return false };
    let is_vlan = vlan.parse().is_ok_and(|id: u16| (1..=4094).contains(&id));
    is_vlan && interface_fault(name).is_none() && interface_fault(parent).is_none()
}

fn read_cidr(text: &str, family: Family) -> Result<Cidr, String> {
    let example = match family {
        Family::V4 => "10.1.2.1/24",
        Family::V6 => "fd42:1:2:3::1/64",
    };
    let parsed = text.parse::<Cidr>().ok().filter(|cidr| cidr.family() == family);
    parsed.ok_or_else(|| format!("`{text}` is no {family} address with a prefix, such as {example}"))
}

fn read_range(text: &str, family: Family) -> Result<Range, String> {
    let parse = |text: &str| text.trim().parse().ok().filter(|address| Family::of(*address) == family);
    let range = text.split_once('-').and_then(|(first, last)| Some((parse(first)?, parse(last)?)));
    match range {
        None => Err(format!("`{text}` is no range of {family} addresses: write FIRST-LAST")),
        Some((first, last)) if number(first) > number(last) => Err(format!("`{text}` ends before it starts")),
        Some(range) => Ok(range),
    }
}

fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn no_domain(key: &str, name: &str) -> Wrong {
    Wrong { code: "SB046", key: key.to_owned(), message: format!("`{name}` is no domain name") }
}
