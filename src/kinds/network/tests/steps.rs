//! The steps from what stands to what is asked for.

use super::{NAT, NONE, cidr, local};
use crate::host::{BridgeFacts, BridgeMedium, BridgeSeen, Family, Lasting, ServiceState};
use crate::kinds::network::ask::ask;
use crate::kinds::network::steps::steps;
use crate::kinds::registry::actuator::Intent;

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
        (false, _) => ServiceState::Absent,
        (true, true) => ServiceState::AsAsked,
        (true, false) => ServiceState::Otherwise,
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
    assert_eq!(between(NAT, NAT, |seen, _| seen.rules = ServiceState::Otherwise), "load the packet rules");
    assert_eq!(between(NAT, NAT, |seen, _| seen.rules = ServiceState::Absent), "load the packet rules");
    assert_eq!(between(NAT, NAT, |seen, _| seen.service = ServiceState::Absent), "start the DHCP and DNS server");
    assert_eq!(between(NAT, NAT, |seen, _| seen.not_forwarded.push(Family::V4)), "let the machine forward IPv4");
}

#[test]
fn a_server_that_outlived_its_bridge_is_started_anew() {
    let asked = ask(&local(NAT)).expect("a bridge");
    let seen = BridgeSeen {
        service: ServiceState::AsAsked,
        rules: ServiceState::AsAsked,
        files: true,
        ..BridgeSeen::default()
    };
    let steps = listed(&steps(&asked, Intent::Present, Some(&seen)).expect("steps"));
    assert!(steps.starts_with("make the bridge;") && steps.ends_with("start the DHCP and DNS server"), "{steps}");
    assert!(!steps.contains("packet rules"), "{steps}");
}

#[test]
fn an_interface_of_somebody_else_is_neither_taken_over_nor_removed() {
    let asked = ask(&local(NAT)).expect("a bridge");
    let medium =
        BridgeMedium::Foreign { what: "an interface of kind bridge that this network did not make".to_owned() };
    let seen = BridgeSeen { medium, service: ServiceState::Otherwise, files: true, ..BridgeSeen::default() };
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
        rules: ServiceState::AsAsked,
        service: ServiceState::Otherwise,
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
