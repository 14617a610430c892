//! Connections: each is served until it ends, and carries who is at its other end.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::answer::hex;
use super::caller::{Caller, PeerCertificate};
use super::origin;
use super::peers::ON_BEHALF;
use super::server::Server;
use crate::model::Origin;

/// Who is at the other end of a connection.
#[derive(Clone)]
enum Line {
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
                tokio::spawn(serve(Arc::clone(&server), router.clone(), stream, Line::Unix { uid }, stop.clone()));
            }
            Err(error) => pause("the unix socket", &error).await,
        }
    }
}

/// Serves HTTPS until `stop` turns true.
pub async fn serve_tls(
    server: Arc<Server>,
    router: Router,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(config);
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
        let (server, router, acceptor, stop) = (Arc::clone(&server), router.clone(), acceptor.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection ended before it began");
                return;
            }
            match acceptor.accept(stream).await {
                Ok(stream) => {
                    let chain = stream.get_ref().1.peer_certificates();
                    let certificate = chain.and_then(|chain| chain.first()).map(|it| Arc::new(certificate_of(it)));
                    let line = Line::Tls { certificate, address: address.to_string() };
                    serve(server, router, stream, line, stop).await;
                }
                Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
            }
        });
    }
}

/// Returns when the server is to stop. What the channel hands out must not live across an await.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

fn certificate_of(certificate: &rustls::pki_types::CertificateDer<'_>) -> PeerCertificate {
    use sha2::Digest as _;
    let fingerprint = hex(&sha2::Sha256::digest(certificate));
    PeerCertificate { der: certificate.to_vec(), fingerprint }
}

/// Accepting fails when files run out: waiting a moment lets connections end, spinning does not.
async fn pause(what: &str, error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection on {what}; trying again");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}

async fn serve<S>(server: Arc<Server>, router: Router, stream: S, line: Line, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        let caller = caller_of(&server, &line, &request);
        let from = origin_of(&line, &caller, &request);
        request.extensions_mut().insert(caller);
        origin::within(from, router.clone().oneshot(request))
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

fn caller_of(server: &Server, line: &Line, request: &Request) -> Caller {
    match line {
        Line::Unix { uid } => Caller::Local { uid: *uid },
        Line::Tls { certificate: None, .. } => Caller::Stranger { certificate: None },
        Line::Tls { certificate: Some(certificate), .. } => {
            let caller = server.trust.caller(certificate, &server.store());
            match (&caller, request.headers().get(ON_BEHALF).and_then(|value| value.to_str().ok())) {
                // A member has checked whom it speaks for.
                (Caller::Member(_), Some(original)) => Caller::Forwarded { by: original.to_owned() },
                _ => caller,
            }
        }
    }
}

/// Who asks over the unix socket has no address; for whom a member speaks, the member knows it.
fn origin_of(line: &Line, caller: &Caller, request: &Request) -> Origin {
    match (line, caller) {
        (_, Caller::Forwarded { .. }) => origin::told(request.headers()).unwrap_or_default(),
        (Line::Unix { .. }, _) => Origin::default(),
        (Line::Tls { address, .. }, _) => Origin { address: address.clone(), ..Origin::default() },
    }
}
