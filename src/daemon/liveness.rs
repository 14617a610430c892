//! Who answers: the leader knows from Raft's acknowledgements and tells the others when that changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::removal_check;
use crate::model::{
    Config, Key, Lack, LivenessReport, LogTrouble, MemberId, MemberName, Object, Phase, SILENT_MS_MAX, Seen,
};
use crate::reconcile::Roster;
use crate::service::{Channel, HeardReport, LocalMember, Server, id_of};
use crate::store::{Freshness, Leadership, PeerStatus, StoreError};

/// How often the leader looks at the acknowledgements.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Telling a member must not hold up the next look for long.
const TELL_LIMIT: Duration = Duration::from_millis(400);
/// How often a member looks whether it hears its leader, and for one that it cannot hear.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_LIMIT: Duration = Duration::from_secs(2);
const PATH: &str = "/internal/liveness";

/// What a member has taken last: names, whether they answer, and what is wrong with their logs.
type News = Vec<(MemberName, bool, Option<LogTrouble>)>;

/// Keeps the table of this member current until `stop`.
pub async fn run(server: Arc<Server>, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut leadership = node.store.leadership();
    let mut told = BTreeMap::new();
    let mut heard = None;
    while !*stop.borrow() {
        let now = leadership.borrow_and_update().clone();
        let wait = if now.is_me {
            server.clock.lead();
            lead(&server, &node, &now, &mut told).await;
            LOOK_EVERY
        } else {
            told.clear();
            match follow(&server, &node, &now, &mut heard).await {
                removal_check::Found::Removed => return,
                removal_check::Found::Nothing => ASK_AGAIN,
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = server.members_changed.notified() => heard = None,
            _ = leadership.changed() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Asks each leader once for its word, and looks whether this member was removed when it hears none. Raft names the
/// leader that it last followed for as long as no other is elected, alive or not.
async fn follow(
    server: &Arc<Server>,
    node: &Arc<LocalMember>,
    leadership: &Leadership,
    heard: &mut Option<String>,
) -> removal_check::Found {
    let leader = leadership.leader.as_ref().map(|leader| &leader.address);
    if let Some(leader) = leader.filter(|leader| heard.as_ref() != Some(*leader))
        && ask(server, leader).await
    {
        *heard = Some(leader.clone());
    }
    match node.store.freshness() {
        Freshness { lack: Some(Lack::Leader), age, open_for } => {
            *heard = None;
            removal_check::look(server, node, age.unwrap_or(open_for)).await
        }
        Freshness { .. } => removal_check::Found::Nothing,
    }
}

async fn lead(server: &Server, node: &LocalMember, leadership: &Leadership, told: &mut BTreeMap<MemberName, News>) {
    let (members, table) = match members(node).and_then(|members| {
        let roll = roll(server, node, leadership, &members)?;
        Ok((members, roll))
    }) {
        Ok((members, Some(table))) => (members, table),
        Ok((_, None)) => return,
        Err(error) => {
            tracing::warn!(%error, "cannot read the members");
            return;
        }
    };
    server.told.send_replace(HeardReport::now(table.clone()));
    node.store.remember_confirmed(&table.confirmed);
    let is_reachable = |name: &MemberName| table.members.get(name).is_some_and(|seen| seen.reachable);
    let trouble = |name: &MemberName| table.troubles.get(name).cloned();
    let news: News = table.members.iter().map(|(name, it)| (name.clone(), it.reachable, trouble(name))).collect();
    let others = members.iter().map(|member| (MemberName(member.key.name.clone()), member.spec.text("address")));
    let late = others.filter(|(name, _)| {
        *name != node.name && is_reachable(name) && told.get(name).is_none_or(|old| !says_the_same(old, &news))
    });
    for (name, has_taken) in join_all(late.map(|(name, address)| tell(server, name, address.to_owned(), &table))).await
    {
        match has_taken {
            true => told.insert(name, news.clone()),
            // It may have asked meanwhile, and may have been told what is news no more: it is told whatever comes next.
            false => told.remove(&name),
        };
    }
    told.retain(|name, _| is_reachable(name));
}

fn members(node: &LocalMember) -> Result<Vec<Object>, StoreError> {
    let mut members = node.store.list(Key::MEMBER)?;
    members.retain(|member| member.phase == Phase::Created);
    Ok(members)
}

/// How long ago something was is no news.
fn says_the_same(old: &News, new: &News) -> bool {
    let is_like = |(one, two): (&Option<LogTrouble>, &Option<LogTrouble>)| match (one, two) {
        (Some(one), Some(two)) => one.is_like(two),
        (one, two) => one == two,
    };
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| old.0 == new.0 && old.1 == new.1 && is_like((&old.2, &new.2)))
}

fn roll(
    server: &Server,
    node: &LocalMember,
    leadership: &Leadership,
    records: &[Object],
) -> Result<Option<LivenessReport>, StoreError> {
    // Before the roster is read: whom nobody has heard is silent for at least so long there.
    let leading_ms = u64::try_from(leadership.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Some(roster) = Roster::read(&node.store, leadership, &Config::default())? else { return Ok(None) };
    let before = server.told.borrow().clone();
    let age_ms = u64::try_from(before.at.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut members = roster.seen();
    for (name, seen) in &mut members {
        *seen = go_on(*seen, before.roll.members.get(name), age_ms, leading_ms);
    }
    let peers = node.store.peers();
    let troubles = troubles(&peers, records, before.roll.troubles, age_ms);
    let confirmed = peers.iter().filter_map(|peer| Some((peer.peer.id, peer.confirmed?))).collect();
    Ok(Some(LivenessReport { at: server.now(), term: leadership.term, leading_ms, members, troubles, confirmed }))
}

/// What this leader sees, and what the one before had seen of disks that were put back.
fn troubles(
    peers: &[PeerStatus],
    records: &[Object],
    before: BTreeMap<MemberName, LogTrouble>,
    age_ms: u64,
) -> BTreeMap<MemberName, LogTrouble> {
    let names: BTreeMap<MemberId, MemberName> =
        records.iter().map(|record| (id_of(record), MemberName(record.key.name.clone()))).collect();
    let named = |peer: &PeerStatus| names.get(&peer.peer.id).cloned();
    // Followers are an entry or two behind at any moment: who has ever had all of it is well.
    let all = peers.iter().filter_map(|peer| peer.confirmed).max();
    let is_level = |name: &MemberName| {
        peers.iter().any(|peer| peer.confirmed.is_some() && peer.confirmed == all && named(peer).as_ref() == Some(name))
    };
    let told = before.into_iter().filter_map(|(name, trouble)| {
        let LogTrouble::PutBack { age_ms: then_ms, is_healed } = trouble else { return None };
        let is_healed = is_healed || is_level(&name);
        Some((name, LogTrouble::PutBack { age_ms: then_ms, is_healed }.later(age_ms)?))
    });
    let mut troubles: BTreeMap<MemberName, LogTrouble> =
        told.filter(|(name, _)| names.values().any(|it| it == name)).collect();
    troubles.extend(peers.iter().filter_map(|peer| Some((named(peer)?, peer.trouble.clone()?))));
    troubles
}

/// Whom the leader before had not heard, and this one has not heard either, has been silent all the time. Whoever has just
/// joined has not been heard yet: its silence begins now, not when its leader began to lead.
fn go_on(seen: Seen, before: Option<&Seen>, age_ms: u64, leading_ms: u64) -> Seen {
    if seen.silent_ms < leading_ms {
        return seen;
    }
    match before {
        None => Seen { silent_ms: 0, reachable: true },
        Some(before) if before.reachable => {
            let silent_ms = seen.silent_ms.min(before.silent_ms.saturating_add(age_ms));
            Seen { silent_ms, reachable: silent_ms <= SILENT_MS_MAX }
        }
        Some(before) => {
            Seen { silent_ms: seen.silent_ms.max(before.silent_ms.saturating_add(age_ms)), reachable: false }
        }
    }
}

/// Tells one member, and says whether it has taken the news.
async fn tell(server: &Server, name: MemberName, address: String, table: &LivenessReport) -> (MemberName, bool) {
    let Ok(client) = server.peers.client(&address, Channel::Liveness) else { return (name, false) };
    match client.with_timeout(TELL_LIMIT).put::<serde_json::Value>(PATH, table).await {
        Ok(_) => (name, true),
        Err(error) => {
            tracing::debug!(member = %name, %error, "cannot tell a member who answers");
            (name, false)
        }
    }
}

/// Asks a leader for its table. Whether it answered.
async fn ask(server: &Server, leader: &str) -> bool {
    if leader.is_empty() {
        return true;
    }
    let Ok(client) = server.peers.client(leader, Channel::Liveness) else { return false };
    match timeout(ASK_LIMIT, client.get::<LivenessReport>(PATH)).await {
        Ok(Ok(roll)) => {
            server.clock.follow(roll.at);
            server.take_roll(roll);
            true
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Peer, Role};

    #[test]
    fn a_new_leader_goes_on_telling_whose_disk_was_put_back() {
        let record = |id: u64, name: &str| {
            let mut record = Object::blank(Key::member(&name.into()));
            record.spec.0.insert("id".to_owned(), id.into());
            record
        };
        let peer = |id: u64, confirmed: u64, trouble: Option<LogTrouble>| PeerStatus {
            peer: Peer { id: MemberId(id), address: String::new() },
            role: Role::Voter,
            silent_ms: Some(0),
            confirmed: Some(confirmed),
            trouble,
        };
        let records = [record(1, "node1"), record(2, "node2"), record(3, "node3")];
        let put_back = |age_ms, is_healed| LogTrouble::PutBack { age_ms, is_healed };
        let before = BTreeMap::from([
            ("node2".into(), put_back(5_000, false)),
            ("node3".into(), LogTrouble::Stuck { age_ms: 11_000 }),
            ("gone".into(), put_back(0, false)),
        ]);
        let behind = [peer(1, 90, None), peer(2, 40, None), peer(3, 90, None)];
        let told = troubles(&behind, &records, before, 1_000);
        assert_eq!(told, BTreeMap::from([("node2".into(), put_back(6_000, false))]));
        let level = [peer(1, 90, None), peer(2, 90, None), peer(3, 90, None)];
        let told = troubles(&level, &records, told, 1_000);
        assert_eq!(told, BTreeMap::from([("node2".into(), put_back(7_000, true))]));
        assert!(troubles(&level, &records, told, LogTrouble::PUT_BACK_TOLD_MS).is_empty(), "it is not told for ever");
        let stuck = LogTrouble::Stuck { age_ms: 12_000 };
        let own = [peer(1, 90, None), peer(3, 90, Some(stuck.clone()))];
        assert_eq!(troubles(&own, &records, BTreeMap::new(), 0), BTreeMap::from([("node3".into(), stuck)]));
    }

    #[test]
    fn a_new_leader_does_not_let_the_dead_begin_anew() {
        let seen = |silent_ms, reachable| Seen { silent_ms, reachable };
        let dead = seen(60_000, false);
        assert_eq!(go_on(seen(800, true), Some(&dead), 3_000, 800), seen(63_000, false), "nobody has heard it");
        assert_eq!(go_on(seen(100, true), Some(&dead), 3_000, 800), seen(100, true), "it was heard again");
        assert_eq!(go_on(seen(800, true), Some(&seen(0, true)), 3_000, 800), seen(800, true));
        let joined = go_on(seen(90_000, false), None, 3_000, 90_000);
        assert_eq!(joined, seen(0, true), "nobody could have heard it yet");
        assert_eq!(go_on(seen(90_500, false), Some(&joined), 500, 90_500), seen(500, true));
        assert_eq!(go_on(seen(92_000, false), Some(&seen(1_500, true)), 500, 92_000), seen(2_000, false));
    }
}
