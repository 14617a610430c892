//! What is wrong with a network by itself, beyond what the key table tells.

use std::collections::BTreeMap;

use super::raw;
use super::settings::{Settings, Wrong, interface_fault, of};
use super::{NetworkSpec, NetworkType};
use crate::host::{Cidr, Family};
use crate::kinds::registry::problem::Problem;
use crate::model::{Config, Key, MemberName};

/// Names that no interface can be made under.
const RESERVED: [(&str, &str); 3] = [
    ("all", "the kernel keeps it for the settings of all interfaces (net.ipv4.conf.all)"),
    ("default", "the kernel keeps it for the settings of new interfaces (net.ipv4.conf.default)"),
    ("lo", "it is the loopback interface of every member"),
];

/// Every problem of a network.
pub fn check(key: &Key, spec: &NetworkSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
    let mut problems = named(key, spec);
    match spec.kind {
        NetworkType::Bridge => problems.extend(bridge(key, &spec.config, members)),
        NetworkType::Macvlan | NetworkType::Sriov | NetworkType::Physical => problems.extend(parents(spec, members)),
        NetworkType::Ovn => problems.push(
            Problem::at_value("SB050", &["type"], "networks of type ovn are not supported")
                .noting("needs Open vSwitch and an OVN control plane on every member")
                .helping("use type: bridge, and bridge.external_interfaces to connect the members"),
        ),
    }
    problems
}

fn named(key: &Key, spec: &NetworkSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    // The other types make no interface of that name.
    let is_reserved = |name: &str| name == key.name && (spec.kind == NetworkType::Bridge || name == "lo");
    if let Some(fault) = interface_fault(&key.name) {
        let message = format!("`{}` cannot be the name of a network: {fault}", key.name);
        problems
            .push(Problem::at_value("SB040", &["name"], message).noting("the interface is named after the network"));
    } else if let Some((_, what)) = RESERVED.iter().find(|(name, _)| is_reserved(name)) {
        let message = format!("`{}` cannot be the name of a network: {what}", key.name);
        problems.push(Problem::at_value("SB040", &["name"], message));
    }
    if !key.project.is_default() && spec.kind != NetworkType::Ovn {
        let message = format!("a network of type {} cannot be in the project `{}`", spec.kind.as_str(), key.project);
        problems.push(
            Problem::at_value("SB048", &["type"], message)
                .helping("put it into the project `default`; interfaces of a machine belong to no project"),
        );
    }
    problems
}

fn bridge(key: &Key, config: &Config, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
    let settings = Settings(config);
    let mut problems: Vec<Problem> = wrong_values(settings).into_iter().map(in_config).collect();
    problems.extend(port_problems(key, settings, &["config"]));
    for (member, own) in members {
        problems.extend(port_problems(key, Settings(own), &["members", member.as_str()]));
    }
    problems.extend([Family::V4, Family::V6].into_iter().flat_map(|family| subnets(settings, family)));
    problems.extend(unsupported(config));
    problems.extend(unrealised(config));
    problems.extend(raw_settings(config));
    problems
}

fn raw_settings(config: &Config) -> Option<Problem> {
    let fault = raw::fault(config.value("raw.dnsmasq")?)?;
    let problem = Problem::at_value("SB051", &["config", "raw.dnsmasq"], fault);
    Some(problem.helping("dnsmasq starts as root on every member: settings for names, addresses and options are taken"))
}

fn in_config(wrong: Wrong) -> Problem {
    Problem::at_value(wrong.code, &["config", &wrong.key], wrong.message)
}

fn wrong_values(settings: Settings<'_>) -> Vec<Wrong> {
    let of_family = |family| {
        [
            settings.address(family).err(),
            settings.routes(family).err(),
            settings.ranges(family).err(),
            settings.expiry(family).err(),
            settings.nat_address(family).err(),
            settings.among(&of(family, "nat.order"), &["before", "after"]).err(),
        ]
    };
    let others = [
        settings.gateway().err(),
        settings.mtu().err(),
        settings.hwaddr().err(),
        settings.domain().err(),
        settings.search().err(),
        settings.nameservers().err(),
        settings.dhcp_routes().err(),
        settings.answers_names().err(),
        settings.among("bridge.driver", &["native", "openvswitch"]).err(),
        settings.among("bridge.mode", &["standard", "fan"]).err(),
    ];
    of_family(Family::V4).into_iter().chain(of_family(Family::V6)).chain(others).flatten().collect()
}

fn port_problems(key: &Key, settings: Settings<'_>, at: &[&str]) -> Vec<Problem> {
    let path: Vec<&str> = at.iter().copied().chain(["bridge.external_interfaces"]).collect();
    match settings.ports() {
        Err(wrong) => vec![Problem::at_value(wrong.code, &path, wrong.message)],
        Ok(ports) if ports.contains(&key.name) => {
            vec![Problem::at_value("SB045", &path, format!("the bridge `{}` cannot be attached to itself", key.name))]
        }
        Ok(_) => Vec::new(),
    }
}

fn subnets(settings: Settings<'_>, family: Family) -> Vec<Problem> {
    let (Ok(address), Ok(routes), Ok(ranges)) =
        (settings.address(family), settings.routes(family), settings.ranges(family))
    else {
        return Vec::new();
    };
    let mut problems = overlapping(family, address, &routes);
    let apart = |one: &(_, _), other: &(_, _)| one.1 < other.0 || other.1 < one.0;
    let pairs = ranges.iter().enumerate().flat_map(|(at, one)| ranges[..at].iter().map(move |other| (other, one)));
    for (one, other) in pairs.filter(|(one, other)| !apart(one, other)) {
        let message = format!("the ranges {}-{} and {}-{} overlap", one.0, one.1, other.0, other.1);
        problems.push(Problem::at_value("SB043", &["config", &of(family, "dhcp.ranges")], message));
    }
    problems.extend(address.and_then(|address| small(settings, address)));
    problems
}

fn overlapping(family: Family, address: Option<Cidr>, routes: &[Cidr]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, route) in routes.iter().enumerate() {
        let others = routes[..position].iter().copied().chain(address);
        if let Some(other) = others.into_iter().find(|other| other.overlaps(*route)) {
            let message = format!("{route} overlaps {}, which the bridge has already", other.subnet());
            problems.push(Problem::at_value("SB042", &["config", &of(family, "routes")], message));
        }
    }
    problems
}

// Addresses that nobody can be given are no error: LXD takes them too.
fn small(settings: Settings<'_>, address: Cidr) -> Option<Problem> {
    let family = address.family();
    if !settings.flag(&of(family, "dhcp"), true) {
        return None;
    }
    let note = match family {
        Family::V4 if address.prefix > 30 => "the subnet has no room for DHCP: no addresses are given out",
        Family::V6 if address.prefix != 64 && !settings.flag("ipv6.dhcp.stateful", false) => {
            "only in a /64 can clients make their own addresses"
        }
        Family::V4 | Family::V6 => return None,
    };
    let key = of(family, "address");
    let problem = Problem::at_value("SB043", &["config", &key], note).as_warning();
    Some(match family {
        Family::V4 => problem.helping("set ipv4.dhcp: false to say that this is meant"),
        Family::V6 => problem.helping("set ipv6.dhcp.stateful: true to give addresses out by DHCP"),
    })
}

/// What a bridge of this version cannot be. Members report it as a lasting failure.
pub fn unsupported(config: &Config) -> Vec<Problem> {
    let at = |key: &str, message: &str| Problem::at_value("SB047", &["config", key], message);
    let mut problems = Vec::new();
    if config.value("bridge.mode") == Some("fan") {
        problems.push(at("bridge.mode", "fan bridges are not supported: they need a kernel that only Ubuntu builds"));
    }
    if config.value("bridge.driver") == Some("openvswitch") {
        problems.push(at("bridge.driver", "bridges of Open vSwitch are not supported: use native"));
    }
    if config.value("security.acls").is_some() {
        problems.push(at("security.acls", "network ACLs are not supported, and a bridge without them would be open"));
    }
    let tunnels = config.keys().filter(|key| key.starts_with("tunnel."));
    problems.extend(tunnels.map(|key| at(key, "tunnels are not supported")));
    problems
}

fn unrealised(config: &Config) -> Vec<Problem> {
    let is_record =
        |key: &&String| key.starts_with("bgp.") || key.starts_with("dns.zone.") || key.ends_with(".ovn.ranges");
    let warn = |key: &String| {
        Problem::at_key("SB047", &["config", key], format!("`{key}` is kept and has no effect on bridges")).as_warning()
    };
    config.keys().filter(is_record).map(warn).collect()
}

fn parents(spec: &NetworkSpec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
    let shared = spec.config.value("parent");
    let mut problems = Vec::new();
    for (member, own) in members {
        let path = ["members", member.as_str(), "parent"];
        match own.value("parent").or(shared) {
            None => problems.push(Problem::at_value(
                "SB045",
                &path[..2],
                format!("a network of type {} needs the member's interface in `parent`", spec.kind.as_str()),
            )),
            Some(parent) => problems.extend(interface_fault(parent).map(|fault| {
                Problem::at_value("SB045", &path, format!("`{parent}` is no name of an interface: {fault}"))
            })),
        }
    }
    let vlan = spec.config.value("vlan").filter(|text| !text.parse().is_ok_and(|id: u16| id < 4095));
    problems.extend(vlan.map(|text| {
        Problem::at_value(
            "SB044",
            &["config", "vlan"],
            format!("`{text}` is not a VLAN: write a number from 0 to 4094"),
        )
    }));
    problems
}
