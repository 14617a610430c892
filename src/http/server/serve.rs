//! Connections: each is served until it ends, and carries who is at its other end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::main_runtime::Apart;
use crate::http::internal::raft;
use crate::model::Origin;
use crate::service::access::caller::{Caller, PeerCertificate};
use crate::service::access::connection_limits::Slot;
use crate::service::access::summary::Summary;
use crate::service::peers::connections::ON_BEHALF;
use crate::service::peers::request_origin;
use crate::service::server::Server;

/// Whoever has not said who it is by then does not mean to.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// One line a second at most says that files have run out.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Who is at the other end of a connection.
#[derive(Clone)]
enum ConnectionInfo {
    Unix { uid: u32 },
    Tls { certificate: Option<Arc<PeerCertificate>>, address: String },
}

/// Serves the unix socket until `stop` turns true.
pub async fn serve_unix(server: Arc<Server>, router: Router, listener: UnixListener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                // The kernel vouches for the user; who it is only matters for the audit trail.
                let uid = stream.peer_cred().map_or(u32::MAX, |credentials| credentials.uid());
                let service = (router.clone(), None);
                tokio::spawn(serve(Arc::clone(&server), service, stream, ConnectionInfo::Unix { uid }, stop.clone()));
            }
            Err(error) => pause("the unix socket", &error).await,
        }
    }
}

/// Serves HTTPS until `stop` turns true. The port is watched by the threads of Raft, which also serve the connections of
/// members; everybody else's, and all requests but those between stores, are served by `clients`.
pub async fn serve_tls(
    server: Arc<Server>,
    (router, clients): (Router, Handle),
    listener: TcpListener,
    config: Arc<ServerConfig>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(config);
    let refused = Summary::new("connections were closed: strangers have too many open");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause("the HTTPS port", &error).await;
                continue;
            }
        };
        let is_member = server.trust.is_member_at(address.ip());
        let Some(slot) = server.connections.enter(address.ip(), is_member) else {
            refused.note(Some(address.ip()));
            continue;
        };
        let (server, acceptor, stop) = (Arc::clone(&server), acceptor.clone(), stop.clone());
        let service = (router.clone(), clients.clone());
        let runtime = if is_member { &server.peer_runtime } else { &clients };
        runtime.clone().spawn(async move {
            match timeout(HANDSHAKE_LIMIT, handshake(&acceptor, stream)).await {
                Ok(Ok(stream)) => serve_one(server, service, stream, (slot, address), stop),
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a TLS handshake did not come to its end"),
            }
        });
    }
}

async fn handshake(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    acceptor.accept(stream).await
}

fn serve_one(
    server: Arc<Server>,
    (router, clients): (Router, Handle),
    stream: TlsStream<TcpStream>,
    (mut slot, address): (Slot, SocketAddr),
    stop: watch::Receiver<bool>,
) {
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.and_then(|chain| chain.first()).map(|it| Arc::new(PeerCertificate::of(it)));
    let caller = certificate.as_ref().map(|it| server.trust.caller(it, &server.store(), server.now()));
    if caller.as_ref().is_some_and(Caller::is_trusted) && !slot.count_as_trusted() {
        tracing::debug!(%address, "a connection was closed: clients have too many open");
        return;
    }
    // A member may come from another address than the one that it listens on.
    let is_member = caller.is_some_and(|caller| caller.member().is_ok());
    let (runtime, elsewhere) = if is_member { (server.peer_runtime.clone(), Some(clients)) } else { (clients, None) };
    let line = ConnectionInfo::Tls { certificate, address: address.to_string() };
    runtime.spawn(async move {
        serve(server, (router, elsewhere), stream, line, stop).await;
        drop(slot);
    });
}

/// Returns when the server is to stop. What the channel hands out must not live across an await.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Accepting fails when files run out: waiting a moment lets connections end, spinning does not.
async fn pause(what: &str, error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection on {what}; trying again");
    tokio::time::sleep(ACCEPT_AGAIN).await;
}

/// Serves one connection. All requests but those between stores are answered by the other runtime, where there is one.
async fn serve<S>(
    server: Arc<Server>,
    (router, elsewhere): (Router, Option<Handle>),
    stream: S,
    line: ConnectionInfo,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        let caller = caller_of(&server, &line, &request);
        let from = origin_of(&line, &caller, &request);
        let is_between_stores = caller.member().is_ok() && request.uri().path().starts_with(raft::PATHS);
        request.extensions_mut().insert(caller);
        let answer = request_origin::within(from, router.clone().oneshot(request));
        let elsewhere = elsewhere.clone().filter(|_| !is_between_stores);
        async move {
            match elsewhere {
                None => Ok(answer.await.unwrap_or_else(|never| match never {})),
                // One that panics ends its connection, as it would in place.
                Some(runtime) => {
                    Apart::on(&runtime, answer).await.map(|answer| answer.unwrap_or_else(|never| match never {}))
                }
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            // The answer under way is still given.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn caller_of(server: &Server, line: &ConnectionInfo, request: &Request) -> Caller {
    match line {
        ConnectionInfo::Unix { uid } => Caller::Local { uid: *uid },
        ConnectionInfo::Tls { certificate: None, .. } => Caller::Stranger { certificate: None },
        ConnectionInfo::Tls { certificate: Some(certificate), .. } => {
            let (store, now) = (server.store(), server.now());
            let caller = server.trust.caller(certificate, &store, now);
            match (caller, request.headers().get(ON_BEHALF)) {
                (Caller::Member(via), Some(by)) => {
                    server.trust.forwarded(via, by.to_str().unwrap_or_default(), &store, now)
                }
                (caller, _) => caller,
            }
        }
    }
}

/// Who asks over the unix socket has no address; for whom a member speaks, the member knows it, and is named.
fn origin_of(line: &ConnectionInfo, caller: &Caller, request: &Request) -> Origin {
    let via = match caller {
        Caller::Forwarded { via, .. } => Some(via),
        Caller::Stranger { certificate: Some(certificate) } => certificate.via.as_ref(),
        _ => None,
    };
    match (via, line) {
        (Some(via), _) => Origin { via: via.0.clone(), ..request_origin::told(request.headers()).unwrap_or_default() },
        (None, ConnectionInfo::Unix { .. }) => Origin::default(),
        (None, ConnectionInfo::Tls { address, .. }) => Origin { address: address.clone(), ..Origin::default() },
    }
}
