//! The look before a removal: every member that answers is asked whether it could let go of its part.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::api::ApiError;
use crate::kinds::{self, Intent, Local, Work};
use crate::model::{ClusterState, Key, MemberName, Object, Phase};
use crate::plan::{Action, Plan};
use crate::service::peers::connections::Channel;
use crate::service::server::Server;

/// Where a member is asked whether it could take its part of some objects down.
pub const SURVEY: &str = "/internal/removal";

/// A look at a host takes no longer.
const SURVEY_LIMIT: Duration = Duration::from_secs(20);

/// Refuses what some member could not let go of, before anybody begins. Who is silent is not asked: it takes its part down
/// when it is back.
///
/// # Errors
/// What is in the way, on every member; nothing was changed.
pub async fn look_first(server: &Server, objects: &[Object]) -> Result<(), ApiError> {
    let held: Vec<&Object> = objects.iter().filter(|object| may_stand(object)).collect();
    let placed: BTreeSet<&MemberName> = held.iter().flat_map(|object| object.placements.keys()).collect();
    let (me, liveness) = (server.node().name.clone(), server.liveness());
    let asked = placed.into_iter().filter(|member| **member == me || liveness.is_reachable(member)).map(|member| {
        let here: Vec<Object> =
            held.iter().filter(|object| object.placements.contains_key(member)).map(|it| (*it).clone()).collect();
        let me = &me;
        async move { if member == me { Ok(survey(server, &here).await) } else { ask(server, member, &here).await } }
    });
    let mut troubles = Vec::new();
    for answer in join_all(asked).await {
        troubles.extend(answer?);
    }
    if troubles.is_empty() {
        return Ok(());
    }
    Err(ApiError::conflict(format!("nothing was changed, because not all of it can go: {}", troubles.join("; "))))
}

/// The same for what a plan deletes. `state` has these objects.
///
/// # Errors
/// See [`look_first`].
pub async fn look_before(server: &Server, plan: &Plan, state: &ClusterState) -> Result<(), ApiError> {
    let goes = plan.changes.iter().filter(|change| change.action == Action::Delete);
    let going: Vec<Object> = goes.filter_map(|change| state.get(&change.key).cloned()).collect();
    if going.is_empty() { Ok(()) } else { look_first(server, &going).await }
}

/// A definition stands on no host.
fn may_stand(object: &Object) -> bool {
    object.phase != Phase::Pending && kinds::find(object.key.kind.as_str()).is_some_and(|kind| kind.node().is_some())
}

async fn ask(server: &Server, member: &MemberName, objects: &[Object]) -> Result<Vec<String>, ApiError> {
    let address = server.member(member)?.spec.text("address").to_owned();
    let client = server.peers.client(&address, Channel::Calls)?.with_timeout(SURVEY_LIMIT);
    client.post::<Vec<String>>(SURVEY, &objects).await.map_err(|error| {
        let text = format!("nothing was changed, because {member} could not be asked whether it can let go: {error}");
        ApiError::unavailable(text)
    })
}

/// What is in the way on this machine. Nothing is done.
pub async fn survey(server: &Server, objects: &[Object]) -> Vec<String> {
    let me = server.node().name.clone();
    let mut troubles = Vec::new();
    for object in objects {
        let Some(node) = kinds::find(object.key.kind.as_str()).and_then(|kind| kind.node()) else { continue };
        let Some(local) = Local::of(object, &me) else { continue };
        if let Err(error) = node.survey(&server.host, &Work { local, intent: Intent::Absent }).await {
            troubles.push(format!("{} on {me}: {error}", object.key));
        }
    }
    troubles
}

/// What is said of a removal that goes on without whoever asked for it.
pub fn going_on(key: &Key) -> String {
    format!("it goes on by itself; to keep it: seedbed undelete {key}")
}
