//! systemd's readiness protocol: one datagram.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the service manager that listens at `socket` that the daemon is ready.
pub fn ready(socket: &str) {
    if let Err(error) = send(socket, b"READY=1") {
        tracing::warn!(%error, socket, "cannot tell the service manager that the daemon is ready");
    }
}

fn send(socket: &str, message: &[u8]) -> std::io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message, &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_is_told_once() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        ready(&path.to_string_lossy());
        let mut text = [0; 16];
        let length = manager.recv(&mut text).expect("a message");
        assert_eq!(&text[..length], b"READY=1");
    }
}
