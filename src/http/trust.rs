//! Whom the store trusts, kept in memory because every request asks; and by which certificate other members are known.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::caller::{Caller, PeerCertificate};
use crate::api::PeerInfo;
use crate::client::{ClientError, fingerprint};
use crate::model::{Key, MemberName, Object, Phase, Revision};
use crate::store::{Store, StoreError};

/// The field of the member list's record that holds the cluster's certificate, as PEM.
pub const CLUSTER_CERTIFICATE: &str = "certificate";

/// The certificates that the store trusts.
#[derive(Default)]
pub struct Trust {
    known: RwLock<Arc<Known>>,
}

#[derive(Clone, Default)]
struct Known {
    revision: Revision,
    stored: Certificates,
    /// Members that offered this one a place, before the store knows them.
    offered: Certificates,
}

#[derive(Clone, Default)]
struct Certificates {
    /// Who uses a certificate, by its fingerprint.
    holders: HashMap<String, Holder>,
    /// The certificate that the member at an address answers its peers with, as PEM.
    addresses: HashMap<String, String>,
}

#[derive(Clone)]
enum Holder {
    Member(MemberName),
    Joining(MemberName),
    Client,
}

impl Trust {
    /// Who uses this certificate. Trust may be a moment old; who has none is looked up afresh.
    pub fn caller(&self, certificate: &Arc<PeerCertificate>, store: &Store) -> Caller {
        let known = self.known();
        if let Some(caller) = known.caller(&certificate.fingerprint).filter(Caller::is_trusted) {
            return caller;
        }
        if known.revision < *store.applied().borrow() {
            self.refresh(store);
        }
        self.known()
            .caller(&certificate.fingerprint)
            .unwrap_or_else(|| Caller::Stranger { certificate: Some(Arc::clone(certificate)) })
    }

    /// The certificate that the member at this address must answer with, as PEM.
    pub fn certificate_at(&self, address: &str) -> Option<String> {
        let known = self.known();
        known.stored.addresses.get(address).or_else(|| known.offered.addresses.get(address)).cloned()
    }

    /// Reads what the store trusts now.
    pub fn refresh(&self, store: &Store) {
        let revision = *store.applied().borrow();
        match read(store) {
            Ok(stored) => self.update(|known| (known.revision, known.stored) = (revision, stored)),
            Err(error) => tracing::warn!(%error, "cannot read the trusted certificates; the last ones stay"),
        }
    }

    /// Trusts these members as long as the store does not know them: a joining member answers to them.
    ///
    /// # Errors
    /// When a certificate is not readable.
    pub fn offer(&self, members: &[PeerInfo]) -> Result<(), ClientError> {
        let mut offered = Certificates::default();
        for member in members {
            offered.holders.insert(fingerprint(&member.certificate)?, Holder::Member(member.name.clone()));
            offered.addresses.insert(member.address.clone(), member.certificate.clone());
        }
        self.update(|known| known.offered = offered);
        Ok(())
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn update(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(Arc::make_mut(&mut known));
    }
}

impl Known {
    fn caller(&self, fingerprint: &str) -> Option<Caller> {
        let holder = self.stored.holders.get(fingerprint).or_else(|| self.offered.holders.get(fingerprint))?;
        Some(match holder {
            Holder::Member(name) => Caller::Member(name.clone()),
            Holder::Joining(name) => Caller::Joining(name.clone()),
            Holder::Client => Caller::Client { fingerprint: fingerprint.to_owned() },
        })
    }
}

fn read(store: &Store) -> Result<Certificates, StoreError> {
    let mut trusted = Certificates::default();
    for client in store.list("certificate")? {
        // The whole API is open to a client. One who may use only some projects, or only metrics, gets nothing rather
        // than all of it.
        let is_restricted = client.spec.0.get("restricted").and_then(serde_json::Value::as_bool).unwrap_or(false);
        if !is_restricted && matches!(client.spec.text("type"), "" | "client") {
            trusted.holders.insert(client.key.name.clone(), Holder::Client);
        }
    }
    for member in store.list(Key::MEMBER)? {
        trusted.add_member(&member);
    }
    // All members have its key, and those that were members may have kept it: it says who answers, never who asks.
    if let Some(membership) = store.get(&Key::membership())?
        && let Ok(shared) = fingerprint(membership.spec.text(CLUSTER_CERTIFICATE))
    {
        trusted.holders.remove(&shared);
    }
    Ok(trusted)
}

impl Certificates {
    fn add_member(&mut self, member: &Object) {
        let (name, certificate) = (MemberName(member.key.name.clone()), member.spec.text("certificate"));
        let holder = match member.phase {
            Phase::Pending => Holder::Joining(name),
            Phase::Creating | Phase::Created | Phase::Errored | Phase::Deleting => Holder::Member(name),
        };
        match fingerprint(certificate) {
            Ok(print) => {
                self.holders.insert(print, holder);
                self.addresses.insert(member.spec.text("address").to_owned(), certificate.to_owned());
            }
            Err(error) => tracing::debug!(member = %member.key.name, %error, "a member without a certificate"),
        }
    }
}
