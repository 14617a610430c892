//! The network of a sandbox: a namespace for each member, joined by a bridge in a namespace of its own.

use std::net::{IpAddr, SocketAddr};

use super::plot::Plot;
use crate::cli::failure::Failure;
use crate::host::linux::{Command, Runner, Tools};

/// Makes all namespaces and links. Nothing of it touches the machine's own network.
///
/// # Errors
/// What `ip` complains about.
pub async fn make(daemon: &str, plots: &[Plot]) -> Result<(), Failure> {
    let names = [daemon].into_iter().chain(spaces(plots));
    ip(&["-batch", "-"], &names.map(|name| format!("netns add {name}\n")).collect::<String>()).await?;
    ip(&["-n", daemon, "-batch", "-"], &hub_script(plots)).await?;
    let prefix = prefix(&plots.iter().map(|plot| plot.address).collect::<Vec<_>>());
    for plot in plots {
        let Some(space) = &plot.namespace else { continue };
        ip(&["-n", space, "-batch", "-"], &member_script(plot.address.ip(), prefix)).await?;
    }
    Ok(())
}

/// Removes the namespaces, after ending what still runs in them (a dnsmasq, say). What is gone already is no error.
pub async fn remove(names: &[String]) {
    for name in names {
        if let Ok(output) = Tools.run(Command::new("ip", ["netns", "pids", name])).await {
            let pids = output.stdout.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.for_each(super::process::kill);
        }
        // The namespace lives on until its last process has gone, but its name is free at once.
        let _ = Tools.run(Command::new("ip", ["netns", "del", name])).await;
    }
}

/// The namespaces of the members.
pub fn spaces(plots: &[Plot]) -> impl Iterator<Item = &str> {
    plots.iter().filter_map(|plot| plot.namespace.as_deref())
}

// eth0 is the network of the members; eth1 hangs on a second bridge, for bridge.external_interfaces.
fn hub_script(plots: &[Plot]) -> String {
    let mut script = String::from("link add members type bridge\nlink add outside type bridge\n");
    for (number, space) in spaces(plots).enumerate() {
        script.push_str(&format!("link add m{number} type veth peer name eth0 netns {space}\n"));
        script.push_str(&format!("link set m{number} master members up\n"));
        script.push_str(&format!("link add o{number} type veth peer name eth1 netns {space}\n"));
        script.push_str(&format!("link set o{number} master outside up\n"));
    }
    script + "link set members up\nlink set outside up\nlink set lo up\n"
}

fn member_script(address: IpAddr, prefix: u8) -> String {
    let nodad = if address.is_ipv6() { " nodad" } else { "" };
    format!("link set lo up\naddr add {address}/{prefix} dev eth0{nodad}\nlink set eth0 up\nlink set eth1 up\n")
}

// The smallest network that holds all addresses, and at most a /24 (IPv6: /64).
fn prefix(addresses: &[SocketAddr]) -> u8 {
    let bits = |address: &SocketAddr| match address.ip() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let longest = if addresses.iter().any(SocketAddr::is_ipv6) { 64 } else { 24 };
    let Some(first) = addresses.first().map(bits) else { return longest };
    let common = addresses.iter().map(|address| (bits(address) ^ first).leading_zeros()).min().unwrap_or(0);
    u8::try_from(common).unwrap_or(longest).min(longest)
}

async fn ip(arguments: &[&str], script: &str) -> Result<(), Failure> {
    let command = Command::new("ip", arguments.iter().copied()).reading(script);
    let made = Tools.run(command).await.and_then(|output| output.checked("make the sandbox's network"));
    made.map(|_| ()).map_err(|cause| {
        Failure::because("make the sandbox's network", &cause)
            .hint("without rights to make namespaces: seedbed sandbox --host fake FILE")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_holds_all_addresses() {
        let prefix_of = |addresses: &[&str]| {
            prefix(&addresses.iter().map(|address| address.parse().expect("an address")).collect::<Vec<_>>())
        };
        assert_eq!(prefix_of(&["10.93.0.1:1", "10.93.0.2:1"]), 24);
        assert_eq!(prefix_of(&["10.93.0.1:1", "10.93.1.2:1"]), 23);
        assert_eq!(prefix_of(&["[fd00::1]:1", "[fd00::2]:1"]), 64);
    }
}
