//! How members call each other. The store gives bytes and takes bytes; somebody above knows HTTPS.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use crate::store::options::Peer;

/// A future that can be stored.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The way to the other members.
pub trait Transport: Send + Sync + 'static {
    /// Sends `body` to a peer and returns what its [`Store::answer`](crate::store::Store::answer) gave, within `limit`.
    fn call(&self, to: &Peer, rpc: Rpc, body: Bytes, limit: Duration) -> BoxFuture<'_, Result<Bytes, TransportError>>;

    /// Sends a snapshot file to a peer and returns what its
    /// [`Store::receive_snapshot`](crate::store::Store::receive_snapshot) gave, within `limit`.
    fn send_snapshot(
        &self,
        to: &Peer,
        header: Bytes,
        file: PathBuf,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Bytes, TransportError>>;
}

/// What one member can ask of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rpc {
    /// Entries of the log, or a heartbeat.
    Append,
    /// A vote in an election.
    Vote,
    /// Whether a vote would be given.
    PreVote,
    /// A snapshot of the whole state. Its file goes through [`Transport::send_snapshot`].
    Snapshot,
    /// To take over the lead.
    TransferLeader,
    /// To put commands into the log.
    Submit,
    /// Up to which entry a reader must have applied to read what is current.
    Barrier,
}

impl Rpc {
    /// All of them, for whoever makes routes.
    pub const ALL: [Self; 7] =
        [Self::Append, Self::Vote, Self::PreVote, Self::Snapshot, Self::TransferLeader, Self::Submit, Self::Barrier];

    /// Its name in a URL.
    pub fn as_path(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Vote => "vote",
            Self::PreVote => "pre-vote",
            Self::Snapshot => "snapshot",
            Self::TransferLeader => "transfer-leader",
            Self::Submit => "submit",
            Self::Barrier => "barrier",
        }
    }

    /// The call with this name in a URL.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rpc| rpc.as_path() == path)
    }
}

/// A call that did not come back with an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing arrived there: connecting failed, or there is no way to that peer.
    #[error("{0}")]
    Unreachable(String),
    /// It may have arrived, but no answer came in time.
    #[error("no answer in time")]
    Timeout,
    /// The peer answered that it failed.
    #[error("it answered: {0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_by_its_path() {
        for rpc in Rpc::ALL {
            assert_eq!(Rpc::from_path(rpc.as_path()), Some(rpc));
        }
        assert_eq!(Rpc::from_path("nothing"), None);
    }
}
