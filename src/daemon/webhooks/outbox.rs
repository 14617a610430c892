//! What one webhook still has to be told, in order: a function of the audit log and of how members and sources stand.
//!
//! What stands in the log is told once for each entry. How members and sources stand is told when it turns: who counts
//! the turns gives each of them the same id, whoever leads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::retry::WAITING_MAX;
use crate::kinds::records::history::{self, Applied};
use crate::kinds::records::saved_plan::SavedPlan;
use crate::kinds::webhook::{EventKind, WebhookSpec, WebhookStatus};
use crate::model::{AuditEntry, Audited, Deed, Did, Key, Origin, Revision, Timestamp};
use crate::service::WebhookMessage;

/// A message names no more objects than these; it counts them all.
const NAMED_MAX: usize = 20;

/// How something stands that can be well or not.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedStatus {
    /// What it is, with its uid: another of the same name is another.
    pub subject: String,
    /// The sort of message that it is worth.
    pub kind: EventKind,
    /// Whether it is not well; `None` while that is not known, which turns nothing.
    pub is_bad: Option<bool>,
    /// What to say.
    pub data: Value,
}

/// A message, and what is done with once it was taken.
#[derive(Clone, Debug, PartialEq)]
struct Waiting {
    letter: WebhookMessage,
    mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
enum Mark {
    /// There is more to tell of the same entry.
    Part,
    /// Everything up to this entry.
    Entry(Revision),
    /// So many turns of this subject.
    Turn(String, u64),
}

/// What waits for one webhook.
#[derive(Default)]
pub struct Outbox {
    read: Revision,
    turns: BTreeMap<String, u64>,
    waiting: VecDeque<Waiting>,
}

impl Outbox {
    /// What there is to tell after all that was told.
    pub fn after(status: &WebhookStatus) -> Self {
        // What happened before there was the webhook is none of its business.
        Self { read: status.told.max(status.of), turns: status.turns.clone(), waiting: VecDeque::new() }
    }

    /// The last entry of the log that was read.
    pub fn read(&self) -> Revision {
        self.read
    }

    /// There is nothing more to read up to this entry.
    pub fn skip_to(&mut self, revision: Revision) {
        self.read = self.read.max(revision);
    }

    /// The next message.
    pub fn first(&self) -> Option<&WebhookMessage> {
        self.waiting.front().map(|waiting| &waiting.letter)
    }

    /// The next message was taken, or is given up.
    pub fn done(&mut self, status: &mut WebhookStatus) {
        match self.waiting.pop_front().map(|waiting| waiting.mark) {
            Some(Mark::Entry(revision)) => status.told = revision,
            Some(Mark::Turn(subject, count)) => drop(status.turns.insert(subject, count)),
            Some(Mark::Part) | None => {}
        }
    }

    /// Reads one entry of the log. `applied` is the record of the apply that it is, if it is one and still remembered.
    pub fn take_entry(&mut self, audited: &Audited, applied: Option<&Applied>, wanted: &WebhookSpec) {
        self.read = audited.revision;
        let mut letters = letters(audited, applied);
        letters.retain(|letter| wanted.wants(letter.kind));
        let last = letters.len();
        for (number, letter) in letters.into_iter().enumerate() {
            let mark = if number + 1 == last { Mark::Entry(audited.revision) } else { Mark::Part };
            self.waiting.push_back(Waiting { letter, mark });
        }
    }

    /// Reads how members and sources stand now.
    pub fn take_standings(&mut self, standings: &[WatchedStatus], wanted: &WebhookSpec, now: Timestamp) {
        let known: BTreeSet<&String> = standings.iter().map(|standing| &standing.subject).collect();
        self.turns.retain(|subject, _| known.contains(subject));
        for standing in standings.iter().filter(|standing| wanted.wants(standing.kind)) {
            let count = self.turns.get(&standing.subject).copied().unwrap_or(0);
            if standing.is_bad.is_none_or(|is_bad| is_bad == (count % 2 == 1)) {
                continue;
            }
            self.turns.insert(standing.subject.clone(), count + 1);
            let id = format!("{}-{}", standing.subject.replace(['/', '#'], "-"), count + 1);
            let letter = WebhookMessage { id, kind: standing.kind, at: now, data: standing.data.clone() };
            self.waiting.push_back(Waiting { letter, mark: Mark::Turn(standing.subject.clone(), count + 1) });
        }
    }

    /// Gives the oldest messages up when too many wait.
    pub fn shorten(&mut self, status: &mut WebhookStatus) {
        while self.waiting.len() > WAITING_MAX {
            self.done(status);
            status.dropped += 1;
        }
    }

    /// Forgets the turns of what is gone.
    pub fn forget(&self, status: &mut WebhookStatus) {
        status.turns.retain(|subject, _| self.turns.contains_key(subject));
    }
}

/// The record of the apply that an entry is.
pub fn record_of(entry: &AuditEntry) -> Option<Key> {
    let records = entry.what.iter().filter(|deed| deed.did == Did::Create);
    let mut keys = records.filter_map(|deed| deed.key.parse::<Key>().ok());
    keys.find(|key| key.kind.as_str() == Applied::KIND)
}

fn letters(audited: &Audited, applied: Option<&Applied>) -> Vec<WebhookMessage> {
    let Audited { revision, entry, hash: _ } = audited;
    let letter = |kind: EventKind, data: Value| {
        let id = format!("{revision}-{kind}");
        WebhookMessage { id, kind, at: entry.at, data }
    };
    if record_of(entry).is_some() {
        return vec![letter(EventKind::Apply, committed(*revision, entry, applied))];
    }
    let of = |dids: &[Did]| entry.what.iter().filter(|deed| dids.contains(&deed.did)).collect::<Vec<_>>();
    let found = [(EventKind::Drift, of(&[Did::Drifted])), (EventKind::Heal, of(&[Did::Healed, Did::Cleared]))];
    let found = found.into_iter().filter(|(_, deeds)| !deeds.is_empty());
    found.map(|(kind, deeds)| letter(kind, seen(*revision, &deeds))).collect()
}

fn committed(revision: Revision, entry: &AuditEntry, applied: Option<&Applied>) -> Value {
    let Origin { address, via: _, source, revision: set } = entry.from.clone().unwrap_or_default();
    let is_own = |deed: &&Deed| !history::is_record(&deed.key) && deed.key.split('/').next() != Some(SavedPlan::KIND);
    let deeds: Vec<&Deed> = entry.what.iter().filter(is_own).collect();
    json!({
        "revision": revision,
        "by": entry.by,
        "from": {"address": address, "source": source, "revision": set},
        "why": applied.map(|applied| applied.why.clone()).unwrap_or_default(),
        "counts": applied.map(|applied| applied.counts.clone()).unwrap_or_default(),
        "changes": deeds.len(),
        "objects": named(&deeds),
    })
}

fn seen(revision: Revision, deeds: &[&Deed]) -> Value {
    json!({ "revision": revision, "changes": deeds.len(), "objects": named(deeds) })
}

fn named(deeds: &[&Deed]) -> Vec<Value> {
    let one = |deed: &&Deed| match deed.member.as_str() {
        "" => json!({"object": deed.key, "did": deed.did}),
        member => json!({"object": deed.key, "did": deed.did, "member": member}),
    };
    deeds.iter().take(NAMED_MAX).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(did: Did, key: &str, member: &str) -> Deed {
        Deed { did, key: key.to_owned(), member: member.to_owned(), names: vec!["config.limits.cpu".to_owned()] }
    }

    fn entry(revision: u64, what: Vec<Deed>) -> Audited {
        let from = Some(Origin { address: "10.0.0.9:5".to_owned(), ..Origin::default() });
        let entry = AuditEntry { at: Timestamp(5), by: "unix:0".to_owned(), from, what };
        Audited { revision: Revision(revision), entry, hash: String::new() }
    }

    fn apply(revision: u64) -> Audited {
        entry(revision, vec![deed(Did::Create, "history/1-a", ""), deed(Did::Change, "profile/web", "")])
    }

    fn ids(ledger: &Outbox) -> Vec<&str> {
        ledger.waiting.iter().map(|waiting| waiting.letter.id.as_str()).collect()
    }

    fn all() -> WebhookSpec {
        WebhookSpec::default()
    }

    fn node3(is_bad: bool) -> WatchedStatus {
        let subject = "member/node3#9".to_owned();
        WatchedStatus { subject, kind: EventKind::Member, is_bad: Some(is_bad), data: json!({ "member": "node3" }) }
    }

    #[test]
    fn an_apply_says_who_from_where_and_how_much() {
        let counts = BTreeMap::from([("update".to_owned(), 1)]);
        let applied = Applied { counts, why: "back to revision 3".to_owned(), ..Applied::default() };
        let found = letters(&apply(7), Some(&applied));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id.as_str(), found[0].kind), ("7-apply", EventKind::Apply));
        assert_eq!(
            found[0].data,
            json!({
                "revision": 7, "by": "unix:0", "why": "back to revision 3", "counts": {"update": 1}, "changes": 1,
                "from": {"address": "10.0.0.9:5", "source": "", "revision": ""},
                "objects": [{"object": "profile/web", "did": "change"}],
            })
        );
    }

    #[test]
    fn one_entry_may_be_two_messages_and_is_told_with_the_last() {
        let both = vec![deed(Did::Healed, "network/a", "n1"), deed(Did::Drifted, "network/b", "n1")];
        let mut ledger = Outbox::default();
        ledger.take_entry(&entry(4, both), None, &all());
        assert_eq!(ids(&ledger), ["4-drift", "4-heal"]);
        let mut status = WebhookStatus::default();
        ledger.done(&mut status);
        assert_eq!(status.told, Revision(0));
        ledger.done(&mut status);
        assert_eq!(status.told, Revision(4));
    }

    #[test]
    fn what_is_no_apply_and_what_nobody_asked_for_is_not_told() {
        let mut ledger = Outbox::default();
        ledger.take_entry(&entry(4, vec![deed(Did::Change, "webhook-status/ci", "")]), None, &all());
        let drift = WebhookSpec { events: vec!["drift".to_owned()], ..all() };
        ledger.take_entry(&apply(5), None, &drift);
        ledger.take_standings(&[node3(true)], &drift, Timestamp(0));
        assert_eq!(ids(&ledger), [""; 0]);
        assert_eq!(ledger.read(), Revision(5));
    }

    #[test]
    fn a_turn_is_told_once_and_under_the_same_id_by_whoever_leads_next() {
        let mut ledger = Outbox::default();
        let mut status = WebhookStatus::default();
        ledger.take_standings(&[node3(false)], &all(), Timestamp(0));
        assert_eq!(ids(&ledger), [""; 0]);
        ledger.take_standings(&[node3(true)], &all(), Timestamp(0));
        ledger.take_standings(&[node3(true)], &all(), Timestamp(0));
        assert_eq!(ids(&ledger), ["member-node3-9-1"]);
        let mut next = Outbox::after(&status);
        next.take_standings(&[node3(true)], &all(), Timestamp(0));
        assert_eq!(ids(&next), ids(&ledger));
        ledger.done(&mut status);
        let mut next = Outbox::after(&status);
        next.take_standings(&[node3(true)], &all(), Timestamp(0));
        assert_eq!(ids(&next), [""; 0]);
        next.take_standings(&[node3(false)], &all(), Timestamp(0));
        assert_eq!(ids(&next), ["member-node3-9-2"]);
        let unknown = WatchedStatus { is_bad: None, ..node3(false) };
        next.take_standings(&[unknown], &all(), Timestamp(0));
        assert_eq!(ids(&next), ["member-node3-9-2"]);
        next.take_standings(&[], &all(), Timestamp(0));
        next.forget(&mut status);
        assert!(status.turns.is_empty(), "a member that is gone is remembered");
    }

    #[test]
    fn when_too_many_wait_the_oldest_are_given_up_and_counted() {
        let mut ledger = Outbox::default();
        let mut status = WebhookStatus::default();
        let count = u64::try_from(WAITING_MAX).expect("a small number") + 2;
        (1..=count).for_each(|revision| ledger.take_entry(&apply(revision), None, &all()));
        ledger.shorten(&mut status);
        assert_eq!((status.dropped, status.told), (2, Revision(2)));
        assert_eq!(ledger.first().map(|letter| letter.id.as_str()), Some("3-apply"));
    }
}
