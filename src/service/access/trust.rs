//! Whom the store trusts, kept in memory because every request asks; and by which certificate other members are known.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::caller::{Caller, PeerCertificate, Validity};
use crate::api::PeerInfo;
use crate::client::{ClientError, der_of, fingerprint};
use crate::model::{Key, MemberName, Object, Phase, Revision, Timestamp};
use crate::service::server::Server;
use crate::store::{Store, StoreError};

/// The field of the member list's record that holds the cluster's certificate, as PEM.
pub const CLUSTER_CERTIFICATE: &str = "certificate";

/// Certificates expire without anybody saying so: what is open is looked at again so often.
const EXPIRY_LOOK: Duration = Duration::from_secs(30);

/// The certificates that the store trusts.
#[derive(Default)]
pub struct Trust {
    known: RwLock<Arc<TrustedCertificates>>,
    changes: watch::Sender<()>,
}

#[derive(Clone, Default)]
struct TrustedCertificates {
    revision: Revision,
    stored: Certificates,
    /// Members that offered this one a place, before the store knows them.
    offered: Certificates,
}

#[derive(Clone, Default, PartialEq)]
struct Certificates {
    /// Who uses a certificate, by its fingerprint.
    holders: HashMap<String, Holder>,
    /// The certificate that the member at an address answers its peers with, as PEM.
    addresses: HashMap<String, String>,
}

#[derive(Clone, PartialEq)]
enum Holder {
    Member(MemberName),
    Joining(MemberName),
    Client {
        /// What the stored certificate says; none when only its fingerprint is stored.
        validity: Option<Validity>,
    },
}

impl Trust {
    /// Who uses this certificate. Trust may be a moment old; who has none is looked up afresh.
    pub fn caller(&self, certificate: &Arc<PeerCertificate>, store: &Store, now: Timestamp) -> Caller {
        let stranger = || Caller::Stranger { certificate: Some(Arc::clone(certificate)) };
        if !certificate.validity.holds(now) {
            return stranger();
        }
        let known = self.known();
        if let Some(caller) = known.caller(&certificate.fingerprint, now).filter(Caller::is_trusted) {
            return caller;
        }
        self.refresh_if_old(store);
        self.known().caller(&certificate.fingerprint, now).unwrap_or_else(stranger)
    }

    /// Whom a member speaks for. It answers for its own unix users and for what runs on it. Clients must be trusted here,
    /// too; and somebody who is joining must show this member what it showed that one.
    pub fn forwarded(&self, via: MemberName, by: &str, store: &Store, now: Timestamp) -> Caller {
        if self.speaks_for(&via, by, store, now) {
            return Caller::Forwarded { by: by.to_owned(), via };
        }
        let is_print = by.len() == 64 && by.bytes().all(|byte| byte.is_ascii_hexdigit());
        let certificate = is_print.then(|| {
            let validity = Validity::of(&[]);
            Arc::new(PeerCertificate { der: Vec::new(), fingerprint: by.to_owned(), validity, via: Some(via) })
        });
        Caller::Stranger { certificate }
    }

    fn speaks_for(&self, via: &MemberName, by: &str, store: &Store, now: Timestamp) -> bool {
        match by.split_once(':') {
            Some(("unix", uid)) => uid.parse::<u32>().is_ok(),
            Some(("member", name)) => via.as_str() == name,
            Some(("source", name)) => matches!(store.get(&Key::new("source", name)), Ok(Some(_))),
            Some(_) => false,
            None => {
                let is_client = || matches!(self.known().caller(by, now), Some(Caller::Client { .. }));
                is_client() || {
                    self.refresh_if_old(store);
                    is_client()
                }
            }
        }
    }

    /// Whether somebody who was trusted still is.
    pub fn still(&self, caller: &Caller, server: &Server) -> bool {
        let (store, now) = (server.store(), server.now());
        self.refresh_if_old(&store);
        let known = self.known();
        match caller {
            Caller::Local { .. } => true,
            Caller::Client { fingerprint } => known.caller(fingerprint, now).as_ref() == Some(caller),
            Caller::Member(name) => known.is_member(name),
            Caller::Forwarded { by, via } => known.is_member(via) && self.speaks_for(via, by, &store, now),
            Caller::Joining(_) | Caller::Stranger { .. } => false,
        }
    }

    /// Returns when somebody who was trusted no longer is.
    pub async fn ended(&self, caller: &Caller, server: &Server) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if !self.still(caller, server) {
                return;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep(EXPIRY_LOOK) => {}
            }
        }
    }

    /// Whether a member's machine has this address.
    pub fn is_member_at(&self, address: IpAddr) -> bool {
        let known = self.known();
        let is_it = |place: &String| place.parse::<SocketAddr>().is_ok_and(|it| it.ip() == address.to_canonical());
        known.stored.addresses.keys().chain(known.offered.addresses.keys()).any(is_it)
    }

    fn refresh_if_old(&self, store: &Store) {
        if self.known().revision < *store.applied().borrow() {
            self.refresh(store);
        }
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

    fn known(&self) -> Arc<TrustedCertificates> {
        Arc::clone(&self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn update(&self, change: impl FnOnce(&mut TrustedCertificates)) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = Arc::clone(&known);
        change(Arc::make_mut(&mut known));
        if known.stored != before.stored {
            self.changes.send_replace(());
        }
    }
}

impl TrustedCertificates {
    fn is_member(&self, name: &MemberName) -> bool {
        let holders = self.stored.holders.values().chain(self.offered.holders.values());
        holders.into_iter().any(|holder| matches!(holder, Holder::Member(member) if member == name))
    }

    fn caller(&self, fingerprint: &str, now: Timestamp) -> Option<Caller> {
        let holder = self.stored.holders.get(fingerprint).or_else(|| self.offered.holders.get(fingerprint))?;
        match holder {
            Holder::Member(name) => Some(Caller::Member(name.clone())),
            Holder::Joining(name) => Some(Caller::Joining(name.clone())),
            Holder::Client { validity } => validity
                .is_none_or(|validity| validity.holds(now))
                .then(|| Caller::Client { fingerprint: fingerprint.to_owned() }),
        }
    }
}

fn read(store: &Store) -> Result<Certificates, StoreError> {
    let mut trusted = Certificates::default();
    for client in store.list("certificate")? {
        // The whole API is open to a client. One who may use only some projects, or only metrics, gets nothing rather
        // than all of it.
        let is_restricted = client.spec.0.get("restricted").and_then(serde_json::Value::as_bool).unwrap_or(false);
        if !is_restricted && matches!(client.spec.text("type"), "" | "client") {
            let validity = der_of(client.spec.text("certificate")).map(|der| Validity::of(&der));
            trusted.holders.insert(client.key.name.clone(), Holder::Client { validity });
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
