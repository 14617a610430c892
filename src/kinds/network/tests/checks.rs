//! What is wrong with a network, and what is not.

use std::collections::BTreeMap;

use super::spec;
use crate::kinds::network::{Network, NetworkSpec, NetworkType};
use crate::kinds::registry::kind::Resource;
use crate::kinds::registry::problem::Problem;
use crate::model::{Config, Key, MemberName, Severity};

fn problems(name: &str, spec: &NetworkSpec, members: &[(&str, &[(&str, &str)])]) -> Vec<Problem> {
    let members: BTreeMap<MemberName, Config> =
        members.iter().map(|(member, pairs)| ((*member).into(), pairs.iter().copied().collect())).collect();
    Network.check(&Key::new("network", name), spec, &members)
}

fn said(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}: {}", problem.code, problem.path.join("/"), problem.message)).collect()
}

#[test]
fn the_type_is_a_bridge_unless_it_is_given() {
    for text in ["{}", r#"{"type": ""}"#, r#"{"type": null, "config": null}"#, r#"{"type": "bridge"}"#] {
        let spec: NetworkSpec = serde_json::from_str(text).expect("a spec");
        assert_eq!(spec.kind, NetworkType::Bridge, "{text}");
    }
    assert!(serde_json::from_str::<NetworkSpec>(r#"{"type": "bridges"}"#).is_err());
}

#[test]
fn every_type_is_written_as_it_is_read() {
    for kind in NetworkType::ALL {
        assert_eq!(serde_json::to_value(kind).expect("a text"), kind.as_str());
    }
}

#[test]
fn only_the_type_is_fixed() {
    let bridge = NetworkSpec::default();
    let mut other = spec(&[("bridge.mtu", "1400")]);
    assert_eq!(Network.edit(&bridge, &other), []);
    other.kind = NetworkType::Macvlan;
    let problems = Network.edit(&bridge, &other);
    assert_eq!(problems[0].message, "the type of a network cannot be changed from bridge to macvlan");
}

#[test]
fn names_are_names_of_interfaces() {
    for (name, wrong) in [
        ("lxdbr0", ""),
        ("my-network", ""),
        ("a.b_c", ""),
        ("x", "at least 2"),
        ("a-name-of-sixteen", "at most 15"),
        ("br 0", "may hold"),
        ("br/0", "may hold"),
        ("-br0", "start with"),
        ("..", "directory"),
        ("lo", "loopback"),
    ] {
        let found = said(&problems(name, &spec(&[]), &[]));
        assert_eq!(found.is_empty(), wrong.is_empty(), "{name}: {found:?}");
        assert!(found.iter().all(|text| text.contains(wrong)), "{name}: {found:?}");
    }
}

#[test]
fn a_good_bridge_has_no_problems() {
    for pairs in [
        &[][..],
        &[("ipv4.address", "auto"), ("ipv6.address", "none")],
        &[("ipv4.address", "10.1.2.1/24"), ("ipv4.dhcp.ranges", "10.1.2.10-10.1.2.20, 10.1.2.30-10.1.2.40")],
        &[
            ("ipv4.address", "10.1.2.1/24"),
            ("ipv4.routes", "192.0.2.0/24,198.51.100.0/25"),
            ("ipv4.dhcp.expiry", "90m"),
        ],
        &[("ipv4.address", "10.0.0.1/31"), ("ipv4.dhcp", "false")],
        &[("ipv6.address", "fd42::1/64"), ("bridge.mtu", "1280"), ("bridge.hwaddr", "00:16:3e:00:00:01")],
        &[("dns.mode", "dynamic"), ("dns.domain", "vm.lab.internal"), ("dns.search", "a.b,c")],
    ] {
        assert_eq!(
            said(&problems("br0", &spec(pairs), &[("m1", &[("bridge.external_interfaces", "eth1,eth2")])])),
            [""; 0]
        );
    }
}

/// Settings, and the one problem that they have.
const WRONG: &[(&[(&str, &str)], &str)] = &[
    (
        &[("ipv4.address", "10.1.2.1")],
        "SB042 config/ipv4.address: `10.1.2.1` is no IPv4 address with a prefix, such as 10.1.2.1/24",
    ),
    (
        &[("ipv4.address", "fd42::1/64")],
        "SB042 config/ipv4.address: `fd42::1/64` is no IPv4 address with a prefix, such as 10.1.2.1/24",
    ),
    (
        &[("ipv4.address", "10.1.2.0/24")],
        "SB042 config/ipv4.address: `10.1.2.0/24` is the address of the subnet itself: no host can have it",
    ),
    (
        &[("ipv4.address", "10.1.2.255/24")],
        "SB042 config/ipv4.address: `10.1.2.255/24` is the broadcast address of its subnet: no host can have it",
    ),
    (&[("ipv4.address", "127.0.0.2/8")], "SB042 config/ipv4.address: `127.0.0.2/8` cannot be the address of a bridge"),
    (
        &[("ipv6.address", "10.1.2.1/24")],
        "SB042 config/ipv6.address: `10.1.2.1/24` is no IPv6 address with a prefix, such as fd42:1:2:3::1/64",
    ),
    (
        &[("ipv4.address", "10.1.2.1/24"), ("ipv4.dhcp.ranges", "10.1.3.2-10.1.3.9")],
        "SB043 config/ipv4.dhcp.ranges: 10.1.3.2-10.1.3.9 does not lie in 10.1.2.0/24",
    ),
    (
        &[("ipv4.dhcp.ranges", "10.1.3.9-10.1.3.2")],
        "SB043 config/ipv4.dhcp.ranges: `10.1.3.9-10.1.3.2` ends before it starts",
    ),
    (
        &[("ipv4.dhcp.ranges", "10.1.3.9")],
        "SB043 config/ipv4.dhcp.ranges: `10.1.3.9` is no range of IPv4 addresses: write FIRST-LAST",
    ),
    (
        &[("ipv4.dhcp.ranges", "10.1.3.1-10.1.3.9,10.1.3.9-10.1.3.12")],
        "SB043 config/ipv4.dhcp.ranges: the ranges 10.1.3.1-10.1.3.9 and 10.1.3.9-10.1.3.12 overlap",
    ),
    (
        &[("ipv4.dhcp.expiry", "soon")],
        "SB043 config/ipv4.dhcp.expiry: `soon` is no time: write a number with s, m, h, d or w after it, or infinite",
    ),
    (&[("ipv4.routes", "192.0.2.1/24")], "SB042 config/ipv4.routes: `192.0.2.1/24` is no subnet: write 192.0.2.0/24"),
    (
        &[("ipv4.address", "10.1.2.1/16"), ("ipv4.routes", "10.1.9.0/24")],
        "SB042 config/ipv4.routes: 10.1.9.0/24 overlaps 10.1.0.0/16, which the bridge has already",
    ),
    (&[("ipv4.nat.address", "fd42::1")], "SB044 config/ipv4.nat.address: `fd42::1` is not an IPv4 address"),
    (&[("ipv4.nat.order", "first")], "SB046 config/ipv4.nat.order: `first` is none of before, after"),
    (&[("ipv4.dhcp.gateway", "gw")], "SB044 config/ipv4.dhcp.gateway: `gw` is not an IPv4 address"),
    (&[("bridge.mtu", "70000")], "SB044 config/bridge.mtu: `70000` is not a number of bytes from 68 to 65535"),
    (
        &[("bridge.mtu", "1000"), ("ipv6.address", "auto")],
        "SB044 config/bridge.mtu: `1000` is not a number of bytes from 1280 to 65535",
    ),
    (
        &[("bridge.hwaddr", "01:16:3e:00:00:01")],
        "SB044 config/bridge.hwaddr: `01:16:3e:00:00:01` is not the hardware address of one host, such as 00:16:3e:12:34:56",
    ),
    (&[("bridge.driver", "ovs")], "SB046 config/bridge.driver: `ovs` is none of native, openvswitch"),
    (&[("dns.mode", "off")], "SB046 config/dns.mode: `off` is none of managed, dynamic, none"),
    (&[("dns.domain", "a b")], "SB046 config/dns.domain: `a b` is no domain name"),
    (&[("bridge.external_interfaces", "eth1,eth1")], "SB045 config/bridge.external_interfaces: `eth1` is named twice"),
    (
        &[("bridge.external_interfaces", "br0")],
        "SB045 config/bridge.external_interfaces: the bridge `br0` cannot be attached to itself",
    ),
    (
        &[("security.acls", "web")],
        "SB047 config/security.acls: network ACLs are not supported, and a bridge without them would be open",
    ),
    (
        &[("bridge.mode", "fan")],
        "SB047 config/bridge.mode: fan bridges are not supported: they need a kernel that only Ubuntu builds",
    ),
    (
        &[("bridge.driver", "openvswitch")],
        "SB047 config/bridge.driver: bridges of Open vSwitch are not supported: use native",
    ),
    (&[("tunnel.a.protocol", "vxlan")], "SB047 config/tunnel.a.protocol: tunnels are not supported"),
];

#[test]
fn every_wrong_value_is_found() {
    for (pairs, wanted) in WRONG {
        let found = problems("br0", &spec(pairs), &[]);
        assert_eq!(said(&found), [*wanted]);
        assert_eq!(found[0].severity, Severity::Error, "{pairs:?}");
    }
}

#[test]
fn names_that_the_kernel_keeps_for_itself_are_refused() {
    for name in ["all", "default", "lo"] {
        let found = problems(name, &spec(&[]), &[]);
        assert!(
            said(&found)[0].starts_with(&format!("SB040 name: `{name}` cannot be the name of a network: ")),
            "{name}"
        );
    }
}

#[test]
fn the_interfaces_of_each_member_are_checked() {
    let found = problems(
        "br0",
        &spec(&[]),
        &[("m1", &[("bridge.external_interfaces", "eth1")]), ("m2", &[("bridge.external_interfaces", "e")])],
    );
    assert_eq!(
        said(&found),
        ["SB045 members/m2/bridge.external_interfaces: `e` is no name of an interface: it needs at least 2 characters"]
    );
}

#[test]
fn what_lxd_takes_and_has_no_effect_here_is_a_warning() {
    for pairs in [[("bgp.peers.a.address", "10.0.0.1")], [("ipv4.ovn.ranges", "10.0.0.1-10.0.0.9")]] {
        let found = problems("br0", &spec(&pairs), &[]);
        assert_eq!(found.len(), 1, "{pairs:?}");
        assert_eq!(found[0].severity, Severity::Warning, "{pairs:?}");
    }
}

#[test]
fn other_types_need_an_interface_of_every_named_member() {
    for kind in [NetworkType::Macvlan, NetworkType::Sriov, NetworkType::Physical] {
        let spec = NetworkSpec { kind, ..spec(&[("vlan", "5000")]) };
        let found = said(&problems("up0", &spec, &[("m1", &[("parent", "eth0")]), ("m2", &[])]));
        let needs =
            format!("SB045 members/m2: a network of type {} needs the member's interface in `parent`", kind.as_str());
        assert_eq!(found, [needs.as_str(), "SB044 config/vlan: `5000` is not a VLAN: write a number from 0 to 4094"]);
    }
    let ovn = NetworkSpec { kind: NetworkType::Ovn, ..spec(&[]) };
    assert_eq!(said(&problems("ovn0", &ovn, &[])), ["SB050 type: networks of type ovn are not supported"]);
}

#[test]
fn a_bridge_belongs_to_no_project_of_its_own() {
    let key = Key::in_project("network", &"staging".into(), "br0");
    let found = Network.check(&key, &spec(&[]), &BTreeMap::new());
    assert_eq!(said(&found), ["SB048 type: a network of type bridge cannot be in the project `staging`"]);
}
