//! Kernel settings of this network namespace: what `/proc/sys/net` shows is that of the thread that reads it.

use std::fs;
use std::io::{ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};

use crate::host::{Family, HostError};

const ROOT: &str = "/proc/sys/net";

/// Whether the machine forwards packets of a family.
pub fn forwards(family: Family) -> bool {
    read(&forwarding(family)).is_some_and(|value| value == "1")
}

/// Lets the machine forward packets of a family.
pub fn forward(family: Family) -> Result<(), HostError> {
    let doing = format!("let the machine forward {family}");
    if family == Family::V6 {
        keep_learning_routers().map_err(|cause| failed(&doing, &cause))?;
    }
    write(&forwarding(family), "1").map_err(|cause| failed(&doing, &cause))
}

/// Whether the machine speaks IPv6 on an interface.
pub fn speaks_ipv6(interface: &str) -> bool {
    read(&of_interface(interface).join("disable_ipv6")).is_some_and(|value| value == "0")
}

/// Sets whether the machine speaks IPv6 on an interface, with no addresses but those that it is given.
pub fn set_ipv6(interface: &str, on: bool) -> Result<(), HostError> {
    let dir = of_interface(interface);
    if !dir.exists() {
        if !on {
            return Ok(());
        }
        let doing = format!("switch IPv6 on for `{interface}`");
        return Err(HostError::lasting(doing, "NoIpv6", "this kernel has no IPv6").hinting("set ipv6.address: none"));
    }
    let doing = format!("switch IPv6 {} for `{interface}`", if on { "on" } else { "off" });
    let written = if on {
        write(&dir.join("disable_ipv6"), "0").and_then(|()| write(&dir.join("autoconf"), "0"))
    } else {
        write(&dir.join("disable_ipv6"), "1")
    };
    written.map_err(|cause| failed(&doing, &cause))
}

// A machine that forwards stops listening to routers, and loses its own default route: 2 lets it go on.
fn keep_learning_routers() -> IoResult<()> {
    for entry in fs::read_dir(Path::new(ROOT).join("ipv6/conf"))?.flatten() {
        let accept = entry.path().join("accept_ra");
        if entry.file_name() != "all" && read(&accept).is_some_and(|value| value == "1") {
            write(&accept, "2")?;
        }
    }
    Ok(())
}

fn forwarding(family: Family) -> PathBuf {
    Path::new(ROOT).join(match family {
        Family::V4 => "ipv4/ip_forward",
        Family::V6 => "ipv6/conf/all/forwarding",
    })
}

fn of_interface(name: &str) -> PathBuf {
    Path::new(ROOT).join("ipv6/conf").join(name)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn write(path: &Path, value: &str) -> IoResult<()> {
    fs::write(path, value)
}

fn failed(doing: &str, cause: &std::io::Error) -> HostError {
    match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            HostError::lasting(doing, "NotPermitted", format!("`{ROOT}` cannot be written: {cause}"))
                .hinting("run the daemon as root, with a writable /proc/sys")
        }
        _ => HostError::passing(doing, "KernelRefused", cause),
    }
}
