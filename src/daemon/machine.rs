//! What the machine says about itself, read once at the start.

use std::fs;

use crate::api::Environment;

/// The machine's own name, fit to be a member's.
pub fn hostname() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String =
        text.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// The machine in the words of LXD's API.
pub fn environment() -> Environment {
    let kernel =
        |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default().trim().to_owned();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    Environment {
        architectures: vec![std::env::consts::ARCH.to_owned()],
        driver: "lxc".to_owned(),
        firewall: "nftables".to_owned(),
        kernel: kernel("ostype"),
        kernel_architecture: std::env::consts::ARCH.to_owned(),
        kernel_version: kernel("osrelease"),
        os_name: os("NAME"),
        os_version: os("VERSION_ID"),
        server: "seedbed".to_owned(),
        server_pid: std::process::id(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Environment::default()
    }
}
