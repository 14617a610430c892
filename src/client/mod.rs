//! The typed HTTP client: over the unix socket, or over HTTPS with a pinned certificate.

mod calls;
mod connection;
mod error;
mod outside;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use calls::{Force, Waited};
pub use connection::{Answer, Body, body, file_body};
pub use error::ClientError;
pub use outside::{Outside, OutsideError};
pub use tls::{Identity, der_of, fetch_certificate, fingerprint, pem_of};

use crate::api::paths;
use crate::model::Outdated;

use connection::{Connections, Target};

/// A daemon to talk to. Connections are kept and used again. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    connections: Arc<Connections>,
    timeout: Option<Duration>,
    listener: Option<Listener>,
}

/// Whoever wants to know of each answer whether it is old.
type Listener = Arc<dyn Fn(Option<Outdated>) + Send + Sync>;

impl Client {
    /// The daemon that listens on this socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { connections: Arc::new(Connections::new(Target::Unix(path.into()))), timeout: None, listener: None }
    }

    /// The daemon at `host:port`, which must answer with exactly this certificate (PEM).
    ///
    /// # Errors
    /// When a certificate or key is not readable.
    pub fn https(address: &str, pinned: &str, identity: Option<&Identity>) -> Result<Self, ClientError> {
        let config = tls::client_config(pinned, identity)?;
        let target = Target::Https { address: address.to_owned(), name: tls::server_name(address), config };
        Ok(Self { connections: Arc::new(Connections::new(target)), timeout: None, listener: None })
    }

    /// The member at `host:port`, which must answer with exactly this certificate of its own (PEM), not with the one
    /// that all members share.
    ///
    /// # Errors
    /// When a certificate or key is not readable.
    pub fn to_member(address: &str, own: &str, identity: &Identity) -> Result<Self, ClientError> {
        let config = tls::client_config(own, Some(identity))?;
        let target = Target::Https { address: address.to_owned(), name: tls::member_name(), config };
        Ok(Self { connections: Arc::new(Connections::new(target)), timeout: None, listener: None })
    }

    /// The same daemon with a time limit for every answer.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// The same daemon, with somebody who is told of each answer whether it is old, and why.
    #[must_use]
    pub fn telling(self, listener: impl Fn(Option<Outdated>) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), ..self }
    }

    /// The socket that this client uses, when it uses one.
    pub fn socket(&self) -> Option<&Path> {
        self.connections.socket()
    }

    /// What a `GET` answers.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all calls.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, Bytes::new()).await?.metadata()
    }

    /// What a `POST` answers.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.send(Method::POST, path, json(body)?).await?.metadata()
    }

    /// What a `PUT` answers.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.send(Method::PUT, path, json(body)?).await?.metadata()
    }

    /// What a `PATCH` answers.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.send(Method::PATCH, path, json(body)?).await?.metadata()
    }

    /// What a `DELETE` answers.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::DELETE, path, Bytes::new()).await?.metadata()
    }

    /// One exchange with all that the answer carries; errors of the API are errors here.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, ClientError> {
        self.send_matching(method, path, body, None).await
    }

    /// The same with `If-Match`.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn send_matching(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        etag: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut request = hyper::Request::builder().method(method).uri(path);
        request = request.header("content-type", "application/json");
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        let request = request.body(connection::body(body)).map_err(|cause| ClientError::Protocol {
            target: self.connections.to_string(),
            cause: cause.to_string(),
        })?;
        self.exchange(request).await?.checked()
    }

    /// One raw exchange: whatever the status, the answer comes back whole.
    #[expect(clippy::missing_errors_doc, reason = "said at `get`")]
    pub async fn exchange(&self, request: hyper::Request<Body>) -> Result<Answer, ClientError> {
        let answer = match self.timeout {
            None => self.connections.exchange(request).await,
            Some(limit) => match tokio::time::timeout(limit, self.connections.exchange(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(ClientError::Timeout { target: self.connections.to_string(), limit }),
            },
        }?;
        if let Some(listener) = &self.listener {
            listener(answer.header(paths::OUTDATED).and_then(|text| serde_json::from_str(text).ok()));
        }
        Ok(answer)
    }
}

fn json(body: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|cause| ClientError::Protocol {
        target: "this program".to_owned(),
        cause: format!("a request cannot be written as JSON: {cause}"),
    })
}
