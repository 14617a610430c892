//! Checks, choices, asks and steps of networks, as tables.

use std::collections::BTreeMap;

use super::ask::ask;
use super::steps::steps;
use super::{Network, NetworkSpec, NetworkType};
use crate::host::fake::FakeHost;
use crate::host::{BridgeFacts, BridgeMedium, BridgeSeen, Cidr, Family, HostError, Lasting, Link, Mode6, Standing};
use crate::kinds::kind::{Completion, Dice, Resource};
use crate::kinds::node::{AnyNode, Intent, Local, Outcome, Work};
use crate::kinds::problem::Problem;
use crate::model::{
    ClusterState, Config, Generation, Key, MemberName, Object, Phase, Revision, Rollout, Severity, Spec, Timestamp,
};

fn spec(pairs: &[(&str, &str)]) -> NetworkSpec {
    NetworkSpec { config: pairs.iter().copied().collect(), ..NetworkSpec::default() }
}

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
];

#[test]
fn every_wrong_value_is_found() {
    for (pairs, wanted) in WRONG {
        assert_eq!(said(&problems("br0", &spec(pairs), &[])), [*wanted]);
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
fn what_lxd_takes_and_this_version_does_not_build_is_a_warning() {
    for pairs in [
        [("bridge.mode", "fan")],
        [("bridge.driver", "openvswitch")],
        [("tunnel.a.protocol", "vxlan")],
        [("bgp.peers.a.address", "10.0.0.1")],
        [("ipv4.ovn.ranges", "10.0.0.1-10.0.0.9")],
    ] {
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

/// Dice that show these numbers in turn, for ever.
struct Loaded(Vec<u64>, usize);

impl Dice for Loaded {
    fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        self.0[(self.1 - 1) % self.0.len()] % bound
    }
}

fn object(kind: &str, name: &str, spec: Spec) -> Object {
    Object {
        key: Key::new(kind, name),
        uid: Revision(1),
        generation: Generation(1),
        phase: Phase::Created,
        rollout: Rollout::EveryMember,
        spec,
        applied: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        placements: BTreeMap::new(),
    }
}

fn network(name: &str, pairs: &[(&str, &str)]) -> Object {
    let mut stored = Spec::default();
    stored.set_config(&pairs.iter().copied().collect());
    object("network", name, stored)
}

fn completed(pairs: &[(&str, &str)], stored: Vec<Object>, throws: &[u64]) -> Vec<String> {
    let state = ClusterState {
        revision: Revision(1),
        objects: stored.into_iter().map(|object| (object.key.clone(), object)).collect(),
    };
    let mut spec = spec(pairs);
    let key = Key::new("network", "br0");
    let mut dice = Loaded(throws.to_vec(), 0);
    Network.complete(&mut spec, &mut Completion { key: &key, state: &state, dice: &mut dice });
    spec.config.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn missing_and_automatic_addresses_are_chosen_with_address_translation() {
    for pairs in [&[][..], &[("ipv4.address", "auto"), ("ipv6.address", "auto")], &[("ipv4.address", "")]] {
        assert_eq!(
            completed(pairs, Vec::new(), &[7]),
            ["ipv4.address=10.7.7.1/24", "ipv4.nat=true", "ipv6.address=fd42:7:7:7::1/64", "ipv6.nat=true"]
        );
    }
    assert_eq!(completed(&[("ipv4.address", "none"), ("ipv6.address", "none")], Vec::new(), &[7]).len(), 2);
    assert_eq!(
        completed(&[("ipv4.nat", "false"), ("ipv6.address", "none")], Vec::new(), &[7]),
        ["ipv4.address=10.7.7.1/24", "ipv4.nat=false", "ipv6.address=none"]
    );
}

#[test]
fn chosen_subnets_keep_clear_of_networks_and_members() {
    let wide = network("other", &[("ipv4.address", "10.7.0.1/16"), ("ipv4.routes", "10.8.8.0/24")]);
    let mut member = Spec::default();
    member.0.insert("address".to_owned(), "10.9.9.4:8443".into());
    let member = object(Key::MEMBER, "m1", member);
    let throws = [7, 1, 8, 8, 9, 9, 5, 6];
    assert_eq!(
        completed(&[("ipv6.address", "none")], vec![wide, member], &throws),
        ["ipv4.address=10.5.6.1/24", "ipv4.nat=true", "ipv6.address=none"]
    );
}

#[test]
fn what_was_chosen_once_stays() {
    let own = || vec![network("br0", &[("ipv4.address", "10.3.3.1/24"), ("ipv6.address", "none")])];
    let kept = ["ipv4.address=10.3.3.1/24", "ipv6.address=none"];
    assert_eq!(completed(&[], own(), &[7]), kept);
    assert_eq!(completed(&[("ipv4.address", "auto")], own(), &[7]), kept);
    let anew = completed(&[("ipv6.address", "auto")], own(), &[7]);
    assert_eq!(anew[1..], ["ipv6.address=fd42:7:7:7::1/64", "ipv6.nat=true"]);
}

fn local(pairs: &[(&str, &str)]) -> Local<NetworkSpec> {
    Local {
        key: Key::new("network", "br0"),
        uid: Revision(7),
        member: "m1".into(),
        spec: spec(pairs),
        config: Config::default(),
        known: false,
    }
}

fn cidr(text: &str) -> Cidr {
    text.parse().expect("an address with a prefix")
}

const NAT: &[(&str, &str)] = &[("ipv4.address", "10.1.2.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none")];
const NONE: &[(&str, &str)] = &[("ipv4.address", "none"), ("ipv6.address", "none")];

#[test]
fn a_bridge_without_addresses_needs_no_programs() {
    let asked = ask(&local(NONE)).expect("a bridge");
    assert_eq!((asked.rules, asked.service, asked.forward), (None, None, Vec::new()));
    assert_eq!((asked.mtu, asked.ipv6), (1500, false));
}

#[test]
fn the_usual_bridge_asks_for_rules_and_a_server() {
    let asked = ask(&local(NAT)).expect("a bridge");
    assert_eq!(asked.addresses, [cidr("10.1.2.1/24")]);
    assert_eq!(asked.forward, [Family::V4]);
    let rules = asked.rules.expect("rules");
    assert_eq!(rules.ipv4.nat.expect("translation").subnet, cidr("10.1.2.0/24"));
    let dhcp = asked.service.expect("a server").ipv4.expect("IPv4").dhcp.expect("addresses");
    let (first, last) = dhcp.ranges[0];
    assert_eq!(format!("{first}-{last} {}", dhcp.expiry), "10.1.2.2-10.1.2.254 1h");
}

#[test]
fn switches_take_parts_away() {
    for (key, value, left) in [
        ("ipv4.nat", "false", [false, true, true, true]),
        ("ipv4.firewall", "false", [true, false, true, true]),
        ("ipv4.dhcp", "false", [true, true, false, true]),
        ("dns.mode", "none", [true, true, true, false]),
    ] {
        let mut local = local(NAT);
        local.spec.config.insert(key.to_owned(), value.to_owned());
        let asked = ask(&local).expect("a bridge");
        let (rules, service) = (asked.rules.expect("rules").ipv4, asked.service.expect("a server"));
        let has_dhcp = service.ipv4.is_some_and(|serve| serve.dhcp.is_some());
        assert_eq!([rules.nat.is_some(), rules.filter.is_some(), has_dhcp, service.dns.is_some()], left, "{key}");
    }
    let quiet = [NAT, &[("ipv4.dhcp", "false"), ("dns.mode", "none")]].concat();
    assert_eq!(ask(&local(&quiet)).expect("a bridge").service, None);
    let isolated = [NAT, &[("ipv4.routing", "false")]].concat();
    assert_eq!(ask(&local(&isolated)).expect("a bridge").forward, []);
}

#[test]
fn ipv6_clients_come_by_addresses_as_they_are_told() {
    let mode = |pairs: &[(&str, &str)]| {
        let pairs = [&[("ipv6.address", "fd42::1/64")][..], pairs].concat();
        ask(&local(&pairs)).expect("a bridge").service.expect("a server").ipv6.expect("IPv6").mode
    };
    assert_eq!(mode(&[]), Mode6::Stateless);
    assert_eq!(mode(&[("ipv6.dhcp", "false")]), Mode6::Announced);
    assert!(matches!(mode(&[("ipv6.dhcp.stateful", "true")]), Mode6::Stateful { .. }));
}

#[test]
fn hardware_addresses_are_fixed_and_differ_between_members() {
    let one = local(NONE);
    let other = Local { member: "m2".into(), ..local(NONE) };
    let [one, again, other] = [&one, &one, &other].map(|local| ask(local).expect("a bridge").hwaddr);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.to_string().starts_with("00:16:3e:"));
}

#[test]
fn what_cannot_be_built_stalls_and_says_so() {
    let error = ask(&local(&[("bridge.mode", "fan")])).expect_err("no fan bridges");
    assert_eq!((error.reason, error.lasting), ("Unsupported", Lasting::UntilMended));
}

/// The steps from a bridge that is as `have` asks to one that is as `want` asks, with the differences of `change`.
fn between(
    have: &[(&str, &str)],
    want: &[(&str, &str)],
    change: impl FnOnce(&mut BridgeSeen, &mut BridgeFacts),
) -> String {
    let (have, want) = (ask(&local(have)).expect("a bridge"), ask(&local(want)).expect("a bridge"));
    let mut facts = BridgeFacts {
        mtu: have.mtu,
        hwaddr: have.hwaddr,
        up: true,
        ipv6: have.ipv6,
        addresses: have.addresses.clone(),
        routes: have.routes.clone(),
        ports: have.ports.clone(),
    };
    let standing = |have: bool, same: bool| match (have, same) {
        (false, _) => Standing::Absent,
        (true, true) => Standing::AsAsked,
        (true, false) => Standing::Otherwise,
    };
    let mut seen = BridgeSeen {
        rules: standing(have.rules.is_some(), have.rules == want.rules),
        service: standing(have.service.is_some(), have.service == want.service),
        ..BridgeSeen::default()
    };
    change(&mut seen, &mut facts);
    seen.medium = BridgeMedium::Ours(facts);
    listed(&steps(&want, Intent::Present, Some(&seen)).expect("steps"))
}

fn listed<T: ToString>(steps: &[T]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_new_bridge_is_built_from_the_ground_up() {
    let asked = ask(&local(&[NAT, &[("bridge.external_interfaces", "eth1")]].concat())).expect("a bridge");
    let steps = steps(&asked, Intent::Present, None).expect("steps");
    insta::assert_snapshot!(listed(&steps).replace("; ", "\n"), @r#"
    make the bridge
    switch IPv6 off
    switch it on
    add the address 10.1.2.1/24
    let the machine forward IPv4
    load the packet rules
    start the DHCP and DNS server
    attach the interface eth1
    set the mtu to 1500
    "#);
    let plain = ask(&local(NONE)).expect("a bridge");
    let steps = super::steps::steps(&plain, Intent::Present, None).expect("steps");
    assert_eq!(listed(&steps), "make the bridge; switch IPv6 off; switch it on");
}

#[test]
fn only_what_differs_is_changed() {
    let same = |_: &mut BridgeSeen, _: &mut BridgeFacts| {};
    assert_eq!(between(NAT, NAT, same), "");
    assert_eq!(between(NONE, NONE, same), "");
    let mtu = [NAT, &[("bridge.mtu", "1400")]].concat();
    assert_eq!(between(NAT, &mtu, same), "set the mtu to 1400; start the DHCP and DNS server");
    assert_eq!(between(&mtu, NAT, same), "set the mtu to 1500; start the DHCP and DNS server");
    let moved = [&[("ipv4.address", "10.9.9.1/24")][..], &NAT[1..]].concat();
    assert_eq!(
        between(NAT, &moved, same),
        "take away the address 10.1.2.1/24; add the address 10.9.9.1/24; load the packet rules; start the DHCP and DNS server"
    );
    assert_eq!(
        between(NAT, NONE, same),
        "take away the address 10.1.2.1/24; take away the packet rules; stop the DHCP and DNS server"
    );
    let routed = [NAT, &[("ipv4.routes", "192.0.2.0/24")]].concat();
    assert_eq!(between(NAT, &routed, same), "add a route to 192.0.2.0/24");
    assert_eq!(between(&routed, NAT, same), "take away the route to 192.0.2.0/24");
    let hwaddr = [NONE, &[("bridge.hwaddr", "00:16:3e:00:00:01")]].concat();
    assert_eq!(between(NONE, &hwaddr, same), "set the hardware address to 00:16:3e:00:00:01");
    let ported = [NONE, &[("bridge.external_interfaces", "eth1")]].concat();
    assert_eq!(between(NONE, &ported, same), "attach the interface eth1; set the mtu to 1500");
    assert_eq!(between(&ported, NONE, same), "detach the interface eth1");
    let both = [NONE[0], ("ipv6.address", "fd42::1/64")];
    assert!(between(NONE, &both, same).starts_with("switch IPv6 on; add the address fd42::1/64"));
}

#[test]
fn drift_is_mended() {
    assert_eq!(between(NAT, NAT, |_, facts| facts.up = false), "switch it on");
    assert_eq!(between(NAT, NAT, |_, facts| facts.ipv6 = true), "switch IPv6 off");
    assert_eq!(between(NAT, NAT, |_, facts| facts.addresses.clear()), "add the address 10.1.2.1/24");
    let stranger = "take away the address 10.8.8.8/24";
    assert_eq!(between(NAT, NAT, |_, facts| facts.addresses.push(cidr("10.8.8.8/24"))), stranger);
    assert_eq!(between(NAT, NAT, |seen, _| seen.rules = Standing::Otherwise), "load the packet rules");
    assert_eq!(between(NAT, NAT, |seen, _| seen.rules = Standing::Absent), "load the packet rules");
    assert_eq!(between(NAT, NAT, |seen, _| seen.service = Standing::Absent), "start the DHCP and DNS server");
    assert_eq!(between(NAT, NAT, |seen, _| seen.not_forwarded.push(Family::V4)), "let the machine forward IPv4");
}

#[test]
fn a_server_that_outlived_its_bridge_is_started_anew() {
    let asked = ask(&local(NAT)).expect("a bridge");
    let seen =
        BridgeSeen { service: Standing::AsAsked, rules: Standing::AsAsked, files: true, ..BridgeSeen::default() };
    let steps = listed(&steps(&asked, Intent::Present, Some(&seen)).expect("steps"));
    assert!(steps.starts_with("make the bridge;") && steps.ends_with("start the DHCP and DNS server"), "{steps}");
    assert!(!steps.contains("packet rules"), "{steps}");
}

#[test]
fn an_interface_of_somebody_else_is_neither_taken_over_nor_removed() {
    let asked = ask(&local(NAT)).expect("a bridge");
    let medium =
        BridgeMedium::Foreign { what: "an interface of kind bridge that this network did not make".to_owned() };
    let seen = BridgeSeen { medium, service: Standing::Otherwise, files: true, ..BridgeSeen::default() };
    let error = steps(&asked, Intent::Present, Some(&seen)).expect_err("it is taken");
    insta::assert_snapshot!(error, @"make the bridge `br0`: `br0` exists already: an interface of kind bridge that this network did not make; name the network otherwise, or remove the interface: ip link delete br0");
    assert_eq!((error.reason, error.lasting), ("InterfaceTaken", Lasting::UntilMended));
    let left = steps(&asked, Intent::Absent, Some(&seen)).expect("steps");
    assert_eq!(listed(&left), "stop the DHCP and DNS server; remove its files");
}

#[test]
fn removal_takes_everything_down_and_nothing_twice() {
    let asked = ask(&local(NAT)).expect("a bridge");
    let medium = BridgeMedium::Ours(BridgeFacts::default());
    let seen = BridgeSeen {
        medium,
        rules: Standing::AsAsked,
        service: Standing::Otherwise,
        files: true,
        ..BridgeSeen::default()
    };
    let all = steps(&asked, Intent::Absent, Some(&seen)).expect("steps");
    assert_eq!(
        listed(&all),
        "stop the DHCP and DNS server; take away the packet rules; remove the bridge; remove its files"
    );
    assert_eq!(steps(&asked, Intent::Absent, None).expect("steps"), []);
}

fn work(pairs: &[(&str, &str)], intent: Intent) -> Work {
    let Local { key, uid, member, spec, config, known } = local(pairs);
    let value = serde_json::to_value(spec).expect("JSON");
    let spec = Spec(value.as_object().expect("an object").clone());
    Work { local: Local { key, uid, member, spec, config, known }, intent }
}

async fn converge(fake: &FakeHost, work: &Work) -> Outcome {
    super::node::NetworkNode.converge(&fake.host(), work).await
}

#[tokio::test]
async fn a_fake_machine_converges_changes_and_lets_go() {
    let fake = FakeHost::new();
    let first = [NAT, &[("bridge.external_interfaces", "eth1")]].concat();
    for pairs in [&first[..], NAT, NONE, &first[..]] {
        let outcome = converge(&fake, &work(pairs, Intent::Present)).await;
        assert!(matches!(outcome, Outcome::Converged { .. }), "{outcome:?}");
    }
    assert_eq!(fake.network.facts("br0").expect("a bridge").ports, ["eth1"]);
    let gone = converge(&fake, &work(NAT, Intent::Absent)).await;
    assert!(matches!(gone, Outcome::Gone), "{gone:?}");
    assert_eq!(fake.network.facts("br0"), None);
}

#[tokio::test]
async fn failures_stop_the_attempt_and_the_next_one_goes_on() {
    let fake = FakeHost::new();
    fake.fail("network.load-rules", "br0", 1, HostError::passing("load the rules", "Broken", "for a test"));
    let outcome = converge(&fake, &work(NAT, Intent::Present)).await;
    assert!(matches!(&outcome, Outcome::Failed(error) if error.reason == "Broken"), "{outcome:?}");
    assert!(fake.network.facts("br0").expect("a bridge").up, "what came before the failure stays");
    let outcome = converge(&fake, &work(NAT, Intent::Present)).await;
    assert!(matches!(outcome, Outcome::Converged { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_missing_or_used_port_leaves_the_rest_of_the_bridge_working() {
    let fake = FakeHost::new();
    for (port, reason) in [("eth9", "InterfaceMissing"), ("eth0", "InterfaceInUse")] {
        let used = crate::host::LinkAddress { cidr: cidr("192.0.2.4/24"), scope: crate::host::Reach::Global };
        fake.network.plug(Link { name: "eth0".to_owned(), addresses: vec![used], ..Link::default() });
        let work = work(&[NAT, &[("bridge.external_interfaces", port)]].concat(), Intent::Present);
        let outcome = converge(&fake, &work).await;
        assert!(matches!(&outcome, Outcome::Failed(error) if error.reason == reason), "{outcome:?}");
        assert_eq!(fake.network.facts("br0").expect("a bridge").addresses, [cidr("10.1.2.1/24")]);
    }
}

#[tokio::test]
async fn other_types_ask_only_for_the_interface_of_the_member() {
    let fake = FakeHost::new();
    let mut work = work(&[], Intent::Present);
    work.local.spec.0.insert("type".to_owned(), "macvlan".into());
    for (parent, reason) in [("", "ParentMissing"), ("eth7", "ParentMissing")] {
        work.local.config = Config::from([("parent", parent)]);
        let outcome = converge(&fake, &work).await;
        assert!(matches!(&outcome, Outcome::Failed(error) if error.reason == reason), "{outcome:?}");
    }
    work.local.config = Config::from([("parent", "eth0")]);
    assert!(matches!(converge(&fake, &work).await, Outcome::Converged { .. }));
    work.intent = Intent::Absent;
    assert!(matches!(converge(&fake, &work).await, Outcome::Gone));
}

#[tokio::test]
async fn a_bridge_whose_settings_cannot_be_read_can_still_be_removed() {
    let fake = FakeHost::new();
    assert!(matches!(converge(&fake, &work(NAT, Intent::Present)).await, Outcome::Converged { .. }));
    let broken = [("ipv4.address", "nonsense")];
    assert!(matches!(converge(&fake, &work(&broken, Intent::Present)).await, Outcome::Failed(_)));
    assert!(matches!(converge(&fake, &work(&broken, Intent::Absent)).await, Outcome::Gone));
    assert_eq!(fake.network.facts("br0"), None);
}
