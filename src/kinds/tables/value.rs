//! Values as LXD writes them: booleans, sizes, addresses, names.

use std::net::{IpAddr, Ipv6Addr};

use crate::model::{ByteSize, is_printable};

/// The words that LXD reads as a boolean.
pub fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A number of bytes: `10GiB` (powers of 1024), `10GB` (powers of 1000), `4096`, with LXD's old `kB`.
///
/// As in LXD there are no blanks, but for the one in `4 bytes`, and no more than 63 bits.
pub fn read_size(text: &str) -> Option<u64> {
    let number = text.strip_suffix(" bytes").filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.unwrap_or(text);
    let is_exact = !number.contains(char::is_whitespace) && !number.ends_with("bytes") && !number.ends_with("KB");
    let size = number.parse::<ByteSize>().ok().filter(|_| is_exact)?;
    (size.0 <= i64::MAX.unsigned_abs()).then_some(size.0)
}

/// What is wrong with a host name, such as those of members: letters, digits and hyphens.
pub fn hostname_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > 63 {
        return Some("it is longer than 63 characters");
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Some("it starts or ends with a hyphen");
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return Some("it is only digits");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!name.chars().all(fits)).then_some("only letters, digits and hyphens are allowed")
}

/// What is wrong with the name of a cluster member: a host name, with or without its domain.
pub fn member_name_fault(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some("it is longer than 253 characters");
    }
    let is_domain = name.contains('.');
    let fault = |label: &str| match hostname_fault(label) {
        Some("it is only digits") if is_domain => None,
        Some("it is empty") if is_domain => Some("it starts or ends with a dot, or holds two in a row"),
        other => other,
    };
    name.split('.').find_map(fault)
}

/// What is wrong with an address that others are to reach: `HOST:PORT`, where the port may be left out.
pub fn address_fault(address: &str) -> Option<&'static str> {
    match split_address(address) {
        None => Some("write HOST:PORT, with an IPv6 address in brackets"),
        Some(("" | "0.0.0.0" | "::", _)) => Some("a wildcard can be listened on, but not be reached"),
        Some(_) => None,
    }
}

/// Whether an address is that of the machine that asks, whichever it is.
pub fn is_loopback(address: &str) -> bool {
    let Some((host, _)) = split_address(address) else { return false };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_name = name == "localhost" || name.ends_with(".localhost");
    is_name || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

/// The host and the port of an address; the port is `None` when it is left out. `None` for what is no address.
pub fn split_address(address: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or_else(|| Some("").filter(|_| rest.is_empty()))?)
        }
        None if address.parse::<Ipv6Addr>().is_ok() => (address, ""),
        None => match address.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() => (host, port),
            Some(_) => return None,
            None => (address, ""),
        },
    };
    let names_a_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '%');
    if !host.chars().all(names_a_host) {
        return None;
    }
    if port.is_empty() {
        return (!host.is_empty()).then_some((host, None));
    }
    port.parse().ok().map(|port| (host, Some(port)))
}

/// What is wrong with a name that becomes part of a path in the API.
pub fn path_name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name == "." || name == ".." {
        return Some("dots alone are no name");
    }
    if name.contains('/') {
        return Some("it contains a slash");
    }
    if name.contains(char::is_whitespace) {
        return Some("it contains a space");
    }
    let reserved =
        |c: char| matches!(c, '\'' | '"' | '*' | '?' | '&' | '+' | '#' | '%' | ':' | '\\') || !is_printable(c);
    name.contains(reserved).then_some("it contains a character that is not allowed in names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_lxd_writes_them() {
        assert_eq!(read_size("10GiB"), Some(10 << 30));
        assert_eq!(read_size("10GB"), Some(10_000_000_000));
        assert_eq!(read_size("4096"), Some(4096));
        assert_eq!(read_size("4 bytes"), Some(4));
        for wrong in ["", "GiB", "10Gi", "-1", "99999EiB", "8EiB", "10 GB", " 1", "4bytes", "4KB", "4B bytes"] {
            assert_eq!(read_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_are_split_into_host_and_port() {
        assert_eq!(split_address("10.0.0.1:8443"), Some(("10.0.0.1", Some(8443))));
        assert_eq!(split_address("[::1]:8443"), Some(("::1", Some(8443))));
        assert_eq!(split_address("fd00::1"), Some(("fd00::1", None)));
        assert_eq!(split_address("node1.example"), Some(("node1.example", None)));
        assert_eq!(split_address(":8443"), Some(("", Some(8443))));
        for wrong in ["", "10.0.0.1:", "10.0.0.1:99999", "[::1", "a b:1"] {
            assert_eq!(split_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_machine_itself_is_known() {
        for own in ["127.0.1.1:8443", "[::1]:8443", "localhost", "a.localhost:1"] {
            assert!(is_loopback(own), "{own}");
        }
        assert!(!is_loopback("10.0.0.1:8443") && !is_loopback("localhost.example.org") && !is_loopback(":8443"));
    }

    #[test]
    fn booleans_are_the_words_of_lxd() {
        assert_eq!(read_bool("Yes"), Some(true));
        assert_eq!(read_bool("off"), Some(false));
        assert_eq!(read_bool("perhaps"), None);
    }

    #[test]
    fn names_hold_nothing_that_a_terminal_would_obey_or_not_show() {
        for good in ["web", "größer", "日本", "a-b_c.d"] {
            assert_eq!(path_name_fault(good), None, "{good}");
        }
        for bad in ["a\u{1b}[2K", "a\u{202e}b", "a\u{200b}b", "a\u{9b}b", "a\rb", "a\u{2066}b", "a\u{feff}"] {
            assert!(path_name_fault(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_member_is_named_like_a_host() {
        assert_eq!(hostname_fault("node-1"), None);
        for wrong in ["", "-a", "12", "a_b", "a/b"] {
            assert!(hostname_fault(wrong).is_some() && member_name_fault(wrong).is_some(), "{wrong}");
        }
        assert_eq!(member_name_fault("node-1.example.org"), None);
        for wrong in [".example", "a..b", "a.", "a.b_c"] {
            assert!(member_name_fault(wrong).is_some(), "{wrong}");
        }
    }
}
