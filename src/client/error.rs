//! Why a call failed, said so that the reader knows what to do.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Finding;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no daemon behind the socket.
    #[error("cannot reach the daemon at `{}`: {cause}; {hint}", .socket.display())]
    NoDaemon {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        cause: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// Nothing answers at the address.
    #[error(
        "cannot reach `{address}`: {cause}; check the address, and that the daemon there listens (core.https_address)"
    )]
    Unreachable {
        /// `host:port`.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// Somebody else answers at the address.
    #[error("`{address}` answers with another certificate than the expected one: {cause}")]
    WrongCertificate {
        /// `host:port`.
        address: String,
        /// What is known about it.
        cause: String,
    },
    /// A certificate or a key that cannot be used.
    #[error("cannot use {what}: {cause}")]
    Certificate {
        /// Which one.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// The answer did not come in time. Whether the request was carried out is unknown.
    #[error("{target} did not answer within {} s", .limit.as_secs_f32())]
    Timeout {
        /// Whom was asked.
        target: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The daemon refused or failed.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// In the daemon's words.
        message: String,
        /// Everything that is wrong with a manifest.
        findings: Vec<Finding>,
    },
    /// What came back is no answer of the API.
    #[error("{target} gave no usable answer: {cause}")]
    Protocol {
        /// Whom was asked.
        target: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl ClientError {
    /// Whether the request certainly did not reach the daemon.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::NoDaemon { .. } | Self::Unreachable { .. })
    }

    /// The HTTP status, when the daemon answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            Self::NoDaemon { .. }
            | Self::Unreachable { .. }
            | Self::WrongCertificate { .. }
            | Self::Certificate { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. } => None,
        }
    }
}
