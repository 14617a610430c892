//! Packet rules as `nft` reads them. Pure: the same rules always give the same text.

use std::fmt::Write as _;

use crate::host::{Family, FamilyRules, Filter, Nat, Rules};

/// The table that holds the rules of a bridge. One a bridge: replaced and listed without looking at others.
pub fn table(bridge: &str) -> String {
    format!("seedbed.{bridge}")
}

/// The text that takes the rules of a bridge away, whether there are any or not.
pub fn removal(bridge: &str) -> String {
    // A table must exist to be deleted.
    let table = table(bridge);
    format!("table inet {table}\ndelete table inet {table}\n")
}

/// The text that replaces the rules of a bridge in one transaction.
pub fn load(bridge: &str, rules: &Rules) -> String {
    let families = [(Family::V4, &rules.ipv4), (Family::V6, &rules.ipv6)];
    let chains = [
        ("postrouting", "type nat hook postrouting priority 100", lines(&families, nat)),
        (
            "forward",
            "type filter hook forward priority 0",
            lines(&families, |family, rules| forward(bridge, family, rules)),
        ),
        ("input", "type filter hook input priority 0", lines(&families, |family, rules| input(bridge, family, rules))),
    ];
    let mut text = removal(bridge);
    let _ = writeln!(text, "table inet {} {{", table(bridge));
    for (name, hook, rules) in chains.iter().filter(|(_, _, rules)| !rules.is_empty()) {
        let _ = writeln!(text, "  chain {name} {{\n    {hook}; policy accept;");
        rules.iter().for_each(|rule| {
            let _ = writeln!(text, "    {rule}");
        });
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

fn lines(families: &[(Family, &FamilyRules)], rules: impl Fn(Family, &FamilyRules) -> Vec<String>) -> Vec<String> {
    families.iter().flat_map(|(family, of)| rules(*family, of)).collect()
}

fn nat(family: Family, rules: &FamilyRules) -> Vec<String> {
    let Some(Nat { subnet, behind }) = &rules.nat else { return Vec::new() };
    let protocol = protocol(family);
    let action = match behind {
        None => "masquerade".to_owned(),
        Some(address) => format!("snat {protocol} to {address}"),
    };
    vec![format!("{protocol} saddr {subnet} {protocol} daddr != {subnet} {action}")]
}

fn forward(bridge: &str, family: Family, rules: &FamilyRules) -> Vec<String> {
    let Some(Filter { routed, .. }) = rules.filter else { return Vec::new() };
    let of = nfproto(family);
    if routed {
        return ["iifname", "oifname"].map(|side| format!("{of} {side} \"{bridge}\" accept")).to_vec();
    }
    // What stays on the bridge is not routed; with the kernel's bridge filter on, it passes here all the same.
    vec![
        format!("{of} iifname \"{bridge}\" oifname \"{bridge}\" accept"),
        format!("{of} iifname \"{bridge}\" reject"),
        format!("{of} oifname \"{bridge}\" reject"),
    ]
}

fn input(bridge: &str, family: Family, rules: &FamilyRules) -> Vec<String> {
    let Some(Filter { dhcp, dns, .. }) = rules.filter else { return Vec::new() };
    let accept = |what: &str| format!("{} iifname \"{bridge}\" {what} accept", nfproto(family));
    let port = match family {
        Family::V4 => 67,
        Family::V6 => 547,
    };
    let mut lines = Vec::new();
    lines.extend(dhcp.then(|| accept(&format!("udp dport {port}"))));
    lines.extend(dns.then(|| [accept("udp dport 53"), accept("tcp dport 53")]).into_iter().flatten());
    lines
}

fn protocol(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

fn nfproto(family: Family) -> &'static str {
    match family {
        Family::V4 => "meta nfproto ipv4",
        Family::V6 => "meta nfproto ipv6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTER: Filter = Filter { routed: true, dhcp: true, dns: true };

    fn nat_of(subnet: &str, behind: Option<&str>) -> Option<Nat> {
        let behind = behind.map(|text| text.parse().expect("an address"));
        Some(Nat { subnet: subnet.parse().expect("a subnet"), behind })
    }

    #[test]
    fn both_families_with_address_translation_and_a_server() {
        let rules = Rules {
            ipv4: FamilyRules { nat: nat_of("10.1.2.0/24", None), filter: Some(FILTER) },
            ipv6: FamilyRules { nat: nat_of("fd42::/64", Some("2001:db8::1")), filter: Some(FILTER) },
        };
        insta::assert_snapshot!(load("br0", &rules), @r#"
        table inet seedbed.br0
        delete table inet seedbed.br0
        table inet seedbed.br0 {
          chain postrouting {
            type nat hook postrouting priority 100; policy accept;
            ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 masquerade
            ip6 saddr fd42::/64 ip6 daddr != fd42::/64 snat ip6 to 2001:db8::1
          }
          chain forward {
            type filter hook forward priority 0; policy accept;
            meta nfproto ipv4 iifname "br0" accept
            meta nfproto ipv4 oifname "br0" accept
            meta nfproto ipv6 iifname "br0" accept
            meta nfproto ipv6 oifname "br0" accept
          }
          chain input {
            type filter hook input priority 0; policy accept;
            meta nfproto ipv4 iifname "br0" udp dport 67 accept
            meta nfproto ipv4 iifname "br0" udp dport 53 accept
            meta nfproto ipv4 iifname "br0" tcp dport 53 accept
            meta nfproto ipv6 iifname "br0" udp dport 547 accept
            meta nfproto ipv6 iifname "br0" udp dport 53 accept
            meta nfproto ipv6 iifname "br0" tcp dport 53 accept
          }
        }
        "#);
    }

    #[test]
    fn a_bridge_that_is_not_routed_rejects_what_would_pass() {
        let filter = Filter { routed: false, dhcp: false, dns: true };
        let rules = Rules { ipv4: FamilyRules { nat: None, filter: Some(filter) }, ..Rules::default() };
        insta::assert_snapshot!(load("br0", &rules), @r#"
        table inet seedbed.br0
        delete table inet seedbed.br0
        table inet seedbed.br0 {
          chain forward {
            type filter hook forward priority 0; policy accept;
            meta nfproto ipv4 iifname "br0" oifname "br0" accept
            meta nfproto ipv4 iifname "br0" reject
            meta nfproto ipv4 oifname "br0" reject
          }
          chain input {
            type filter hook input priority 0; policy accept;
            meta nfproto ipv4 iifname "br0" udp dport 53 accept
            meta nfproto ipv4 iifname "br0" tcp dport 53 accept
          }
        }
        "#);
    }

    #[test]
    fn address_translation_alone_needs_one_chain() {
        let rules = Rules { ipv4: FamilyRules { nat: nat_of("10.1.2.0/24", None), filter: None }, ..Rules::default() };
        insta::assert_snapshot!(load("br-lan.1", &rules), @r#"
        table inet seedbed.br-lan.1
        delete table inet seedbed.br-lan.1
        table inet seedbed.br-lan.1 {
          chain postrouting {
            type nat hook postrouting priority 100; policy accept;
            ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 masquerade
          }
        }
        "#);
    }
}
