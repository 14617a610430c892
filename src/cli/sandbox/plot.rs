//! Where each member of a sandbox lives: its address, its directory, its network namespace.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::manifest::MemberSection;
use crate::model::MemberName;

/// The port of a member whose address names none.
const PORT: u16 = 8443;

/// One member of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plot {
    /// The member.
    pub name: MemberName,
    /// Where others reach it.
    pub address: SocketAddr,
    /// Its state directory.
    pub state_dir: PathBuf,
    /// Its network namespace; `None` on the machine's own loopback.
    pub namespace: Option<String>,
}

/// The kind of ground that members stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A network namespace for each.
    Namespaces,
    /// Loopback addresses, for users who are not root.
    Loopback,
}

/// Lays out the members of a manifest, or `count` members when it names none.
///
/// # Errors
/// An address that is no IP address, or one that stands twice.
pub fn lay_out(declared: &[MemberSection], count: usize, ground: Ground, room: &Path) -> Result<Vec<Plot>, Failure> {
    let mut plots = Vec::new();
    for (name, address) in addresses(declared, count)? {
        let address = match ground {
            Ground::Namespaces => address,
            Ground::Loopback => on_loopback(address),
        };
        let namespace = (ground == Ground::Namespaces).then(|| format!("{}-{name}", label(room)));
        plots.push(Plot { state_dir: room.join(name.as_str()), name, address, namespace });
    }
    Ok(plots)
}

/// The sandbox's own name, which all its namespaces begin with.
pub fn label(room: &Path) -> String {
    room.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The same text with the members' addresses as they are on the loopback.
pub fn rewrite(text: &str, declared: &[MemberSection]) -> String {
    let hosts = declared.iter().filter_map(|member| parse(member.address.as_deref()?));
    hosts.fold(text.to_owned(), |text, address| {
        text.replace(&address.ip().to_string(), &on_loopback(address).ip().to_string())
    })
}

fn addresses(declared: &[MemberSection], count: usize) -> Result<Vec<(MemberName, SocketAddr)>, Failure> {
    let mut all: Vec<(MemberName, SocketAddr)> = Vec::new();
    for section in declared {
        let name = &section.name;
        let text = section.address.as_deref().unwrap_or_default();
        let address = parse(text).ok_or_else(|| {
            Failure::usage(format!("the sandbox cannot use the address `{text}` of member {name}"))
                .hint("give each member under cluster.members an IP address, as in 10.93.0.1:8443")
        })?;
        if let Some((other, _)) = all.iter().find(|(_, taken)| taken.ip() == address.ip()) {
            return Err(Failure::usage(format!("members {other} and {name} have the same address {}", address.ip())));
        }
        all.push((name.clone(), address));
    }
    if all.is_empty() {
        let count = u8::try_from(count).ok().filter(|count| (1..=250).contains(count));
        let count = count.ok_or_else(|| Failure::usage("a sandbox has 1 to 250 members"))?;
        let member = |n: u8| (MemberName(format!("node{n}")), SocketAddr::from((Ipv4Addr::new(10, 93, 0, n), PORT)));
        all.extend((1..=count).map(member));
    }
    Ok(all)
}

fn parse(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)))
}

// 127.0.0.0/8 belongs to the machine itself, so that no interface is needed.
fn on_loopback(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => {
            let [_, b, c, d] = ip.octets();
            SocketAddr::from((Ipv4Addr::new(127, b, c, d), address.port()))
        }
        IpAddr::V6(ip) => {
            let [.., last] = ip.octets();
            SocketAddr::from((Ipv4Addr::new(127, 93, 6, last), address.port()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(members: &[(&str, &str)]) -> Vec<MemberSection> {
        let section = |name: &str, address: &str| {
            let (name, address) = (name.into(), Some(address.to_owned()));
            MemberSection { name, address, ..MemberSection::default() }
        };
        members.iter().map(|(name, address)| section(name, address)).collect()
    }

    fn laid_out(members: &[(&str, &str)], ground: Ground) -> Result<String, String> {
        let plots = lay_out(&declared(members), 2, ground, Path::new("/tmp/seedbed-1a")).map_err(|f| f.message)?;
        let line = |plot: &Plot| format!("{} {} {:?}\n", plot.name, plot.address, plot.namespace);
        Ok(plots.iter().map(line).collect())
    }

    #[test]
    fn members_of_the_manifest_get_a_namespace_each() {
        insta::assert_snapshot!(laid_out(&[("a", "10.55.60.171:8443"), ("b", "10.55.60.155")], Ground::Namespaces).expect("laid out"), @r#"
        a 10.55.60.171:8443 Some("seedbed-1a-a")
        b 10.55.60.155:8443 Some("seedbed-1a-b")
        "#);
    }

    #[test]
    fn without_root_and_without_members_there_are_loopback_addresses() {
        insta::assert_snapshot!(laid_out(&[], Ground::Loopback).expect("laid out"), @r"
        node1 127.93.0.1:8443 None
        node2 127.93.0.2:8443 None
        ");
    }

    #[test]
    fn what_is_no_address_or_stands_twice_is_refused() {
        let refused = |members: &[(&str, &str)]| laid_out(members, Ground::Loopback).expect_err("refused");
        assert_eq!(refused(&[("a", "a.example")]), "the sandbox cannot use the address `a.example` of member a");
        let twice = refused(&[("a", "10.0.0.1:1"), ("b", "10.0.0.1:2")]);
        assert_eq!(twice, "members a and b have the same address 10.0.0.1");
    }
}
