//! Who asks, and whether the store trusts them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::api::ApiError;
use crate::client::fingerprint;
use crate::model::{Key, MemberName, Revision};
use crate::store::Store;

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
        !matches!(self, Self::Stranger { .. })
    }

    /// Refuses strangers.
    pub fn trusted(&self) -> Result<(), ApiError> {
        if self.is_trusted() { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// Refuses everybody but members.
    pub fn member(&self) -> Result<(), ApiError> {
        match self {
            Self::Member(_) => Ok(()),
            Self::Local { .. } | Self::Client { .. } | Self::Forwarded { .. } | Self::Stranger { .. } => {
                Err(ApiError::forbidden())
            }
        }
    }

    /// For the audit trail in the log.
    pub fn audit(&self) -> String {
        match self {
            Self::Local { uid } => format!("unix:{uid}"),
            Self::Member(name) => format!("member:{name}"),
            Self::Client { fingerprint } => fingerprint.clone(),
            Self::Forwarded { by } => by.clone(),
            Self::Stranger { certificate } => {
                certificate.as_ref().map_or_else(|| "nobody".to_owned(), |it| it.fingerprint.clone())
            }
        }
    }
}

/// The certificates that the store trusts, kept in memory because every request asks.
#[derive(Default)]
pub struct Trust {
    known: RwLock<Arc<Known>>,
}

#[derive(Default)]
struct Known {
    revision: Revision,
    certificates: HashMap<String, Trusted>,
    /// Members that offered this one a place, before the store knows them.
    offered: HashMap<String, MemberName>,
}

#[derive(Clone)]
enum Trusted {
    Member(MemberName),
    Client,
}

impl Trust {
    /// Who uses this certificate. What is known may be a moment old; who is unknown is looked up afresh.
    pub fn caller(&self, certificate: &Arc<PeerCertificate>, store: &Store) -> Caller {
        let known = self.known();
        if let Some(caller) = known.caller(&certificate.fingerprint) {
            return caller;
        }
        if known.revision < *store.applied().borrow() {
            self.refresh(store);
        }
        self.known()
            .caller(&certificate.fingerprint)
            .unwrap_or_else(|| Caller::Stranger { certificate: Some(Arc::clone(certificate)) })
    }

    /// Reads what the store trusts now.
    pub fn refresh(&self, store: &Store) {
        let revision = *store.applied().borrow();
        match read(store) {
            Ok(certificates) => {
                let offered = self.known().offered.clone();
                self.set(Known { revision, certificates, offered });
            }
            Err(error) => tracing::warn!(%error, "cannot read the trusted certificates; the last ones stay"),
        }
    }

    /// Trusts these members as long as the store does not know them: a joining member answers to them.
    pub fn offer(&self, members: HashMap<String, MemberName>) {
        let known = self.known();
        self.set(Known { revision: known.revision, certificates: known.certificates.clone(), offered: members });
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn set(&self, known: Known) {
        *self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(known);
    }
}

impl Known {
    fn caller(&self, fingerprint: &str) -> Option<Caller> {
        match self.certificates.get(fingerprint) {
            Some(Trusted::Member(name)) => Some(Caller::Member(name.clone())),
            Some(Trusted::Client) => Some(Caller::Client { fingerprint: fingerprint.to_owned() }),
            None => self.offered.get(fingerprint).cloned().map(Caller::Member),
        }
    }
}

fn read(store: &Store) -> Result<HashMap<String, Trusted>, crate::store::StoreError> {
    let mut trusted = HashMap::new();
    for client in store.list("certificate")? {
        // The whole API is open to a client. One who may use only some projects, or only metrics, gets nothing rather
        // than all of it.
        let is_restricted = client.spec.0.get("restricted").and_then(serde_json::Value::as_bool).unwrap_or(false);
        if !is_restricted && matches!(client.spec.text("type"), "" | "client") {
            trusted.insert(client.key.name.clone(), Trusted::Client);
        }
    }
    // A member that is still joining is trusted too: it proved its right when it was recorded.
    for member in store.list(Key::MEMBER)? {
        match fingerprint(member.spec.text("certificate")) {
            Ok(print) => {
                trusted.insert(print, Trusted::Member(MemberName(member.key.name.clone())));
            }
            Err(error) => tracing::debug!(member = %member.key.name, %error, "a member without a certificate"),
        }
    }
    Ok(trusted)
}
