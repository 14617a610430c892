//! Raft's way to the other members: requests on kept HTTPS connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::client::{Answer, Body, ClientError, body, file_body};
use crate::http::{SNAPSHOT, SNAPSHOT_PATH, TO};
use crate::service::{Channel, Peers};
use crate::store::{BoxFuture, Peer, Rpc, Transport, TransportError};

/// The transport of this daemon's stores.
pub struct HttpsTransport {
    peers: Arc<Peers>,
}

impl HttpsTransport {
    /// Calls go through these connections.
    pub fn new(peers: Arc<Peers>) -> Self {
        Self { peers }
    }

    async fn send(
        &self,
        to: Peer,
        line: Channel,
        request: Result<Request<Body>, axum::http::Error>,
        limit: Duration,
    ) -> Result<Bytes, TransportError> {
        let failed = |detail: String| TransportError::Failed(detail);
        let client = self.peers.client(&to.address, line).map_err(|error| failed(error.message))?;
        let request = request.map_err(|cause| failed(cause.to_string()))?;
        match client.with_timeout(limit).exchange(request).await {
            Ok(answer) if answer.status.is_success() => Ok(answer.body),
            Ok(answer) => Err(failed(text_of(&answer))),
            Err(ClientError::Timeout { .. }) => Err(TransportError::Timeout),
            Err(error) => Err(TransportError::Unreachable(error.to_string())),
        }
    }
}

impl Transport for HttpsTransport {
    fn call(&self, to: &Peer, rpc: Rpc, bytes: Bytes, limit: Duration) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        let line = match rpc {
            Rpc::Append => Channel::Append,
            Rpc::Snapshot => Channel::Snapshot,
            Rpc::Submit | Rpc::Barrier => Channel::Store,
            Rpc::Vote | Rpc::PreVote | Rpc::TransferLeader => Channel::Raft,
        };
        let request = post(&format!("/internal/raft/{}", rpc.as_path()), to).body(body(bytes));
        Box::pin(self.send(to.clone(), line, request, limit))
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        header: Bytes,
        file: PathBuf,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        let to = to.clone();
        Box::pin(async move {
            let content = open(&file).await?;
            let request = post(SNAPSHOT_PATH, &to).header(SNAPSHOT, STANDARD.encode(&header));
            self.send(to, Channel::Snapshot, request.body(content), limit).await
        })
    }
}

fn post(path: &str, to: &Peer) -> axum::http::request::Builder {
    Request::builder().method(Method::POST).uri(path).header(TO, to.id.to_string())
}

async fn open(path: &Path) -> Result<Body, TransportError> {
    let file = tokio::fs::File::open(path).await;
    file.map(file_body).map_err(|cause| TransportError::Failed(format!("cannot read `{}`: {cause}", path.display())))
}

fn text_of(answer: &Answer) -> String {
    let envelope: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let text = envelope.and_then(|envelope| Some(envelope.get("error")?.as_str()?.to_owned()));
    text.unwrap_or_else(|| format!("HTTP status {}", answer.status.as_u16()))
}
