//! The interfaces of one machine as they are shown: names, addresses, counters, leases.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cidr::Cidr;

/// A hardware address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

/// An interface of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// What it is, in LXD's words: `bridge`, `physical`, `loopback`, `vlan`, `bond`, or `unknown`.
    pub kind: String,
    /// Its description, where ours are marked.
    pub alias: Option<String>,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// Its hardware address.
    pub hwaddr: Option<Mac>,
    /// Whether it is switched on.
    pub up: bool,
    /// The number of the bridge or bond that it belongs to.
    pub controller: Option<u32>,
    /// Its addresses.
    pub addresses: Vec<LinkAddress>,
    /// What has passed.
    pub counters: Counters,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAddress {
    /// The address.
    pub cidr: Cidr,
    /// How far it reaches, in LXD's words: `global`, `link` or `local`.
    pub scope: Reach,
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Anywhere.
    Global,
    /// The network that the interface is on.
    Link,
    /// This machine.
    Local,
}

/// What has passed an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes that came in.
    pub bytes_received: u64,
    /// Bytes that went out.
    pub bytes_sent: u64,
    /// Packets that came in.
    pub packets_received: u64,
    /// Packets that went out.
    pub packets_sent: u64,
}

/// An address that a DHCP server has given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The name that the client gave; empty when it gave none.
    pub hostname: String,
    /// The client's hardware address; empty where the lease is known by another identity.
    pub hwaddr: String,
    /// The address.
    pub address: IpAddr,
    /// When it ends, in seconds since 1970; 0 for never.
    pub expires: i64,
}

/// Text that is no hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no hardware address, such as 00:16:3e:12:34:56")]
pub struct MacError(String);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = |part: &str| is_byte(part).then(|| u8::from_str_radix(part, 16).ok()).flatten();
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let six = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
        six.map(Self).ok_or_else(|| MacError(text.to_owned()))
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Global => "global",
            Self::Link => "link",
            Self::Local => "local",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_six_pairs_of_digits() {
        let mac: Mac = "00:16:3E:0a:ff:01".parse().expect("a hardware address");
        assert_eq!(mac.to_string(), "00:16:3e:0a:ff:01");
        for text in
            ["", "00:16:3e:0a:ff", "00:16:3e:0a:ff:01:02", "0:16:3e:0a:ff:1", "00-16-3e-0a-ff-01", "00:16:3e:0a:ff:+1"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }
}
