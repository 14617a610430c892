//! Who asks.

use std::sync::Arc;

use crate::api::ApiError;
use crate::model::{MemberName, Timestamp};
use crate::service::wire::hex;

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
        /// Who asked: trusted here, too, or somebody for whom only that member can answer.
        by: String,
        /// That member.
        via: MemberName,
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
    /// Its DER; empty when another member has seen it.
    pub der: Vec<u8>,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
    /// When it is good.
    pub validity: Validity,
    /// The member that has seen it and passes the request on; none for the other end of the connection.
    pub via: Option<MemberName>,
}

/// From when until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    from: Timestamp,
    until: Timestamp,
}

impl Validity {
    /// What the certificate itself says; one that cannot be read is never good.
    pub fn of(der: &[u8]) -> Self {
        let read = x509_parser::parse_x509_certificate(der).map(|(_, certificate)| {
            let moment = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
            let validity = certificate.validity();
            Self { from: moment(validity.not_before), until: moment(validity.not_after) }
        });
        read.unwrap_or(Self { from: Timestamp(i64::MAX), until: Timestamp(i64::MIN) })
    }

    /// Whether the certificate is good at this moment.
    pub fn holds(self, now: Timestamp) -> bool {
        self.from <= now && now <= self.until
    }
}

impl PeerCertificate {
    /// The certificate of the other end of a connection.
    pub fn of(der: &[u8]) -> Self {
        use sha2::Digest as _;
        let fingerprint = hex(&sha2::Sha256::digest(der));
        Self { der: der.to_vec(), fingerprint, validity: Validity::of(der), via: None }
    }
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
            Self::Forwarded { by, .. } => by.clone(),
            Self::Stranger { certificate } => {
                certificate.as_ref().map_or_else(|| "nobody".to_owned(), |it| it.fingerprint.clone())
            }
        }
    }
}
