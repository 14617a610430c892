//! Joins that were never finished: the leader takes their places back after a while, and orphaned learners out of Raft.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Change, Command, Expect, Key, MemberId, Object, Phase, Timestamp, Write};
use crate::store::{Role, Store, StoreError};

/// A joiner that has not committed by then has died. It commits within some 50 s, or gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The places that wait for their joiner, and since when this leader sees them.
#[derive(Debug, Default)]
pub(super) struct Places {
    since: BTreeMap<MemberId, Instant>,
}

impl Places {
    /// Takes back what has waited too long, and seats in Raft that belong to nobody.
    pub async fn look(&mut self, store: &Store, patience: Duration, at: Timestamp) -> Result<(), StoreError> {
        let records = store.list(Key::MEMBER)?;
        let waiting: Vec<&Object> = records.iter().filter(|record| record.phase == Phase::Pending).collect();
        let ids: Vec<MemberId> = waiting.iter().map(|record| MemberId(record.uid.0)).collect();
        let overdue = self.overdue(&ids, Instant::now(), patience);
        for record in waiting.into_iter().filter(|record| overdue.contains(&MemberId(record.uid.0))) {
            tracing::warn!(member = %record.key.name, "its join never came to an end: its place is taken back");
            forget(store, record, at).await?;
        }
        self.clear_seats(store).await
    }

    /// This member leads no more: the next leader has its own clock.
    pub fn clear(&mut self) {
        self.since.clear();
    }

    fn overdue(&mut self, waiting: &[MemberId], now: Instant, patience: Duration) -> BTreeSet<MemberId> {
        self.since.retain(|id, _| waiting.contains(id));
        for id in waiting {
            self.since.entry(*id).or_insert(now);
        }
        self.since.iter().filter(|(_, since)| now.duration_since(**since) >= patience).map(|(id, _)| *id).collect()
    }

    /// A member is recorded before it gets a seat, and forgotten before it loses it.
    async fn clear_seats(&self, store: &Store) -> Result<(), StoreError> {
        // Whoever votes loses its vote first.
        let learners = store.peers().into_iter().filter(|peer| peer.role == Role::Learner);
        let seats: Vec<MemberId> = learners.map(|peer| peer.peer.id).collect();
        if of_nobody(&seats, &store.list(Key::MEMBER)?).is_empty() {
            return Ok(());
        }
        // A new leader may have the seats of its log before it has applied the records: now it has.
        store.barrier().await?;
        for id in of_nobody(&seats, &store.list(Key::MEMBER)?) {
            tracing::info!(%id, "a seat in Raft without a member: it is taken away");
            store.remove(id).await?;
        }
        Ok(())
    }
}

/// The seats that no record speaks of. Without any record nothing is known yet.
fn of_nobody(seats: &[MemberId], records: &[Object]) -> Vec<MemberId> {
    if records.is_empty() {
        return Vec::new();
    }
    let known: BTreeSet<MemberId> = records.iter().map(super::member_status::id_of).collect();
    seats.iter().copied().filter(|id| !known.contains(id)).collect()
}

async fn forget(store: &Store, record: &Object, at: Timestamp) -> Result<(), StoreError> {
    let key = record.key.clone();
    let write = Write {
        // The same record gives the same request: a retry after a lost answer does it once.
        request: format!("forget-{}-{}", record.uid, record.generation),
        at,
        by: "reconciler".to_owned(),
        origin: None,
        expect: vec![Expect::unchanged(record)],
        changes: vec![Change::Forget { key }],
    };
    // Refused is right, too: the joiner has come after all.
    store.submit(Command::Write(write)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_waits_for_its_joiner_and_no_longer() {
        let (begun, mut places) = (Instant::now(), Places::default());
        let mut at = |seconds: u64, waiting: &[u64]| {
            let waiting: Vec<MemberId> = waiting.iter().copied().map(MemberId).collect();
            let overdue = places.overdue(&waiting, begun + Duration::from_secs(seconds), PATIENCE);
            overdue.into_iter().map(|id| id.0).collect::<Vec<u64>>()
        };
        assert_eq!(at(0, &[7]), Vec::<u64>::new());
        assert_eq!(at(30, &[7, 9]), Vec::<u64>::new());
        assert_eq!(at(60, &[7, 9]), [7], "the second came later");
        assert_eq!(at(90, &[9]), [9]);
        assert_eq!(at(100, &[]), Vec::<u64>::new());
        assert_eq!(at(110, &[9]), Vec::<u64>::new(), "a place that was gone begins anew");
    }
}
