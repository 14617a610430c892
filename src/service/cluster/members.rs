//! Members as LXD's API shows them, and what of them can be changed.

use std::collections::BTreeMap;

use crate::api::{ApiError, ClusterMember, ClusterMemberPut};
use crate::kinds::member::Member;
use crate::model::{Key, Liveness, LogTrouble, MemberId, MemberName, Object, Outdated, Spec};
use crate::service::events::rfc3339;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;
use crate::store::Role;

pub const COLLECTION: &str = "cluster/members";

/// The status of a member that answers and does not follow as it should.
const DEGRADED: &str = "Degraded";

/// The member's record with what people choose.
pub fn revised(object: &Object, new: ClusterMemberPut) -> Result<Spec, ApiError> {
    let mut record: Member = records::typed(object)?;
    let ClusterMemberPut { roles, failure_domain, description, config, groups } = new;
    record.roles = roles.into_iter().filter(|role| !role.starts_with("database")).collect();
    (record.failure_domain, record.description, record.config) = (failure_domain, description, config);
    record.groups = groups;
    records::readmitted(object, records::spec_of(&record)?)
}

pub fn editable(object: &Object) -> Result<ClusterMemberPut, ApiError> {
    let Member { roles, failure_domain, description, config, groups, .. } = records::typed(object)?;
    Ok(ClusterMemberPut {
        roles,
        failure_domain: or_default(failure_domain),
        description,
        config,
        groups: or_group(groups),
    })
}

pub fn amended(now: &ClusterMemberPut, body: &[u8]) -> Result<ClusterMemberPut, ApiError> {
    let mut all = records::spec_of(now)?;
    let some: serde_json::Map<String, serde_json::Value> = parse(body)?;
    all.0.extend(some);
    serde_json::from_value(serde_json::Value::Object(all.0))
        .map_err(|cause| ApiError::bad_request(format!("the body of the request cannot be read: {cause}")))
}

/// Raft gives the database roles; clients send them back as they saw them.
pub fn check_roles(server: &Server, object: &Object, new: &ClusterMemberPut) -> Result<(), ApiError> {
    let given = View::new(server)?.database_roles(object);
    let asked: Vec<&String> = new.roles.iter().filter(|role| role.starts_with("database")).collect();
    match asked.iter().find(|role| !given.contains(role)) {
        Some(role) => Err(ApiError::bad_request(format!("The {role:?} role cannot be added at this time"))),
        None => Ok(()),
    }
}

/// What is needed to show members.
pub struct View {
    voters: Vec<MemberId>,
    leader: Option<MemberId>,
    liveness: Liveness,
    outdated: Option<Outdated>,
    troubles: BTreeMap<MemberName, LogTrouble>,
    me: MemberName,
    offline_after_ms: u64,
}

impl View {
    /// Of this moment.
    pub fn new(server: &Server) -> Result<Self, ApiError> {
        let node = server.node();
        let peers = node.store.peers();
        let leadership = node.store.leadership().borrow().clone();
        let leader = if leadership.is_me { Some(node.id) } else { leadership.leader.map(|leader| leader.id) };
        let outdated = server.outdated();
        Ok(Self {
            voters: peers.iter().filter(|peer| peer.role == Role::Voter).map(|peer| peer.peer.id).collect(),
            // Whoever led when this copy was the present, nobody knows whether it leads now.
            leader: leader.filter(|_| outdated.is_none()),
            liveness: server.liveness(),
            outdated,
            troubles: server.log_troubles(),
            me: node.name.clone(),
            offline_after_ms: offline_after_ms(server)?,
        })
    }

    /// One member in LXD's words.
    pub fn show(&self, object: &Object) -> Result<ClusterMember, ApiError> {
        let record: Member = records::typed(object)?;
        let mut roles = self.database_roles(object);
        let database = !roles.is_empty();
        roles.extend(record.roles.iter().cloned());
        let (status, message) = self.status(&MemberName(object.key.name.clone()));
        Ok(ClusterMember {
            server_name: object.key.name.clone(),
            url: if record.address.is_empty() { String::new() } else { format!("https://{}", record.address) },
            database,
            status: status.to_owned(),
            message,
            roles,
            architecture: record.architecture,
            failure_domain: or_default(record.failure_domain),
            description: record.description,
            config: record.config,
            groups: or_group(record.groups),
        })
    }

    fn database_roles(&self, object: &Object) -> Vec<String> {
        let id = object.spec.0.get("id").and_then(serde_json::Value::as_u64).map(MemberId);
        let Some(id) = id else { return Vec::new() };
        let mut roles = Vec::new();
        if self.leader == Some(id) {
            roles.push("database-leader".to_owned());
        }
        roles.push(if self.voters.contains(&id) { "database" } else { "database-standby" }.to_owned());
        roles
    }

    fn status(&self, name: &MemberName) -> (&'static str, String) {
        let online = match self.troubles.get(name) {
            Some(trouble) => (DEGRADED, trouble.to_string()),
            None => ("Online", "Fully operational".to_owned()),
        };
        if *name == self.me {
            let old = self
                .outdated
                .as_ref()
                .map(|outdated| ("Online", format!("{outdated}, for {}", seconds(outdated.age_ms))));
            return old.unwrap_or(online);
        }
        // Who answers has been heard just now; for the others the table says when they last did.
        let Some(seen) = self.liveness.members.get(name) else {
            let word = if self.outdated.is_some() { "Unknown" } else { "Offline" };
            return (word, "not heard yet by the leader".to_owned());
        };
        let silent_ms = self.liveness.at.since_ms(seen.heard);
        let silence = format!("No heartbeat for {} ({})", seconds(silent_ms), rfc3339(seen.heard));
        match &self.outdated {
            _ if seen.reachable => online,
            Some(_) => ("Unknown", silence),
            None if silent_ms < self.offline_after_ms => online,
            None => ("Offline", silence),
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}s", ms / 1000, ms % 1000 / 100)
}

/// `cluster.offline_threshold` in milliseconds.
pub fn offline_after_ms(server: &Server) -> Result<u64, ApiError> {
    let config = server.store().get(&Key::server()).map_err(store_failed)?.map(|object| object.spec.config());
    let seconds = config.and_then(|config| config.value("cluster.offline_threshold")?.parse::<u64>().ok());
    Ok(seconds.unwrap_or(20) * 1000)
}

fn or_default(text: String) -> String {
    if text.is_empty() { "default".to_owned() } else { text }
}

fn or_group(groups: Vec<String>) -> Vec<String> {
    if groups.is_empty() { vec!["default".to_owned()] } else { groups }
}
