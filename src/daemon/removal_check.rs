//! A member that hears no leader may have been removed while it was away. It asks, instead of standing for election
//! for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::api::MemberStanding;
use crate::model::Key;
use crate::service::{Channel, Leaving, LocalMember, STANDING, Server, id_of};

/// Elections take less.
const PATIENCE: Duration = Duration::from_secs(3);
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// What a look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing is known: the leader may be away, or this member.
    Nothing,
    /// It was removed, and is about to stand alone.
    Removed,
}

/// Looks whether this member was removed, when it has heard no leader for some time.
pub async fn look(server: &Arc<Server>, node: &Arc<LocalMember>, silent: Duration) -> Found {
    if silent < PATIENCE {
        return Found::Nothing;
    }
    if !server.is_clustered().unwrap_or(false) || !was_removed(server, node).await {
        return Found::Nothing;
    }
    tracing::error!(member = %node.name, "this member was removed from its cluster while it was away: it leaves");
    let server = Arc::clone(server);
    // Leaving ends the loop that has found this out.
    tokio::spawn(async move {
        if let Err(error) = server.lifecycle.leave(&server, Leaving::Found).await {
            tracing::error!(error = %error.message, "cannot stand alone; restart the daemon");
        }
    });
    Found::Removed
}

/// Whether a member that knows a leader says so. It shows its own certificate: nobody else can.
async fn was_removed(server: &Server, node: &LocalMember) -> bool {
    let Ok(members) = node.store.list(Key::MEMBER) else { return false };
    let path = format!("{STANDING}{}", node.id);
    for member in members.iter().filter(|member| id_of(member) != node.id) {
        let Ok(client) = server.peers.client(member.spec.text("address"), Channel::Liveness) else { continue };
        match client.with_timeout(ASK_LIMIT).get::<MemberStanding>(&path).await {
            Ok(standing) if standing.is_certain => return !standing.is_member,
            Ok(_) => {}
            Err(error) => tracing::debug!(member = %member.key.name, %error, "does not answer"),
        }
    }
    false
}
