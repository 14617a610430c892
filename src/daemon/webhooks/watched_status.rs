//! How members and sources stand, as far as webhooks tell it.

use std::collections::BTreeMap;

use serde_json::json;

use super::outbox::WatchedStatus;
use crate::api::ApiError;
use crate::kinds::source::{self, SourceStatus};
use crate::kinds::webhook::EventKind;
use crate::model::{LastSeen, MemberName, Object, Timestamp};
use crate::service::{LocalMember, Server, offline_after_ms, rfc3339, store_failed, typed};

/// How all members and sources stand now.
pub fn standings(server: &Server, node: &LocalMember) -> Result<Vec<WatchedStatus>, ApiError> {
    let offline_after_ms = offline_after_ms(server)?;
    let liveness = server.liveness();
    let of_member = |member: &Object| {
        let name = MemberName(member.key.name.clone());
        let seen = liveness.members.get(&name);
        member_standing(member, seen.copied(), liveness.at, offline_after_ms)
    };
    let members = server.members()?;
    let mut standings: Vec<WatchedStatus> = members.iter().map(of_member).collect();
    let members: Vec<MemberName> = members.into_iter().map(|member| MemberName(member.key.name)).collect();
    let statuses = node.store.list(SourceStatus::KIND).map_err(store_failed)?;
    let statuses: BTreeMap<&String, &Object> = statuses.iter().map(|status| (&status.key.name, status)).collect();
    for source in node.store.list("source").map_err(store_failed)? {
        let status = statuses.get(&source.key.name).map(|status| typed::<SourceStatus>(status)).transpose()?;
        let status = status.unwrap_or_default().seen(&typed(&source)?, &members, &liveness.members);
        standings.push(source_standing(&source, &status));
    }
    Ok(standings)
}

fn subject(object: &Object) -> String {
    format!("{}#{}", object.key, object.uid)
}

/// A member that was just missed may be back at once: it is offline when `cluster list` says so.
fn member_standing(member: &Object, seen: Option<LastSeen>, now: Timestamp, offline_after_ms: u64) -> WatchedStatus {
    let is_bad = seen.and_then(|seen| match (seen.reachable, now.since_ms(seen.heard) >= offline_after_ms) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    });
    let state = if is_bad == Some(true) { "offline" } else { "online" };
    let heard = seen.map(|seen| rfc3339(seen.heard));
    let data = json!({ "member": member.key.name, "state": state, "heard": heard });
    WatchedStatus { subject: subject(member), kind: EventKind::Member, is_bad, data }
}

fn source_standing(source: &Object, status: &SourceStatus) -> WatchedStatus {
    let is_bad = match status.standing {
        source::Standing::Stalled => Some(true),
        source::Standing::Ready => Some(false),
        source::Standing::Reconciling | source::Standing::Suspended => None,
    };
    let data = json!({
        "source": source.key.name, "state": status.standing, "reason": status.reason, "message": status.message,
        "commit": status.commit, "digest": status.digest,
    });
    WatchedStatus { subject: subject(source), kind: EventKind::Source, is_bad, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generation, Key, Phase, Revision};

    fn object(key: Key) -> Object {
        Object { uid: Revision(9), generation: Generation(1), phase: Phase::Created, ..Object::blank(key) }
    }

    #[test]
    fn a_member_is_offline_after_the_threshold_and_back_when_it_is_heard() {
        let member = object(Key::new(Key::MEMBER, "node3"));
        let seen = |heard, reachable| Some(LastSeen { heard: Timestamp(heard), reachable });
        let is_bad = |seen| member_standing(&member, seen, Timestamp(60_000), 20_000).is_bad;
        assert_eq!(is_bad(None), None);
        assert_eq!(is_bad(seen(59_900, true)), Some(false));
        assert_eq!(is_bad(seen(50_000, false)), None);
        assert_eq!(is_bad(seen(40_000, false)), Some(true));
        let told = member_standing(&member, seen(40_000, false), Timestamp(60_000), 20_000);
        assert_eq!((told.subject.as_str(), told.data["state"].as_str()), ("member/node3#9", Some("offline")));
    }

    #[test]
    fn a_source_that_is_read_again_has_not_turned_yet() {
        let site = object(Key::new("source", "site"));
        let is_bad = |standing| {
            let status = SourceStatus { standing, ..SourceStatus::default() };
            source_standing(&site, &status).is_bad
        };
        assert_eq!(is_bad(source::Standing::Stalled), Some(true));
        assert_eq!(is_bad(source::Standing::Reconciling), None);
        assert_eq!(is_bad(source::Standing::Ready), Some(false));
    }
}
