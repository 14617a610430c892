//! The addresses of proxy devices: `tcp:10.0.0.1:80,90-99`, `udp:[fd42::1]:53`, `unix:/run/app.sock`.

use std::net::IpAddr;
use std::str::FromStr;

/// What a proxy speaks on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// A socket of the machine.
    Unix,
}

/// One side of a proxy device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The address; `None` for a socket of the machine, and where it is left out.
    pub host: Option<IpAddr>,
    /// Whether it is a socket without a file.
    pub is_abstract: bool,
    /// How many ports it names; 0 for a socket of the machine.
    pub ports: u32,
}

impl Protocol {
    /// Its name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Unix => "unix",
        }
    }
}

/// A text that is no address of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoProxyAddress;

impl FromStr for ProxyAddress {
    type Err = NoProxyAddress;

    fn from_str(text: &str) -> Result<Self, NoProxyAddress> {
        let (protocol, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or(NoProxyAddress)?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "unix" => {
                let is_abstract = rest.starts_with('@');
                return Ok(Self { protocol: Protocol::Unix, host: None, is_abstract, ports: 0 });
            }
            _ => return Err(NoProxyAddress),
        };
        let (host, ports) = split(rest).ok_or(NoProxyAddress)?;
        let host = match host {
            "" => None,
            host => Some(host.parse().map_err(|_| NoProxyAddress)?),
        };
        let ports = ports.split(',').try_fold(0, |sum, item| Some(sum + count(item)?)).ok_or(NoProxyAddress)?;
        Ok(Self { protocol, host, is_abstract: false, ports })
    }
}

// An IPv6 address stands in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':').filter(|(_, ports)| !ports.contains(':')),
    }
}

fn count(item: &str) -> Option<u32> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+')).map(u32::from);
    match item.split_once('-') {
        None => port(item).map(|_| 1),
        Some((first, last)) => {
            port(first).zip(port(last)).filter(|(first, last)| first < last).map(|(first, last)| last - first + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Option<u32> {
        text.parse().ok().map(|address: ProxyAddress| address.ports)
    }

    #[test]
    fn ports_are_counted_and_addresses_read() {
        assert_eq!(ports("tcp:127.0.0.1:80"), Some(1));
        assert_eq!(ports("tcp::80,90-99"), Some(11));
        assert_eq!(ports("udp:[fd42::1]:53"), Some(1));
        assert_eq!(ports("unix:/run/app.sock"), Some(0));
        for wrong in [
            "foo",
            "tpc:127.0.0.1:80",
            "tcp:127.0.0.1:70000",
            "tcp:localhost:80",
            "tcp:127.0.0.1",
            "tcp:fd42::1:80",
            "unix:",
            "tcp::9-7",
        ] {
            assert_eq!(ports(wrong), None, "{wrong}");
        }
    }
}
