//! The HTTPS port: opened, moved and closed while the daemon runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::tls;
use crate::api::ApiError;
use crate::http::serve_tls;
use crate::service::Server;

const DEFAULT_PORT: u16 = 8443;
const DEFAULT_METRICS_PORT: u16 = 9100;
const BACKLOG: u32 = 1024;

/// The port that one key of a member's configuration opens.
pub struct Port {
    key: &'static str,
    open: Mutex<Option<Open>>,
}

struct Open {
    address: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Port {
    /// The port of this key, closed.
    pub fn of(key: &'static str) -> Self {
        Self { key, open: Mutex::default() }
    }

    /// Listens on this address from now on, or nowhere. When the new one cannot be opened, the old one stays.
    pub async fn set(&self, server: &Arc<Server>, router: &Router, address: Option<&str>) -> Result<(), ApiError> {
        let mut open = self.open.lock().await;
        if open.as_ref().map(|open| open.address.as_str()) == address {
            return Ok(());
        }
        let Some(address) = address else {
            close(open.take()).await;
            return Ok(());
        };
        let listener = match bind(server, address).await {
            // The same port under another address, as in `:8443` for `10.0.0.1:8443`: the old one is in the way.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && open.is_some() => {
                let old = open.take();
                let before = old.as_ref().map(|open| open.address.clone());
                close(old).await;
                match bind(server, address).await {
                    Ok(listener) => listener,
                    Err(error) => {
                        if let Some(before) = before {
                            *open = Some(
                                serve(server, router, &before, bind(server, &before).await)
                                    .map_err(|error| self.refused(&before, &error))?,
                            );
                        }
                        return Err(self.refused(address, &error));
                    }
                }
            }
            Err(error) => return Err(self.refused(address, &error)),
            Ok(listener) => listener,
        };
        let new = serve(server, router, address, Ok(listener)).map_err(|error| self.refused(address, &error))?;
        close(open.replace(new)).await;
        Ok(())
    }

    fn refused(&self, address: &str, error: &io::Error) -> ApiError {
        let key = self.key;
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("another program listens there: stop it (`ss -ltnp` names it), or choose another {key}")
            }
            io::ErrorKind::AddrNotAvailable => format!("no interface of this machine has that address: check {key}"),
            io::ErrorKind::PermissionDenied => "this user may not listen there: choose a port above 1023".to_owned(),
            _ => format!("check {key}"),
        };
        ApiError::bad_request(format!("cannot listen on {address}: {error}; {hint}"))
    }
}

fn serve(server: &Arc<Server>, router: &Router, address: &str, listener: io::Result<TcpListener>) -> io::Result<Open> {
    let listener = listener?;
    let config = tls::server_config(Arc::clone(&server.credentials)).map_err(io::Error::other)?;
    let (stop, stopped) = watch::channel(false);
    tracing::info!(address, "listening");
    let clients = Handle::current();
    let serving = serve_tls(Arc::clone(server), (router.clone(), clients), listener, config, stopped);
    let task = server.peer_runtime.spawn(serving);
    Ok(Open { address: address.to_owned(), stop, task })
}

/// Returns when the port is free; requests under way are still answered.
async fn close(open: Option<Open>) {
    let Some(Open { address, stop, task }) = open else { return };
    stop.send_replace(true);
    if let Err(error) = task.await {
        tracing::warn!(address, %error, "the HTTPS port was closed in the middle of something");
    }
}

async fn bind(server: &Server, address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in resolve(address).await? {
        match bind_to(&server.peer_runtime, address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connections are noticed by the runtime that the port was opened in.
fn bind_to(runtime: &Handle, address: SocketAddr) -> io::Result<TcpListener> {
    let _entered = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A daemon that was killed may listen again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The addresses that a listen address stands for. `:8443` and `[::]:8443` are all of this machine.
async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let full = with_port(address);
    let full = if full.starts_with(':') { format!("[::]{full}") } else { full };
    Ok(tokio::net::lookup_host(full).await?.collect())
}

/// An address with its port: 8443 when none is given.
pub fn with_port(address: &str) -> String {
    with_default_port(address, DEFAULT_PORT)
}

/// The same with the port that LXD serves metrics on.
pub fn with_metrics_port(address: &str) -> String {
    with_default_port(address, DEFAULT_METRICS_PORT)
}

fn with_default_port(address: &str, port: u16) -> String {
    let bare_v6 = address.matches(':').count() > 1 && !address.contains('[');
    let has_port = !bare_v6 && address.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    match (bare_v6, has_port) {
        (true, _) => format!("[{address}]:{port}"),
        (false, true) => address.to_owned(),
        (false, false) => format!("{address}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_port_is_lxds() {
        for (given, expected) in [
            ("10.0.0.1", "10.0.0.1:8443"),
            ("10.0.0.1:9000", "10.0.0.1:9000"),
            ("fd00::1", "[fd00::1]:8443"),
            ("[fd00::1]", "[fd00::1]:8443"),
            ("[fd00::1]:9000", "[fd00::1]:9000"),
            (":8443", ":8443"),
        ] {
            assert_eq!(with_port(given), expected);
        }
    }
}
