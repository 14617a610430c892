//! The daemon as everything that answers requests sees it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::access::bodies::Bodies;
use super::access::connection_limits::ConnectionLimits;
use super::access::credentials::Credentials;
use super::access::password::Passwords;
use super::access::strangers::Strangers;
use super::access::trust::Trust;
use super::cluster::freshness::HeardReport;
use super::cluster::lifecycle::ClusterLifecycle;
use super::events::Events;
use super::failpoints::Failpoints;
use super::operations::Operations;
use super::peers::connections::Peers;
use crate::api::{ApiError, Environment};
use crate::host::{Clock, ClusterClock, Host};
use crate::model::{Key, MemberId, MemberName, Object, Tally, Timestamp};
use crate::store::{Store, StoreError};

/// This member's place: its name and its store. Joining and leaving a cluster replace it.
pub struct LocalMember {
    /// Its replicated state.
    pub store: Store,
    /// Its name.
    pub name: MemberName,
    /// Its Raft identity.
    pub id: MemberId,
}

/// The daemon as its handlers see it.
pub struct Server {
    /// The place of this member.
    pub node: watch::Sender<Arc<LocalMember>>,
    /// The store of a join that is under way; it answers Raft only.
    pub joining: watch::Sender<Option<Arc<LocalMember>>>,
    /// What a join that was interrupted, or a departure, waits for: until then this member is neither alone nor in a cluster.
    pub undecided: watch::Sender<Option<String>>,
    /// What the leader has last said of who answers.
    pub told: watch::Sender<HeardReport>,
    /// Wakes whoever keeps the table of who answers.
    pub members_changed: Notify,
    /// Whom the store trusts.
    pub trust: Arc<Trust>,
    /// What this member shows and signs with.
    pub credentials: Arc<Credentials>,
    /// The way to other members.
    pub peers: Arc<Peers>,
    /// The threads of Raft and of what members say to each other for it. Nothing else may compute there.
    pub peer_runtime: Handle,
    /// Work that goes on after its answer.
    pub operations: Operations,
    /// Held by whoever changes where this member listens, from opening the ports until that is stored: nobody else may take
    /// what is stored meanwhile for what is wanted.
    pub ports: tokio::sync::Mutex<()>,
    /// What happens, for those who listen.
    pub events: Events,
    /// What those have done whom the store does not trust.
    pub strangers: Strangers,
    /// The connections to the HTTPS port.
    pub connections: Arc<ConnectionLimits>,
    /// The bodies of requests under way.
    pub bodies: Bodies,
    /// What passwords give, and the trust password, once it was given.
    pub passwords: Passwords,
    /// What this member's loop did since the daemon started.
    pub tally: watch::Sender<Tally>,
    /// The machine.
    pub host: Host,
    /// The clock that all members share.
    pub clock: Arc<ClusterClock>,
    /// The machine in words.
    pub environment: Environment,
    /// Where tests end this daemon.
    pub crash: Failpoints,
    /// Forms and leaves clusters.
    pub lifecycle: Arc<dyn ClusterLifecycle>,
}

/// Where the record of the member list has the id of the cluster.
pub const CLUSTER_ID: &str = "id";

impl Server {
    /// The place of this member now.
    pub fn node(&self) -> Arc<LocalMember> {
        Arc::clone(&self.node.borrow())
    }

    /// The store now.
    pub fn store(&self) -> Store {
        self.node.borrow().store.clone()
    }

    /// What others know the cluster by, whatever certificate it answers with: made when it was formed.
    pub fn cluster_id(&self) -> Result<String, ApiError> {
        let membership = self.store().get(&Key::membership()).map_err(store_failed)?;
        let id = membership.map(|record| record.spec.text(CLUSTER_ID).to_owned()).filter(|id| !id.is_empty());
        id.ok_or_else(|| ApiError::failed("the first records of this member are missing: restart the daemon"))
    }

    /// This moment, on the clock that all members share.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A moment of the clock that all members share as this machine's own clock shows it, for those who sit before it.
    pub fn own_time(&self, moment: Timestamp) -> Timestamp {
        self.clock.own(moment)
    }

    /// The members' records, those that are joining left out.
    pub fn members(&self) -> Result<Vec<Object>, ApiError> {
        let mut members = self.store().list(Key::MEMBER).map_err(store_failed)?;
        members.retain(|member| member.phase == crate::model::Phase::Created);
        Ok(members)
    }

    /// One member's record.
    pub fn member(&self, name: &MemberName) -> Result<Object, ApiError> {
        let found = self.store().get(&Key::member(name)).map_err(store_failed)?;
        found
            .filter(|member| member.phase == crate::model::Phase::Created)
            .ok_or_else(|| ApiError::not_found("Cluster member not found"))
    }

    /// Whether this member is in a cluster.
    pub fn is_clustered(&self) -> Result<bool, ApiError> {
        let membership = self.store().get(&Key::membership()).map_err(store_failed)?;
        let enabled = membership.and_then(|record| record.spec.0.get("enabled")?.as_bool());
        Ok(enabled.unwrap_or(false))
    }
}

/// A failure of the store as the API says it.
pub fn store_failed(error: StoreError) -> ApiError {
    let status = match &error {
        StoreError::NoLeader { .. }
        | StoreError::Timeout { .. }
        | StoreError::Unknown { .. }
        | StoreError::NotLeader { .. }
        | StoreError::Stopped { .. }
        | StoreError::Closed
        | StoreError::Peer { .. }
        | StoreError::NotFormed => 503,
        StoreError::TooLarge { .. } => 413,
        StoreError::Disk { .. }
        | StoreError::Database { .. }
        | StoreError::Foreign { .. }
        | StoreError::Newer { .. }
        | StoreError::OtherMember { .. }
        | StoreError::Damaged { .. }
        | StoreError::InUse { .. }
        | StoreError::Membership { .. }
        | StoreError::Message { .. } => 500,
    };
    ApiError::new(status, with_causes(&error))
}

/// An error with what caused it, each said once.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
