//! `/1.0/cluster/members`: the members, and whether they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, Outcome, check_match, parse, url};
use super::asked::Asked;
use super::caller::Caller;
use super::events::rfc3339;
use super::former::Leaving;
use super::server::{Server, store_failed};
use super::write;
use super::{forward, leave};
use crate::api::{ApiError, ClusterMember, ClusterMemberPut, paths};
use crate::kinds::member::Member;
use crate::model::{Key, Liveness, LogTrouble, MemberId, MemberName, Object, Outdated, Spec};
use crate::store::Role;

const COLLECTION: &str = "cluster/members";
/// The status of a member that answers and does not follow as it should.
const DEGRADED: &str = "Degraded";

/// `GET /1.0/cluster/members`.
pub async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, asked: Asked) -> Outcome {
    caller.trusted()?;
    let members = server.members()?;
    if !asked.wants_objects() {
        return Answer::of(&members.iter().map(|member| url(COLLECTION, &member.key.name)).collect::<Vec<_>>());
    }
    let view = View::new(&server)?;
    Answer::of(&members.iter().map(|member| view.show(member)).collect::<Result<Vec<_>, _>>()?)
}

/// `GET /1.0/cluster/members/X`.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
) -> Outcome {
    caller.trusted()?;
    let member = server.member(&name)?;
    Ok(Answer::of(&View::new(&server)?.show(&member)?)?.tagged(&editable(&member)?))
}

/// `PUT` and `PATCH /1.0/cluster/members/X`: what people choose.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Outcome {
    caller.trusted()?;
    write::commit(&server, &caller.audit(), || {
        let object = server.member(&name)?;
        let now = editable(&object)?;
        check_match(&headers, &now)?;
        let new = match method {
            Method::PATCH => amended(&now, &body)?,
            _ => parse(&body)?,
        };
        check_roles(&server, &object, &new)?;
        let spec = revised(&object, new)?;
        if spec == object.spec {
            return Ok(write::Decision::default());
        }
        Ok((vec![write::unchanged(&object)], vec![write::revised(&object, spec, Default::default())]))
    })
    .await?;
    Answer::done()
}

/// The member's record with what people choose.
fn revised(object: &Object, new: ClusterMemberPut) -> Result<Spec, ApiError> {
    let mut record: Member = write::typed(object)?;
    let ClusterMemberPut { roles, failure_domain, description, config, groups } = new;
    record.roles = roles.into_iter().filter(|role| !role.starts_with("database")).collect();
    (record.failure_domain, record.description, record.config) = (failure_domain, description, config);
    record.groups = groups;
    write::readmitted(object, write::spec_of(&record)?)
}

/// `POST /1.0/cluster/members/X`: a new name.
pub async fn rename(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
) -> Outcome {
    caller.trusted()?;
    server.member(&name)?;
    Err(ApiError::new(
        501,
        format!(
            "member {name} keeps its name: remove it and let it join under the new one (seedbed cluster remove {name})"
        ),
    ))
}

/// `DELETE /1.0/cluster/members/X[?force=1]`.
pub async fn remove(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<MemberName>,
    asked: Asked,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let force = if asked.is_set("force") { leave::Force::Yes } else { leave::Force::No };
    let query = if asked.is_set("force") { "?force=1" } else { "" };
    let path = format!("{}{query}", paths::member(&name));
    write::not_protected(&server.member(&name)?)?;
    server.require_present().await?;
    let is_me = name == server.node().name;
    if is_me {
        if server.is_clustered()? && server.members()?.len() == 1 {
            // Nobody is left to let it go: it stands alone, as nothing of the cluster is anywhere else.
            server.former.leave(&server, Leaving::Asked).await?;
            return Ok(Answer::done()?.into_response());
        }
        leave::hand_over(&server).await?;
    }
    leave::refuse_last(&server)?;
    let elsewhere = match forward::to_leader(&server, Method::DELETE, &path, &caller.audit(), Bytes::new()).await {
        // Whoever is removed loses its leader before the answer comes.
        Err(_) if is_me && leave::stands_alone_soon(&server).await => return Ok(Answer::done()?.into_response()),
        elsewhere => elsewhere?,
    };
    if let Some(answer) = elsewhere {
        return Ok(answer);
    }
    leave::remove(&server, &caller, &name, force).await?;
    Ok(Answer::done()?.into_response())
}

fn editable(object: &Object) -> Result<ClusterMemberPut, ApiError> {
    let Member { roles, failure_domain, description, config, groups, .. } = write::typed(object)?;
    Ok(ClusterMemberPut {
        roles,
        failure_domain: or_default(failure_domain),
        description,
        config,
        groups: or_group(groups),
    })
}

fn amended(now: &ClusterMemberPut, body: &[u8]) -> Result<ClusterMemberPut, ApiError> {
    let mut all = write::spec_of(now)?;
    let some: serde_json::Map<String, serde_json::Value> = parse(body)?;
    all.0.extend(some);
    serde_json::from_value(serde_json::Value::Object(all.0))
        .map_err(|cause| ApiError::bad_request(format!("the body of the request cannot be read: {cause}")))
}

/// Raft gives the database roles; clients send them back as they saw them.
fn check_roles(server: &Server, object: &Object, new: &ClusterMemberPut) -> Result<(), ApiError> {
    let given = View::new(server)?.database_roles(object);
    let asked: Vec<&String> = new.roles.iter().filter(|role| role.starts_with("database")).collect();
    match asked.iter().find(|role| !given.contains(role)) {
        Some(role) => Err(ApiError::bad_request(format!("The {role:?} role cannot be added at this time"))),
        None => Ok(()),
    }
}

/// What is needed to show members.
struct View {
    voters: Vec<MemberId>,
    leader: Option<MemberId>,
    liveness: Liveness,
    outdated: Option<Outdated>,
    troubles: BTreeMap<MemberName, LogTrouble>,
    me: MemberName,
    offline_after_ms: u64,
}

impl View {
    fn new(server: &Server) -> Result<Self, ApiError> {
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

    fn show(&self, object: &Object) -> Result<ClusterMember, ApiError> {
        let record: Member = write::typed(object)?;
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
