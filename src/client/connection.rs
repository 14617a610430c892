//! Connections that are kept and used again, over a unix socket or TLS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::error::ClientError;
use crate::api::Envelope;

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Bytes as a body.
pub fn body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A file as a body, read while it is sent.
pub fn file_body(file: File) -> Body {
    let chunks = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut chunk = BytesMut::with_capacity(FILE_CHUNK);
        let read = file.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (Frame::data(chunk.freeze()), file)))
    });
    BodyExt::boxed_unsync(StreamBody::new(chunks))
}

const FILE_CHUNK: usize = 256 << 10;

/// More idle connections than this are closed.
const KEPT: usize = 16;
/// Nobody knows whether there is still somebody at the other end of a connection that nothing has gone over for longer.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Members are in one building; one that is off does not answer at all.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// What was sent and is not acknowledged for longer has not arrived.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Where requests go.
pub(super) enum Target {
    Unix(PathBuf),
    Https { address: String, name: ServerName<'static>, config: Arc<rustls::ClientConfig> },
}

pub(super) struct Connections {
    target: Target,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that is kept, and since when nothing has gone over it.
struct Idle {
    sender: SendRequest<Body>,
    since: Instant,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// `ETag`, `Location` and the like.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    target: String,
}

impl Answer {
    /// What was asked for, out of the envelope.
    ///
    /// # Errors
    /// When the body is no envelope around it.
    pub fn metadata<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let envelope: Envelope<serde_json::Value> = self.parsed()?;
        serde_json::from_value(envelope.metadata.unwrap_or_default()).map_err(|cause| self.unusable(cause))
    }

    /// The path of the operation that goes on, when the answer is one.
    pub fn operation(&self) -> Option<String> {
        let envelope: Envelope<serde_json::Value> = self.parsed().ok()?;
        (!envelope.operation.is_empty()).then_some(envelope.operation)
    }

    /// The header's text, when it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn checked(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let status = self.status.as_u16();
        let Ok(envelope) = self.parsed::<Envelope<serde_json::Value>>() else {
            let message = format!("{} answered with HTTP status {status}", self.target);
            return Err(ClientError::Api { status, message, findings: Vec::new() });
        };
        let findings = envelope.metadata.and_then(|mut metadata| metadata.get_mut("findings").map(|list| list.take()));
        let findings = findings.and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default();
        Err(ClientError::Api { status, message: envelope.error, findings })
    }

    fn parsed<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|cause| self.unusable(cause))
    }

    fn unusable(&self, cause: serde_json::Error) -> ClientError {
        ClientError::Protocol { target: self.target.clone(), cause: cause.to_string() }
    }
}

impl Connections {
    pub(super) fn new(target: Target) -> Self {
        Self { target, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn socket(&self) -> Option<&Path> {
        match &self.target {
            Target::Unix(path) => Some(path),
            Target::Https { .. } => None,
        }
    }

    pub(super) async fn exchange(&self, mut request: Request<Body>) -> Result<Answer, ClientError> {
        let host = match &self.target {
            Target::Unix(_) => HeaderValue::from_static("localhost"),
            Target::Https { address, .. } => {
                HeaderValue::from_str(address).map_err(|cause| self.protocol(&cause.to_string()))?
            }
        };
        request.headers_mut().insert(HOST, host);
        while let Some(mut sender) = self.kept() {
            // A kept connection may have died unnoticed; then hyper hands the request back unsent.
            if sender.ready().await.is_err() {
                continue;
            }
            // The daemon may have closed it while the request was on its way: what only reads may be asked again.
            let (head, sent) = request.into_parts();
            let again = (head.method == Method::GET).then(|| head.clone());
            match sender.try_send_request(Request::from_parts(head, sent)).await {
                Ok(response) => return self.finish(sender, response).await,
                Err(mut error) => match (error.take_message(), again) {
                    (Some(unsent), _) => request = unsent,
                    (None, Some(head)) => request = Request::from_parts(head, body(Bytes::new())),
                    (None, None) => return Err(self.broken(&error.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        match sender.send_request(request).await {
            Ok(response) => self.finish(sender, response).await,
            Err(error) => Err(self.broken(&error)),
        }
    }

    async fn finish(&self, sender: SendRequest<Body>, response: Response<Incoming>) -> Result<Answer, ClientError> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| self.protocol(&error.to_string()))?.to_bytes();
        self.keep(sender);
        Ok(Answer { status: head.status, headers: head.headers, body, target: self.to_string() })
    }

    fn kept(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|it| it.since.elapsed() < IDLE_MAX);
        idle.pop().map(|it| it.sender)
    }

    fn keep(&self, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !sender.is_closed() && idle.len() < KEPT {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, ClientError> {
        match &self.target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|cause| no_daemon(path, cause))?;
                self.shake(stream).await
            }
            Target::Https { address, name, config } => {
                let stream = dial(address).await?;
                let stream = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await;
                self.shake(stream.map_err(|cause| tls_failed(address, &cause))?).await
            }
        }
    }

    async fn shake<S>(&self, stream: S) -> Result<SendRequest<Body>, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a kept connection ended");
            }
        });
        Ok(sender)
    }

    fn broken(&self, error: &hyper::Error) -> ClientError {
        self.protocol(&error.to_string())
    }

    fn protocol(&self, cause: &str) -> ClientError {
        ClientError::Protocol { target: self.to_string(), cause: cause.to_owned() }
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Unix(path) => write!(f, "the daemon at `{}`", path.display()),
            Target::Https { address, .. } => write!(f, "`{address}`"),
        }
    }
}

pub(super) async fn dial(address: &str) -> Result<TcpStream, ClientError> {
    let unreachable =
        |cause: io::Error| ClientError::Unreachable { address: address.to_owned(), cause: cause.to_string() };
    let connected = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await;
    let late = |_| unreachable(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {CONNECT_MAX:?}")));
    let stream = connected.map_err(late)?.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    notice_silence(&stream).map_err(|cause| unreachable(cause.into()))?;
    Ok(stream)
}

/// Lets the system end a connection whose other end is off or cut away, which would look open for ever.
fn notice_silence(stream: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(5))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(2))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    let silence_ms = u32::try_from(SILENCE_MAX.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(stream, silence_ms)
}

fn no_daemon(path: &Path, cause: io::Error) -> ClientError {
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => "start it with `seedbed daemon`, or name its directory with SEEDBED_DIR",
        io::ErrorKind::PermissionDenied => "run this as root, or as a member of the daemon's group",
        _ => "it is not running: start it with `seedbed daemon`",
    };
    ClientError::NoDaemon { socket: path.to_owned(), cause, hint }
}

fn tls_failed(address: &str, cause: &io::Error) -> ClientError {
    let is_certificate = cause
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
    if is_certificate {
        let cause = "compare it with `cluster.crt` on a member of the cluster".to_owned();
        return ClientError::WrongCertificate { address: address.to_owned(), cause };
    }
    ClientError::Unreachable { address: address.to_owned(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixListener;

    use super::*;

    /// Answers the first request of each connection and hangs up at the second.
    async fn serve_one_each(listener: UnixListener) {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).await.expect("a request") > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.expect("an answer");
            assert!(stream.read(&mut asked).await.expect("a second request") > 0);
        }
    }

    #[tokio::test]
    async fn what_only_reads_is_asked_again_when_a_kept_connection_dies_and_the_rest_fails() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("unix.socket");
        let server = tokio::spawn(serve_one_each(UnixListener::bind(&path).expect("a socket")));
        let connections = Connections::new(Target::Unix(path));
        let ask = |method: Method| {
            let request = Request::builder().method(method).uri("/1.0").body(body(Bytes::new())).expect("a request");
            connections.exchange(request)
        };
        ask(Method::GET).await.expect("an answer");
        ask(Method::GET).await.expect("an answer over a new connection");
        let failed = ask(Method::POST).await.expect_err("nobody knows whether it was done");
        assert!(matches!(failed, ClientError::Protocol { .. }), "{failed}");
        server.abort();
    }
}
