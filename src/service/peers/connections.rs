//! Connections to other members. Each sort of traffic has its own, so that none waits behind another, and those of the
//! store live on the threads of Raft alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::header::IF_MATCH;
use hyper::{Method, Request, StatusCode};

use super::request_origin;
use crate::api::ApiError;
use crate::client::{Client, ClientError};
use crate::service::access::credentials::Credentials;
use crate::service::access::trust::Trust;

/// Longer than any answer that is worth waiting for takes; the caller's own limit is shorter.
const FORWARD_LIMIT: Duration = Duration::from_secs(600);

/// The header that says who asked, when a member passes a request on.
pub const ON_BEHALF: &str = "x-seedbed-on-behalf-of";

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Requests of clients that are passed on.
    Calls,
    /// Raft's entries and heartbeats.
    Append,
    /// Raft's elections.
    Raft,
    /// What followers pass on to the leader of the store: entries to be, and barriers.
    Store,
    /// Whole snapshots.
    Snapshot,
    /// Who answers.
    Liveness,
}

/// What another member has answered, as it came.
pub type PeerResponse = hyper::Response<Bytes>;

/// The clients by address and use.
pub struct Peers {
    credentials: Arc<Credentials>,
    trust: Arc<Trust>,
    clients: Mutex<HashMap<(String, Channel), PinnedClient>>,
}

/// A client and the certificate that it insists on.
struct PinnedClient {
    certificate: String,
    client: Client,
}

impl Peers {
    /// No connections yet.
    pub fn new(credentials: Arc<Credentials>, trust: Arc<Trust>) -> Self {
        Self { credentials, trust, clients: Mutex::new(HashMap::new()) }
    }

    /// The client for the member at an address, which must answer with its own certificate: the one that all members
    /// share may be in the hands of somebody who was one.
    ///
    /// # Errors
    /// 503 when no member is known to be there.
    pub fn client(&self, address: &str, line: Channel) -> Result<Client, ApiError> {
        let unknown = || ApiError::unavailable(format!("no member is known here at {address} yet; try again"));
        let certificate = self.trust.certificate_at(address).ok_or_else(unknown)?;
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let place = (address.to_owned(), line);
        if let Some(known) = clients.get(&place).filter(|known| known.certificate == certificate) {
            return Ok(known.client.clone());
        }
        let identity = self.credentials.identity()?;
        let client =
            Client::to_member(address, &certificate, &identity).map_err(|error| ApiError::failed(error.to_string()))?;
        clients.insert(place, PinnedClient { certificate, client: client.clone() });
        Ok(client)
    }

    /// Closes all connections: certificates have changed.
    pub fn forget(&self) {
        self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    /// Closes the connections to one address: another member may listen there now.
    pub fn forget_address(&self, address: &str) {
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clients.retain(|(kept, _), _| kept != address);
    }

    /// Passes a request on and gives back what the other member answers.
    ///
    /// # Errors
    /// Why there is no answer, and whether the request may have arrived.
    pub async fn forward(
        &self,
        address: &str,
        method: Method,
        path: &str,
        by: &str,
        body: Bytes,
    ) -> Result<PeerResponse, Forwarded> {
        self.forward_if(address, (method, path, None), by, body).await
    }

    /// The same with the `If-Match` that the request came with.
    pub async fn forward_if(
        &self,
        address: &str,
        (method, path, matching): (Method, &str, Option<HeaderValue>),
        by: &str,
        body: Bytes,
    ) -> Result<PeerResponse, Forwarded> {
        let client = self.client(address, Channel::Calls)?.with_timeout(FORWARD_LIMIT);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header(ON_BEHALF, by);
        let request = match request_origin::header() {
            Some(from) => request.header(request_origin::HEADER, from),
            None => request,
        };
        let request = match matching {
            Some(tag) => request.header(IF_MATCH, tag),
            None => request,
        };
        let request = request
            .body(crate::client::body(body))
            .map_err(|cause| ApiError::failed(format!("cannot pass the request on: {cause}")))?;
        let answer = client.exchange(request).await.map_err(Forwarded::Failed)?;
        let status = StatusCode::from_u16(answer.status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut response = PeerResponse::new(answer.body);
        (*response.status_mut(), *response.headers_mut()) = (status, answer.headers);
        Ok(response)
    }
}

/// Why a request that was passed on has no answer.
#[derive(Debug)]
pub enum Forwarded {
    /// The connection failed, or the other member is silent.
    Failed(ClientError),
    /// Whoever was to answer leads no more, or is not heard any more.
    Lost,
    /// It could not be sent.
    Unsent(ApiError),
}

impl Forwarded {
    /// Whether the other member may have begun with it.
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Failed(error) => !matches!(
                error,
                ClientError::Unreachable { .. } | ClientError::WrongCertificate { .. } | ClientError::NoDaemon { .. }
            ),
            Self::Lost => true,
            Self::Unsent(_) => false,
        }
    }
}

impl From<ApiError> for Forwarded {
    fn from(error: ApiError) -> Self {
        Self::Unsent(error)
    }
}

impl From<Forwarded> for ApiError {
    fn from(forwarded: Forwarded) -> Self {
        match forwarded {
            Forwarded::Failed(error) => unreachable(error),
            Forwarded::Unsent(error) => error,
            Forwarded::Lost => Self::unavailable(
                "the leader has changed or fallen silent while it worked on this: whether it was done is unknown; \
                 look, and try again",
            ),
        }
    }
}

/// Another member does not answer: not an error of the request.
pub fn unreachable(error: ClientError) -> ApiError {
    match error {
        ClientError::Api { status, message, findings } => ApiError::new(status, message).with_findings(findings),
        ClientError::NoDaemon { .. }
        | ClientError::Unreachable { .. }
        | ClientError::WrongCertificate { .. }
        | ClientError::Certificate { .. }
        | ClientError::Timeout { .. }
        | ClientError::Protocol { .. } => ApiError::unavailable(error.to_string()),
    }
}
