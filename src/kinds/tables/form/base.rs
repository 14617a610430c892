//! The forms themselves: a name in the key table, words with an example, and a regular expression for schemas.

use super::{fits, net, proxy};
use crate::kinds::tables::value;

/// The form of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Any text.
    Text,
    /// `true`, `false`, and the words that LXD reads as such.
    Bool,
    /// A whole number.
    Integer,
    /// A number of bytes with an optional unit.
    Size,
    /// A size or a share that is not 0.
    Memory,
    /// How many CPUs, or which.
    Cpus,
    /// Time on the CPU: a share, or so much of so much.
    Allowance,
    /// Times as cron has them.
    Cron,
    /// A span of time, a number for each unit.
    Expiry,
    /// A file mode.
    Mode,
    /// A hardware address of Ethernet.
    Mac,
    /// A hardware address of InfiniBand.
    InfinibandMac,
    /// The name of an interface.
    Interface,
    /// An IP address.
    Ip,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv4 address with the length of its prefix.
    Cidr4,
    /// An IPv6 address with the length of its prefix.
    Cidr6,
    /// An IPv4 address, whichever it is, with the length of its prefix.
    Prefix4,
    /// An IPv6 address, whichever it is, with the length of its prefix.
    Prefix6,
    /// An IPv4 subnet.
    Subnet4,
    /// An IPv6 subnet.
    Subnet6,
    /// The first and the last of some IPv4 addresses.
    Range4,
    /// The first and the last of some IPv6 addresses.
    Range6,
    /// A network with one of its subnets.
    UplinkSubnet,
    /// A VLAN, or the first and the last of some.
    VlanRange,
    /// One side of a proxy device.
    Proxy,
    /// Where to listen: host and port.
    Listen,
    /// A number of 32 bits, or the first and the last of some.
    IdRange,
    /// An absolute path.
    Path,
    /// A storage volume, with its pool.
    Volume,
    /// A program that compresses, with its options.
    Compressor,
    /// The name of an architecture.
    Architecture,
    /// Four hexadecimal digits, as vendors and products of USB and PCI have.
    HexId,
    /// An address on the PCI bus.
    Pci,
    /// A mapping in YAML.
    Yaml,
    /// What cloud-init reads.
    CloudInit,
    /// Lines of the configuration of LXC.
    Lxc,
}

struct Row {
    base: Base,
    name: &'static str,
    wanted: &'static str,
    example: &'static str,
    pattern: &'static str,
}

const fn row(
    base: Base,
    name: &'static str,
    wanted: &'static str,
    example: &'static str,
    pattern: &'static str,
) -> Row {
    Row { base, name, wanted, example, pattern }
}

const SIZE: &str = r"[0-9]+(?:B| bytes|[kMGTPE]B|[KMGTPE]iB)?";
const IPV4: &str = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}";
const IPV6: &str = r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*";
const EITHER: &str = r"[0-9a-fA-F.]*[.:][0-9a-fA-F:.]*";

/// In the order of the enum. An empty pattern fits anything.
const ROWS: [Row; 38] = [
    row(Base::Text, "text", "text", "text", ""),
    row(
        Base::Bool,
        "bool",
        "true or false",
        "true",
        "[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]|[01]",
    ),
    row(Base::Integer, "integer", "a whole number", "15", "[+-]?[0-9]+"),
    row(Base::Size, "size", "a size such as 10GiB", "10GiB", SIZE),
    row(
        Base::Memory,
        "memory",
        "a size such as 4GiB or a share such as 50%",
        "4GiB",
        r"[0-9]+(?:%|B| bytes|[kMGTPE]B|[KMGTPE]iB)?",
    ),
    row(Base::Cpus, "cpus", "a number of CPUs such as 4, or a set of them such as 0-3,7", "4", "[0-9]+(?:[,-][0-9]+)*"),
    row(
        Base::Allowance,
        "allowance",
        "a share such as 50%, or time such as 25ms/100ms",
        "25ms/100ms",
        "[+-]?[0-9]+%|[+-]?[0-9]+(?:ms)?/[+-]?[0-9]+(?:ms)?",
    ),
    row(
        Base::Cron,
        "cron",
        "times such as `0 6 * * *` (minute, hour, day, month, weekday) or @daily",
        "0 6 * * *",
        r"@[a-zA-Z]+(?:, .+)*|\S+(?: \S+){4}(?:, .+)*",
    ),
    row(
        Base::Expiry,
        "expiry",
        "a span of time such as 30M, 3H or 1d 12H",
        "3H",
        r"\s*[0-9]+[SMHdwmy](?: [0-9]+[SMHdwmy])*\s*",
    ),
    row(Base::Mode, "mode", "a file mode in octal digits, such as 0660", "0660", "[0-7]+"),
    row(
        Base::Mac,
        "mac",
        "a hardware address such as 00:16:3e:12:34:56",
        "00:16:3e:12:34:56",
        "[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}",
    ),
    row(
        Base::InfinibandMac,
        "infiniband-mac",
        "a hardware address of 8 or 20 bytes, such as a0:00:0f:c0:12:34:56:78",
        "a0:00:0f:c0:12:34:56:78",
        "[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){7}(?:(?::[0-9a-fA-F]{2}){12})?",
    ),
    row(Base::Interface, "interface", "the name of an interface, such as eth0", "eth0", "[-_a-zA-Z0-9.]{2,15}"),
    row(Base::Ip, "ip", "an IP address such as 10.0.0.1 or fd42::1", "10.0.0.1", EITHER),
    row(Base::Ipv4, "ipv4", "an IPv4 address such as 10.0.0.1", "10.0.0.1", IPV4),
    row(Base::Ipv6, "ipv6", "an IPv6 address such as fd42::1", "fd42::1", IPV6),
    row(
        Base::Cidr4,
        "cidr4",
        "an IPv4 address with its prefix, such as 10.0.0.1/24",
        "10.0.0.1/24",
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}",
    ),
    row(
        Base::Cidr6,
        "cidr6",
        "an IPv6 address with its prefix, such as fd42::1/64",
        "fd42::1/64",
        r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/[0-9]{1,3}",
    ),
    row(
        Base::Prefix4,
        "prefix4",
        "an IPv4 address with a prefix, such as 10.0.0.5/32",
        "10.0.0.5/32",
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}",
    ),
    row(
        Base::Prefix6,
        "prefix6",
        "an IPv6 address with a prefix, such as fd42::5/128",
        "fd42::5/128",
        r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/[0-9]{1,3}",
    ),
    row(
        Base::Subnet4,
        "subnet4",
        "an IPv4 subnet such as 10.0.0.0/24",
        "10.0.0.0/24",
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}",
    ),
    row(
        Base::Subnet6,
        "subnet6",
        "an IPv6 subnet such as fd42::/64",
        "fd42::/64",
        r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/[0-9]{1,3}",
    ),
    row(
        Base::Range4,
        "range4",
        "the first and the last IPv4 address, such as 10.0.0.50-10.0.0.99",
        "10.0.0.50-10.0.0.99",
        "[0-9.]+-[0-9.]+",
    ),
    row(
        Base::Range6,
        "range6",
        "the first and the last IPv6 address, such as fd42::50-fd42::99",
        "fd42::50-fd42::99",
        "[0-9a-fA-F:.]+-[0-9a-fA-F:.]+",
    ),
    row(
        Base::UplinkSubnet,
        "uplink-subnet",
        "a network and its subnet, such as UPLINK:10.0.0.0/24",
        "UPLINK:10.0.0.0/24",
        "[^:]*:.*",
    ),
    row(Base::VlanRange, "vlan-range", "VLANs from 0 to 4094, such as 7 or 100-110", "100-110", "[0-9]+(?:-[0-9]+)?"),
    row(
        Base::Proxy,
        "proxy",
        "an address such as tcp:10.0.0.1:80,443, udp:[fd42::1]:53 or unix:/run/app.sock",
        "tcp:10.0.0.1:80",
        "(?:tcp|udp|unix):.+",
    ),
    row(Base::Listen, "listen", "HOST:PORT, with an IPv6 address in brackets, such as [::]:8443", "[::]:8443", r"\S+"),
    row(
        Base::IdRange,
        "id-range",
        "a number such as 1000, or a range such as 1000-1999",
        "1000-1999",
        "[0-9]+(?:-[0-9]+)?",
    ),
    row(Base::Path, "path", "an absolute path such as /srv/data", "/srv/data", "/.*"),
    row(Base::Volume, "volume", "a storage volume with its pool, such as POOL/VOLUME", "POOL/VOLUME", "[^/]+/[^/]+"),
    row(
        Base::Compressor,
        "compressor",
        "a program such as gzip, zstd or none, with options if need be, such as zstd -19",
        "gzip",
        r"none|(?:bzip2|gzip|lz4|lzma|lzop|pbzip2|pigz|pixz|squashfs|xz|zstd|pzstd)(?: .*)?",
    ),
    row(
        Base::Architecture,
        "architecture",
        "an architecture such as x86_64 or aarch64",
        "x86_64",
        "i686|x86_64|armv[678]l|aarch64|ppc(?:64(?:le)?)?|s390x|mips(?:64)?|riscv(?:32|64)|loongarch64",
    ),
    row(Base::HexId, "hex-id", "four hexadecimal digits in lower case, such as 0403", "0403", "[0-9a-f]{4}"),
    row(
        Base::Pci,
        "pci",
        "an address such as 0000:01:00.0",
        "0000:01:00.0",
        r"(?:[0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-9a-fA-F]",
    ),
    row(Base::Yaml, "yaml", "a mapping in YAML, such as `version: 2`", "version: 2", ""),
    row(
        Base::CloudInit,
        "cloud-init",
        "what cloud-init reads: after a first line `#cloud-config`, a mapping in YAML",
        "#cloud-config",
        "",
    ),
    row(Base::Lxc, "lxc", "lines such as `lxc.cap.drop = sys_time`", "lxc.cap.drop = sys_time", ""),
];

impl Base {
    /// The form of this name in the key table.
    pub fn named(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.base)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name in the key table.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The form in words, with an example where words alone do not tell.
    pub fn wanted(self) -> &'static str {
        self.row().wanted
    }

    /// A value that has the form.
    pub fn example(self) -> &'static str {
        self.row().example
    }

    /// A regular expression that every value of the form fits; `None` when anything may fit.
    pub fn pattern(self) -> Option<&'static str> {
        Some(self.row().pattern).filter(|pattern| !pattern.is_empty())
    }

    /// Whether a value has the form.
    pub fn fits(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Bool => value::read_bool(value).is_some(),
            Self::Integer => value.parse::<i64>().is_ok(),
            Self::Size => value::read_size(value).is_some(),
            Self::Memory => fits::is_memory(value),
            Self::Cpus => fits::is_cpus(value),
            Self::Allowance => fits::is_allowance(value),
            Self::Cron => fits::is_cron(value),
            Self::Expiry => fits::is_expiry(value),
            Self::Mode => u32::from_str_radix(value, 8).is_ok() && !value.starts_with('+'),
            Self::Mac => net::is_mac(value, &[6]),
            Self::InfinibandMac => net::is_mac(value, &[8, 20]),
            Self::Interface => net::is_interface(value),
            Self::Ip => net::is_ip(value),
            Self::Ipv4 => net::is_ipv4(value),
            Self::Ipv6 => net::is_ipv6(value),
            Self::Cidr4 => net::is_cidr(value, net::Family::V4),
            Self::Cidr6 => net::is_cidr(value, net::Family::V6),
            Self::Prefix4 => net::is_prefix(value, net::Family::V4),
            Self::Prefix6 => net::is_prefix(value, net::Family::V6),
            Self::Subnet4 => net::is_subnet(value, net::Family::V4),
            Self::Subnet6 => net::is_subnet(value, net::Family::V6),
            Self::Range4 => net::is_range(value, net::is_ipv4),
            Self::Range6 => net::is_range(value, net::is_ipv6),
            Self::UplinkSubnet => net::is_uplink_subnet(value),
            Self::VlanRange => net::is_vlan_range(value),
            Self::Proxy => value.parse::<proxy::ProxyAddress>().is_ok(),
            Self::Listen => value::split_address(value).is_some(),
            Self::IdRange => fits::is_id_range(value),
            Self::Path => value.starts_with('/'),
            Self::Volume => fits::is_volume(value),
            Self::Compressor => fits::is_compressor(value),
            Self::Architecture => fits::is_architecture(value),
            Self::HexId => value.len() == 4 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            Self::Pci => fits::is_pci(value),
            Self::Yaml => fits::is_yaml(value),
            Self::CloudInit => fits::is_cloud_init(value),
            Self::Lxc => fits::is_lxc(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_forms_and_their_names_are_apart() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.base as usize, index, "{}", row.name);
            assert_eq!(Base::named(row.name), Some(row.base), "{}", row.name);
            assert!(row.base.fits(row.example), "{}", row.example);
        }
    }
}
