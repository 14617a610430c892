//! The certificates of this daemon, and which one it answers with.

use std::sync::{Arc, RwLock};

use crate::api::{ApiError, Secret};
use crate::client::{Identity, fingerprint};

/// A certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: Secret,
}

/// This member's own certificate, and the one that all members of a cluster share.
#[derive(Debug)]
pub struct Credentials {
    server: Pair,
    cluster: RwLock<Option<Arc<Pair>>>,
    /// One that is about to become the cluster's, when the log takes it.
    next: RwLock<Option<Arc<Pair>>>,
}

impl Credentials {
    /// The certificates as they lie in the state directory.
    pub fn new(server: Pair, cluster: Option<Pair>) -> Self {
        Self { server, cluster: RwLock::new(cluster.map(Arc::new)), next: RwLock::default() }
    }

    /// Who this member is to its peers.
    pub fn server(&self) -> &Pair {
        &self.server
    }

    /// What it answers with: the cluster's certificate, or its own while it stands alone.
    pub fn presented(&self) -> Arc<Pair> {
        let cluster = self.cluster.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        cluster.clone().unwrap_or_else(|| Arc::new(self.server.clone()))
    }

    /// Replaces the cluster's certificate; `None` when this member stands alone again.
    pub fn set_cluster(&self, pair: Option<Pair>) {
        *self.cluster.write().unwrap_or_else(std::sync::PoisonError::into_inner) = pair.map(Arc::new);
    }

    /// Keeps a pair that is about to become the cluster's, so that members get it as soon as the log says so.
    pub fn set_next(&self, pair: Pair) {
        *self.next.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(pair));
    }

    /// The shared pair with this certificate (PEM), when this member has it.
    pub fn shared_as(&self, certificate: &str) -> Option<Arc<Pair>> {
        let read =
            |place: &RwLock<Option<Arc<Pair>>>| place.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        [&self.cluster, &self.next].into_iter().filter_map(read).find(|pair| pair.certificate == certificate)
    }

    /// SHA-256 of what it answers with, in hex.
    pub fn fingerprint(&self) -> Result<String, ApiError> {
        fingerprint(&self.presented().certificate).map_err(|error| ApiError::failed(error.to_string()))
    }

    /// This member as a client of its peers.
    pub fn identity(&self) -> Result<Identity, ApiError> {
        Identity::from_pem(&self.server.certificate, self.server.key.reveal())
            .map_err(|error| ApiError::failed(error.to_string()))
    }
}
