//! What a network's settings ask of a machine.

use super::{NAT, NONE, cidr, local};
use crate::host::{Family, Lasting, Mode6};
use crate::kinds::network::ask::ask;
use crate::kinds::registry::actuator::Local;

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
