//! Who answers: the leader knows from Raft's acknowledgements and tells the others when that changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::lonely;
use crate::http::{Line, Node, Server, id_of};
use crate::model::{Key, LastSeen, Liveness, MemberId, MemberName, Object, Phase, Timestamp};
use crate::store::{Leadership, StoreError};

/// How often the leader looks at the acknowledgements.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A member that has been silent for longer does not answer. Heartbeats come several times a second.
const SILENT_MS_MAX: u64 = 1_500;
/// Telling a member must not hold up the next look for long.
const TELL_LIMIT: Duration = Duration::from_millis(400);
/// How often a member looks for a leader that it cannot hear.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_LIMIT: Duration = Duration::from_secs(2);
const PATH: &str = "/internal/liveness";

/// What a member was told last: names and whether they answer.
type Told = Vec<(MemberName, bool)>;

/// Keeps the table of this member current until `stop`.
pub async fn run(server: Arc<Server>, node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let mut leadership = node.store.leadership();
    let mut told = BTreeMap::new();
    let mut unheard_since = Instant::now();
    while !*stop.borrow() {
        let now = leadership.borrow_and_update().clone();
        let wait = if now.is_me {
            server.clock.lead();
            lead(&server, &node, &now, &mut told).await;
            LOOK_EVERY
        } else {
            told.clear();
            // After a start Raft names the leader that it last followed, which may know this member no more.
            match &now.leader {
                Some(leader) if ask(&server, &leader.address).await => Duration::MAX,
                Some(_) | None => match lonely::look(&server, &node, unheard_since.elapsed()).await {
                    lonely::Found::Removed => return,
                    lonely::Found::Nothing => ASK_AGAIN,
                },
            }
        };
        if now.is_me || wait == Duration::MAX {
            unheard_since = Instant::now();
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = server.members_changed.notified() => {}
            _ = leadership.changed() => {}
            _ = stop.changed() => {}
        }
    }
}

async fn lead(server: &Server, node: &Node, leadership: &Leadership, told: &mut BTreeMap<MemberName, Told>) {
    let members = match members(node) {
        Ok(members) => members,
        Err(error) => {
            tracing::warn!(%error, "cannot read the members");
            return;
        }
    };
    let table = table(&members, server.now(), node, leadership);
    server.liveness.send_replace(table.clone());
    let news: Told = table.members.iter().map(|(name, seen)| (name.clone(), seen.reachable)).collect();
    let others = members.iter().map(|member| (MemberName(member.key.name.clone()), member.spec.text("address")));
    let late =
        others.filter(|(name, _)| *name != node.name && table.is_reachable(name) && told.get(name) != Some(&news));
    let heard = join_all(late.map(|(name, address)| tell(server, name, address.to_owned(), &table))).await;
    for name in heard.into_iter().flatten() {
        told.insert(name, news.clone());
    }
    told.retain(|name, _| table.is_reachable(name));
}

fn members(node: &Node) -> Result<Vec<Object>, StoreError> {
    let mut members = node.store.list(Key::MEMBER)?;
    members.retain(|member| member.phase == Phase::Created);
    Ok(members)
}

fn table(members: &[Object], now: Timestamp, node: &Node, leadership: &Leadership) -> Liveness {
    let leading_ms = u64::try_from(leadership.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let silent: BTreeMap<MemberId, Option<u64>> =
        node.store.peers().into_iter().map(|peer| (peer.peer.id, peer.silent_ms)).collect();
    let seen = |member: &Object| {
        let id = id_of(member);
        // A new leader has heard nobody yet: members count as silent since it began to lead.
        let silent_ms = if id == node.id { 0 } else { silent.get(&id).copied().flatten().unwrap_or(leading_ms) };
        let heard = Timestamp(now.0.saturating_sub(i64::try_from(silent_ms).unwrap_or(i64::MAX)));
        (MemberName(member.key.name.clone()), LastSeen { heard, reachable: silent_ms <= SILENT_MS_MAX })
    };
    Liveness { at: now, members: members.iter().map(seen).collect() }
}

/// Tells one member, and gives its name back when it has taken the news.
async fn tell(server: &Server, name: MemberName, address: String, table: &Liveness) -> Option<MemberName> {
    let client = server.peers.client(&address, Line::Raft).ok()?.with_timeout(TELL_LIMIT);
    match client.put::<serde_json::Value>(PATH, table).await {
        Ok(_) => Some(name),
        Err(error) => {
            tracing::debug!(member = %name, %error, "cannot tell a member who answers");
            None
        }
    }
}

/// Asks a leader for its table. Whether it answered.
async fn ask(server: &Server, leader: &str) -> bool {
    if leader.is_empty() {
        return true;
    }
    let Ok(client) = server.peers.client(leader, Line::Raft) else { return false };
    match timeout(ASK_LIMIT, client.get::<Liveness>(PATH)).await {
        Ok(Ok(table)) => {
            server.clock.follow(table.at);
            server.liveness.send_if_modified(|known| {
                let is_newer = table.at > known.at;
                if is_newer {
                    *known = table;
                }
                is_newer
            });
            true
        }
        Ok(Err(_)) | Err(_) => false,
    }
}
