//! Proxy devices: what their two sides say to each other. LXD refuses most of it when the profile is written, the rest
//! when an instance starts.

use std::net::IpAddr;

use crate::kinds::registry::problem::Problem;
use crate::kinds::tables::form::{Protocol, ProxyAddress};
use crate::kinds::tables::value::read_bool;
use crate::model::Config;

struct Sides<'a> {
    name: &'a str,
    config: &'a Config,
    listen: ProxyAddress,
    connect: ProxyAddress,
}

/// What is wrong between the keys of a proxy device. Addresses that cannot be read are told by their form.
pub fn check(name: &str, config: &Config) -> Vec<Problem> {
    let read = |key: &str| config.value(key)?.parse::<ProxyAddress>().ok();
    let Some((listen, connect)) = read("listen").zip(read("connect")) else { return Vec::new() };
    let sides = Sides { name, config, listen, connect };
    let mut problems = sides.ports();
    problems.extend(sides.header());
    problems.extend(sides.owner());
    problems.extend(sides.nat());
    problems
}

impl Sides<'_> {
    fn has(&self, key: &str) -> bool {
        self.config.value(key).and_then(read_bool) == Some(true)
    }

    fn at(&self, key: &str, text: String) -> Problem {
        Problem::at_value("SB022", &["devices", self.name, key], text)
    }

    // Each port leads to the one in the same place, or all of them to the only one.
    fn ports(&self) -> Vec<Problem> {
        let (from, to) = (self.listen.ports.max(1), self.connect.ports.max(1));
        if to == 1 || to == from {
            return Vec::new();
        }
        let text = format!("{} cannot lead to {}", counted(from), counted(to));
        vec![self.at("connect", text).helping("name one port in `connect`, or as many as in `listen`")]
    }

    fn header(&self) -> Option<Problem> {
        let fault = match self.connect.protocol {
            _ if !self.has("proxy_protocol") => return None,
            Protocol::Tcp if self.has("nat") => "with `nat` nobody writes it",
            Protocol::Tcp => return None,
            Protocol::Udp | Protocol::Unix => "only TCP servers read it",
        };
        Some(self.at("proxy_protocol", format!("the PROXY header cannot be sent: {fault}")))
    }

    // They say whose the socket's file is.
    fn owner(&self) -> Vec<Problem> {
        if self.listen.protocol == Protocol::Unix && !self.listen.is_abstract {
            return Vec::new();
        }
        let given = ["uid", "gid", "mode"].into_iter().filter(|key| self.config.value(key).is_some());
        given.map(|key| self.at(key, format!("`{key}` needs a socket with a file: listen: unix:/PATH"))).collect()
    }

    fn nat(&self) -> Option<Problem> {
        if !self.has("nat") {
            return None;
        }
        if self.config.value("bind").is_some_and(|side| side != "host") {
            return Some(self.at("bind", "`nat` works only on the side of the host: leave `bind` out".to_owned()));
        }
        let (listen, connect) = (&self.listen, &self.connect);
        if listen.protocol != connect.protocol || listen.protocol == Protocol::Unix {
            let (from, to) = (listen.protocol.as_str(), connect.protocol.as_str());
            return Some(self.at("listen", format!("`nat` leads tcp to tcp and udp to udp, not {from} to {to}")));
        }
        let Some(address) = listen.host.filter(|address| !address.is_unspecified()) else {
            let problem = self.at("listen", "`nat` needs one address to listen on, not a wildcard".to_owned());
            return Some(problem.helping("name an address of the host, such as tcp:192.0.2.1:80"));
        };
        let is_mixed = connect.host.is_some_and(|other| other.is_ipv4() != address.is_ipv4());
        is_mixed.then(|| {
            let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let (from, to) = (family(address), family(connect.host.unwrap_or(address)));
            self.at("connect", format!("`nat` cannot lead {from} to {to}"))
        })
    }
}

fn counted(ports: u32) -> String {
    if ports == 1 { "one port".to_owned() } else { format!("{ports} ports") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(config: &[(&str, &str)]) -> Vec<String> {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check("p", &config).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn sides_fit_each_other() {
        let (listen, connect) = ("listen", "connect");
        for good in [
            &[(listen, "tcp:192.0.2.1:80-85"), (connect, "tcp:10.0.0.2:80")][..],
            &[(listen, "tcp:192.0.2.1:80-82"), (connect, "tcp:10.0.0.2:90-92"), ("nat", "true")],
            &[(listen, "unix:/run/x.sock"), (connect, "tcp:127.0.0.1:80"), ("mode", "0660")],
            &[(listen, "tcp:0.0.0.0:80"), (connect, "unix:/run/x.sock")],
        ] {
            assert_eq!(messages(good), [""; 0]);
        }
        for (bad, message) in [
            (&[(listen, "tcp:192.0.2.1:80-85"), (connect, "tcp:10.0.0.2:80-82")][..], "6 ports cannot lead to 3 ports"),
            (&[(listen, "unix:/x"), (connect, "tcp:10.0.0.2:80-82")], "one port cannot lead to 3 ports"),
            (
                &[(listen, "tcp:0.0.0.0:80"), (connect, "tcp:0.0.0.0:80"), ("nat", "true")],
                "`nat` needs one address to listen on, not a wildcard",
            ),
            (
                &[(listen, "tcp:192.0.2.1:80"), (connect, "tcp:[fd00::1]:80"), ("nat", "true")],
                "`nat` cannot lead IPv4 to IPv6",
            ),
            (
                &[(listen, "tcp:192.0.2.1:80"), (connect, "udp:10.0.0.1:80"), ("nat", "true")],
                "`nat` leads tcp to tcp and udp to udp, not tcp to udp",
            ),
            (
                &[(listen, "tcp:192.0.2.1:80"), (connect, "tcp:10.0.0.1:80"), ("nat", "true"), ("bind", "instance")],
                "`nat` works only on the side of the host: leave `bind` out",
            ),
            (
                &[(listen, "tcp:192.0.2.1:80"), (connect, "tcp:10.0.0.1:80"), ("nat", "1"), ("proxy_protocol", "1")],
                "the PROXY header cannot be sent: with `nat` nobody writes it",
            ),
            (
                &[(listen, "tcp:192.0.2.1:80"), (connect, "tcp:10.0.0.1:80"), ("uid", "0")],
                "`uid` needs a socket with a file: listen: unix:/PATH",
            ),
        ] {
            assert_eq!(messages(bad), [message]);
        }
    }
}
