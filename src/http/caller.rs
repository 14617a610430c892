//! Who asks.

use std::sync::Arc;

use crate::api::ApiError;
use crate::model::MemberName;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who may open the unix socket.
    Local {
        /// The process's user.
        uid: u32,
    },
    /// Another member.
    Member(MemberName),
    /// A member that is still joining: until the cluster has committed that, only the join itself is open to it.
    Joining(MemberName),
    /// A client with a trusted certificate.
    Client {
        /// SHA-256 of it, in hex.
        fingerprint: String,
    },
    /// Somebody who asked another member, which checked them and passed the request on.
    Forwarded {
        /// Who asked, as that member wrote it.
        by: String,
    },
    /// Nobody whom the store knows.
    Stranger {
        /// The certificate that the connection uses, if any.
        certificate: Option<Arc<PeerCertificate>>,
    },
}

/// The certificate of the other end of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its DER.
    pub der: Vec<u8>,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
}

impl Caller {
    /// Whether the whole API is open to them.
    pub fn is_trusted(&self) -> bool {
        match self {
            Self::Local { .. } | Self::Member(_) | Self::Client { .. } | Self::Forwarded { .. } => true,
            Self::Joining(_) | Self::Stranger { .. } => false,
        }
    }

    /// Refuses strangers.
    pub fn trusted(&self) -> Result<(), ApiError> {
        if self.is_trusted() { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// Refuses everybody but members.
    pub fn member(&self) -> Result<(), ApiError> {
        match self {
            Self::Member(_) => Ok(()),
            Self::Local { .. }
            | Self::Joining(_)
            | Self::Client { .. }
            | Self::Forwarded { .. }
            | Self::Stranger { .. } => Err(ApiError::forbidden()),
        }
    }

    /// For the audit trail in the log.
    pub fn audit(&self) -> String {
        match self {
            Self::Local { uid } => format!("unix:{uid}"),
            Self::Member(name) | Self::Joining(name) => format!("member:{name}"),
            Self::Client { fingerprint } => fingerprint.clone(),
            Self::Forwarded { by } => by.clone(),
            Self::Stranger { certificate } => {
                certificate.as_ref().map_or_else(|| "nobody".to_owned(), |it| it.fingerprint.clone())
            }
        }
    }
}
