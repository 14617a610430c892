//! The addresses that a DHCP server has given out, as `dnsmasq` writes them.

use crate::host::Lease;

/// Reads the file of the server. Lines that are no leases, such as the server's own identity, are left out.
pub fn read(text: &str) -> Vec<Lease> {
    text.lines().filter_map(lease).collect()
}

fn lease(line: &str) -> Option<Lease> {
    let [expires, identity, address, hostname, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    // An IPv6 lease is known by a number that the client chose, not by a hardware address.
    let hwaddr = if identity.contains(':') { identity } else { "" };
    Some(Lease {
        hostname: if hostname == "*" { "" } else { hostname }.to_owned(),
        hwaddr: hwaddr.to_owned(),
        address: address.parse().ok()?,
        expires: expires.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_of_both_families_are_read() {
        let text = "1763820000 00:16:3e:01:02:03 10.200.0.147 c1 01:00:16:3e:01:02:03\n\
                    0 00:16:3e:01:02:04 10.200.0.148 * *\n\
                    duid 00:01:00:01:2f:aa:bb:cc:00:16:3e:01:02:03\n\
                    1763820001 4980228 fd42::1234 c2 00:02:00:00:ab:11\n\
                    nonsense\n";
        let leases: Vec<String> = read(text)
            .iter()
            .map(|lease| format!("{}|{}|{}|{}", lease.hostname, lease.hwaddr, lease.address, lease.expires))
            .collect();
        assert_eq!(
            leases,
            [
                "c1|00:16:3e:01:02:03|10.200.0.147|1763820000",
                "|00:16:3e:01:02:04|10.200.0.148|0",
                "c2||fd42::1234|1763820001"
            ]
        );
    }
}
