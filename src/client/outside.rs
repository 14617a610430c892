//! Messages to servers outside of the cluster, which are known by authorities as on the web.
//!
//! Each message has a connection of its own: they are rare, and a kept connection may have died unnoticed. Nothing is
//! followed that answers lead to, and no more of an answer is read than its status.

use std::fmt;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::{Body, body};

/// Where systems keep the authorities that they trust: the first that is there is taken.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A server outside of the cluster.
pub struct Outside {
    host: String,
    port: u16,
    /// The `Host` header.
    authority: HeaderValue,
    target: String,
    tls: Option<Arc<ClientConfig>>,
}

/// Why a message was not taken. It names host and port and no path: a path may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// The address or the authorities cannot be used.
    #[error("{0}")]
    Unusable(&'static str),
    /// Nothing answers, or not as it should.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// `host:port`.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// The answer did not come in time.
    #[error("{host} did not answer within {} s", .limit.as_secs())]
    Timeout {
        /// `host:port`.
        host: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It was not taken.
    #[error("{host} answered {status}{more}", more = if .status.is_redirection() { ", and redirects are not followed" } else { "" })]
    Refused {
        /// `host:port`.
        host: String,
        /// The answer.
        status: StatusCode,
    },
}

impl Outside {
    /// The server at `url`. `authorities` (PEM) may vouch for it; those of the system when it is empty.
    ///
    /// # Errors
    /// When the address or the authorities cannot be used.
    pub fn new(url: &str, authorities: &str) -> Result<Self, OutsideError> {
        let unusable = || OutsideError::Unusable("the address cannot be used");
        let uri: Uri = url.parse().map_err(|_| unusable())?;
        let host = uri.host().ok_or_else(unusable)?.trim_matches(['[', ']']).to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or_else(unusable)?;
        Ok(Self {
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| unusable())?,
            target: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            tls: if is_tls { Some(trusting(authorities)?) } else { None },
            host,
        })
    }

    /// Posts a message, which is taken when this returns.
    ///
    /// # Errors
    /// Why it was not taken. Whether a message whose answer did not come was taken is unknown.
    pub async fn post(
        &self,
        headers: &[(&'static str, String)],
        text: &str,
        limit: Duration,
    ) -> Result<(), OutsideError> {
        let host = self.to_string();
        let status = match timeout(limit, self.exchange(headers, text)).await {
            Ok(Ok(status)) => status,
            Ok(Err(cause)) => return Err(OutsideError::Unreachable { host, cause }),
            Err(_) => return Err(OutsideError::Timeout { host, limit }),
        };
        if status.is_success() { Ok(()) } else { Err(OutsideError::Refused { host, status }) }
    }

    async fn exchange(&self, headers: &[(&'static str, String)], text: &str) -> Result<StatusCode, String> {
        let request = self.request(headers, text)?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|cause| cause.to_string())?;
        let Some(config) = &self.tls else { return send(stream, request).await };
        let name = ServerName::try_from(self.host.clone()).map_err(|cause| cause.to_string())?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        send(stream.map_err(|cause| cause.to_string())?, request).await
    }

    fn request(&self, headers: &[(&'static str, String)], text: &str) -> Result<Request<Body>, String> {
        let start = Request::post(&self.target)
            .header(HOST, &self.authority)
            .header(CONNECTION, "close")
            .header(CONTENT_LENGTH, text.len());
        let request = headers.iter().fold(start, |request, (name, value)| request.header(*name, value));
        request.body(body(Bytes::from(text.to_owned()))).map_err(|cause| cause.to_string())
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

async fn send<S>(stream: S, request: Request<Body>) -> Result<StatusCode, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|cause| cause.to_string())?;
    // The connection lives as long as this message: whoever gives up waiting closes it.
    let answer = sender.send_request(request);
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status()).map_err(|cause| cause.to_string()),
        ended = &mut connection => match (ended, answer.await) {
            (_, Ok(answer)) => Ok(answer.status()),
            (Err(cause), Err(_)) => Err(cause.to_string()),
            (Ok(()), Err(cause)) => Err(cause.to_string()),
        },
    }
}

fn trusting(authorities: &str) -> Result<Arc<ClientConfig>, OutsideError> {
    let text = match authorities {
        "" => AUTHORITIES.iter().find_map(|path| fs::read(path).ok()).ok_or(OutsideError::Unusable(
            "this machine has no list of authorities (Debian package ca-certificates): give the webhook its own",
        ))?,
        given => given.as_bytes().to_vec(),
    };
    let mut roots = RootCertStore::empty();
    // One that cannot be read vouches for nobody; the others do.
    let (taken, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if taken == 0 {
        return Err(OutsideError::Unusable("there is no readable certificate among the authorities"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| OutsideError::Unusable("TLS cannot be spoken"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

    /// Reads one request, and answers it with this.
    async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
        let mut text = String::new();
        while !text.ends_with("hello") {
            let mut bytes = [0; 1024];
            let read = stream.read(&mut bytes).await.expect("a request");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        stream.write_all(answer.as_bytes()).await.expect("an answer");
        stream.flush().await.expect("an answer");
        text
    }

    /// A server that answers one request with this, and gives what it was sent.
    async fn server(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            serve(stream, answer).await
        });
        (format!("http://{address}/in/T0K3N?a=b"), served)
    }

    fn certified(name: &str) -> CertifiedKey<KeyPair> {
        generate_simple_self_signed([name.to_owned()]).expect("a certificate")
    }

    /// The same over https with this certificate; it gives nothing when the client goes away before it has sent any.
    async fn secure_server(own: &CertifiedKey<KeyPair>) -> (String, JoinHandle<Option<String>>) {
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a certificate with its key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
            Some(serve(stream, TAKEN).await)
        });
        (format!("https://{address}/in/T0K3N?a=b"), served)
    }

    async fn posted(answer: &'static str) -> (Result<(), OutsideError>, String) {
        let (url, served) = server(answer).await;
        let outside = Outside::new(&url, "").expect("an address");
        let sent = outside.post(&[("x-mark", "7".to_owned())], "hello", LIMIT).await;
        (sent, served.await.expect("served"))
    }

    #[tokio::test]
    async fn what_is_taken_was_posted_with_its_headers() {
        let (sent, text) = posted(TAKEN).await;
        assert!(sent.is_ok(), "{sent:?}");
        assert!(text.starts_with("POST /in/T0K3N?a=b HTTP/1.1\r\nhost: 127.0.0.1:"), "{text}");
        assert!(text.contains("x-mark: 7\r\n") && text.contains("content-length: 5\r\n"), "{text}");
    }

    #[tokio::test]
    async fn what_is_not_taken_says_why_and_never_the_path() {
        for (answer, why) in [
            ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "answered 500 Internal Server Error"),
            (
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
                "answered 302 Found, and redirects are not followed",
            ),
            ("what?", "cannot be reached: "),
        ] {
            let (sent, _) = posted(answer).await;
            let text = sent.expect_err("not taken").to_string();
            assert!(text.contains(why) && !text.contains("T0K3N"), "{text}");
        }
    }

    #[tokio::test]
    async fn over_https_the_message_reaches_whom_the_authorities_vouch_for() {
        let own = certified("127.0.0.1");
        let (url, served) = secure_server(&own).await;
        let both = certified("other.example").cert.pem() + &own.cert.pem();
        let outside = Outside::new(&url, &both).expect("an address");
        outside.post(&[("x-mark", "7".to_owned())], "hello", LIMIT).await.expect("taken");
        let text = served.await.expect("served").expect("a request");
        assert!(text.starts_with("POST /in/T0K3N?a=b HTTP/1.1\r\n") && text.contains("x-mark: 7\r\n"), "{text}");
    }

    #[tokio::test]
    async fn over_https_nothing_is_said_to_somebody_else() {
        let (here, stranger, elsewhere) = (certified("127.0.0.1"), certified("127.0.0.1"), certified("ci.example"));
        for (own, trusted, why) in [
            (&stranger, &here, "invalid peer certificate: "),
            // Vouched for, as another server.
            (&elsewhere, &elsewhere, "certificate not valid for name"),
        ] {
            let (url, served) = secure_server(own).await;
            let outside = Outside::new(&url, &trusted.cert.pem()).expect("an address");
            let refused = outside.post(&[], "hello", LIMIT).await.expect_err("somebody else").to_string();
            assert!(refused.contains("cannot be reached: ") && refused.contains(why), "{refused}");
            assert!(!refused.contains("T0K3N"), "{refused}");
            assert_eq!(served.await.expect("served"), None, "the message was sent");
        }
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_refuses() {
        let sent = Outside::new("http://127.0.0.1:1/", "").expect("an address").post(&[], "hello", LIMIT).await;
        assert!(matches!(sent, Err(OutsideError::Unreachable { .. })), "{sent:?}");
    }

    #[test]
    fn authorities_that_vouch_for_nobody_are_refused() {
        assert!(
            Outside::new("https://ci.example/", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----")
                .is_err()
        );
        assert!(Outside::new("https://ci.example/", "no certificate").is_err());
    }
}
