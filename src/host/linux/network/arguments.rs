//! The arguments of `dnsmasq` for one bridge. Pure: the same service always gives the same arguments.

use std::path::Path;

use crate::host::{Dhcp4, Mode6, Serve4, Serve6, Service};

/// The files of the server, in the directory of its bridge.
pub mod file {
    /// The number of its process, which it writes when it listens.
    pub const PID: &str = "dnsmasq.pid";
    /// The addresses that it has given out.
    pub const LEASES: &str = "dnsmasq.leases";
    /// The addresses that it keeps for certain clients.
    pub const HOSTS: &str = "dnsmasq.hosts";
    /// Settings of the operator.
    pub const RAW: &str = "dnsmasq.raw";
    /// What it complained about when it started.
    pub const LOG: &str = "dnsmasq.log";
}

/// Whom the server runs as once it listens.
pub struct RunAs<'a> {
    /// The user.
    pub user: &'a str,
    /// The group.
    pub group: &'a str,
}

/// All arguments.
pub fn arguments(bridge: &str, service: &Service, dir: &Path, run_as: &RunAs<'_>) -> Vec<String> {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut all: Vec<String> = [
        "--keep-in-foreground",
        "--strict-order",
        "--bind-interfaces",
        "--except-interface=lo",
        "--no-ping",
        "--dhcp-rapid-commit",
        "--no-negcache",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("--pid-file={}", path(file::PID)));
    all.push(format!("--interface={bridge}"));
    all.extend(service.ipv4.iter().map(|serve| format!("--listen-address={}", serve.listen.address)));
    all.extend(service.ipv6.iter().map(|serve| format!("--listen-address={}", serve.listen.address)));
    if service.ipv6.is_some() || service.ipv4.as_ref().is_some_and(|serve| serve.dhcp.is_some()) {
        all.extend(["--quiet-dhcp", "--quiet-dhcp6", "--quiet-ra"].map(str::to_owned));
        all.extend(["--dhcp-no-override", "--dhcp-authoritative"].map(str::to_owned));
        all.push(format!("--dhcp-leasefile={}", path(file::LEASES)));
        all.push(format!("--dhcp-hostsdir={}", path(file::HOSTS)));
    }
    all.extend(service.ipv4.iter().flat_map(ipv4));
    all.extend(service.ipv6.iter().flat_map(|serve| ipv6(bridge, serve)));
    all.extend(service.mtu.map(|mtu| format!("--dhcp-option-force=26,{mtu}")));
    all.extend(names(bridge, service));
    all.push(if service.raw.is_empty() {
        "--conf-file=".to_owned()
    } else {
        format!("--conf-file={}", path(file::RAW))
    });
    all.extend(["-u", run_as.user, "-g", run_as.group].map(str::to_owned));
    all
}

fn ipv4(serve: &Serve4) -> Vec<String> {
    let Some(Dhcp4 { ranges, expiry, gateway, nameservers, routes }) = &serve.dhcp else { return Vec::new() };
    let mut all = Vec::new();
    all.extend(gateway.map(|gateway| format!("--dhcp-option-force=3,{gateway}")));
    if !nameservers.is_empty() {
        let list: Vec<String> = nameservers.iter().map(ToString::to_string).collect();
        all.push(format!("--dhcp-option-force=6,{}", list.join(",")));
    }
    if !routes.is_empty() {
        all.push(format!("--dhcp-option-force=121,{}", routes.join(",")));
    }
    for (first, last) in ranges {
        all.push("--dhcp-range".to_owned());
        all.push(format!("{first},{last},{expiry}"));
    }
    all
}

fn ipv6(bridge: &str, serve: &Serve6) -> Vec<String> {
    let ranges = match &serve.mode {
        Mode6::Announced => vec![format!("::,constructor:{bridge},ra-only")],
        Mode6::Stateless => vec![format!("::,constructor:{bridge},ra-stateless,ra-names")],
        Mode6::Stateful { ranges, expiry } => {
            let prefix = serve.listen.prefix;
            ranges.iter().map(|(first, last)| format!("{first},{last},{prefix},{expiry}")).collect()
        }
    };
    let ranges = ranges.into_iter().flat_map(|range| ["--dhcp-range".to_owned(), range]);
    std::iter::once("--enable-ra".to_owned()).chain(ranges).collect()
}

fn names(bridge: &str, service: &Service) -> Vec<String> {
    let Some(dns) = &service.dns else { return vec!["--port=0".to_owned()] };
    let domain = &dns.domain;
    let mut all = Vec::new();
    if !dns.search.is_empty() {
        all.push(format!("--dhcp-option-force=119,{}", dns.search.join(",")));
    }
    all.extend(["-s", domain].map(str::to_owned));
    all.extend(["--interface-name".to_owned(), format!("_gateway.{domain},{bridge}")]);
    all.extend(["-S".to_owned(), format!("/{domain}/")]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Dns;

    const NOBODY: RunAs<'_> = RunAs { user: "nobody", group: "nogroup" };

    fn listed(service: &Service) -> String {
        arguments("br0", service, Path::new("/state/networks/br0"), &NOBODY).join("\n")
    }

    fn serve4(dhcp: Option<Dhcp4>) -> Option<Serve4> {
        Some(Serve4 { listen: "10.200.0.1/24".parse().expect("an address"), dhcp })
    }

    fn dhcp4() -> Dhcp4 {
        let range = |first: &str, last: &str| (first.parse().expect("an address"), last.parse().expect("an address"));
        Dhcp4 {
            ranges: vec![range("10.200.0.2", "10.200.0.254")],
            expiry: "1h".to_owned(),
            gateway: None,
            nameservers: Vec::new(),
            routes: Vec::new(),
        }
    }

    fn serve6(mode: Mode6) -> Option<Serve6> {
        Some(Serve6 { listen: "fd42::1/64".parse().expect("an address"), mode })
    }

    fn dns() -> Option<Dns> {
        Some(Dns { domain: "lxd".to_owned(), search: Vec::new() })
    }

    #[test]
    fn the_usual_bridge_gives_addresses_of_both_families_and_answers_names() {
        let service =
            Service { ipv4: serve4(Some(dhcp4())), ipv6: serve6(Mode6::Stateless), dns: dns(), ..Service::default() };
        insta::assert_snapshot!(listed(&service), @r#"
        --keep-in-foreground
        --strict-order
        --bind-interfaces
        --except-interface=lo
        --no-ping
        --dhcp-rapid-commit
        --no-negcache
        --pid-file=/state/networks/br0/dnsmasq.pid
        --interface=br0
        --listen-address=10.200.0.1
        --listen-address=fd42::1
        --quiet-dhcp
        --quiet-dhcp6
        --quiet-ra
        --dhcp-no-override
        --dhcp-authoritative
        --dhcp-leasefile=/state/networks/br0/dnsmasq.leases
        --dhcp-hostsdir=/state/networks/br0/dnsmasq.hosts
        --dhcp-range
        10.200.0.2,10.200.0.254,1h
        --enable-ra
        --dhcp-range
        ::,constructor:br0,ra-stateless,ra-names
        -s
        lxd
        --interface-name
        _gateway.lxd,br0
        -S
        /lxd/
        --conf-file=
        -u
        nobody
        -g
        nogroup
        "#);
    }

    #[test]
    fn every_setting_has_its_argument() {
        let mut dhcp = dhcp4();
        dhcp.gateway = Some("10.200.0.9".parse().expect("an address"));
        dhcp.nameservers = vec!["1.1.1.1".parse().expect("an address"), "9.9.9.9".parse().expect("an address")];
        dhcp.routes = ["192.0.2.0/24", "10.200.0.8"].map(str::to_owned).to_vec();
        let stateful = Mode6::Stateful {
            ranges: vec![("fd42::2".parse().expect("an address"), "fd42::ff".parse().expect("an address"))],
            expiry: "2h".to_owned(),
        };
        let service = Service {
            ipv4: serve4(Some(dhcp)),
            ipv6: serve6(stateful),
            dns: Some(Dns { domain: "lab".to_owned(), search: vec!["lab".to_owned(), "example.org".to_owned()] }),
            mtu: Some(1450),
            raw: "log-queries\n".to_owned(),
        };
        let text = listed(&service);
        for argument in [
            "--dhcp-option-force=3,10.200.0.9",
            "--dhcp-option-force=6,1.1.1.1,9.9.9.9",
            "--dhcp-option-force=121,192.0.2.0/24,10.200.0.8",
            "--dhcp-option-force=119,lab,example.org",
            "--dhcp-option-force=26,1450",
            "--dhcp-range\nfd42::2,fd42::ff,64,2h",
            "-s\nlab",
            "-S\n/lab/",
            "--conf-file=/state/networks/br0/dnsmasq.raw",
        ] {
            assert!(text.contains(argument), "{argument} is not in\n{text}");
        }
    }

    #[test]
    fn a_server_for_names_alone_gives_no_addresses() {
        let text = listed(&Service { ipv4: serve4(None), dns: dns(), ..Service::default() });
        assert!(!text.contains("dhcp-range") && !text.contains("leasefile"), "{text}");
        let text = listed(&Service { ipv4: serve4(Some(dhcp4())), dns: None, ..Service::default() });
        assert!(text.contains("--port=0") && !text.contains("_gateway"), "{text}");
    }

    #[test]
    fn without_dhcp_the_router_announces_itself_alone() {
        let text = listed(&Service { ipv6: serve6(Mode6::Announced), dns: dns(), ..Service::default() });
        assert!(text.contains("--enable-ra\n--dhcp-range\n::,constructor:br0,ra-only"), "{text}");
    }
}
