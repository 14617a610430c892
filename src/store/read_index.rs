//! Linearizable reads from any member: ask the leader up to which entry, wait until that one is applied here.

use std::time::Duration;

use openraft::ReadPolicy;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::error::StoreError;
use super::inner::{Inner, Owner};
use super::raft::transport::Rpc;
use super::raft::wire::{self, ReadIndex};
use crate::model::Revision;

const PAUSE: Duration = Duration::from_millis(20);
/// How long one round waits for the leader.
const ROUND: Duration = Duration::from_millis(1000);

/// Returns once this member has applied everything that was acknowledged anywhere before the call.
pub(super) async fn barrier(store: &Inner) -> Result<Revision, StoreError> {
    let started = Instant::now();
    let deadline = started + store.timing.wait();
    while Instant::now() < deadline {
        store.check()?;
        let (reader, index) = oneshot::channel();
        if store.readers.send(reader).is_err() {
            break;
        }
        if let Ok(Ok(Some(index))) = timeout_at(deadline, index).await {
            return Ok(store.wait_applied(index, started, deadline).await?.revision);
        }
        tokio::time::sleep(PAUSE).await;
    }
    store.check()?;
    Err(store.no_leader())
}

/// Answers readers, until the store closes. All who came while a round was under way share the next one: a round
/// that began before a reader came says nothing to that reader.
pub(super) async fn serve(store: Owner, mut readers: mpsc::UnboundedReceiver<oneshot::Sender<Option<u64>>>) {
    let mut waiting = Vec::new();
    while readers.recv_many(&mut waiting, usize::MAX).await > 0 {
        let Some(store) = store.upgrade() else { return };
        let index = tokio::time::timeout(ROUND, round(&store)).await.ok().flatten();
        for reader in waiting.drain(..) {
            // Whoever gave up meanwhile does not need it.
            let _gone = reader.send(index);
        }
    }
}

async fn round(store: &Inner) -> Option<u64> {
    let leader = store.wait_for_leader(Instant::now() + ROUND).await?;
    if leader.id == store.me.id {
        return match lead(store).await {
            ReadIndex::After(index) => Some(index),
            ReadIndex::NotLeader => None,
        };
    }
    let body = wire::json(leader.id, &()).ok()?;
    let answer = store.network.transport.call(&leader, Rpc::Barrier, body, ROUND).await.ok()?;
    match wire::read(&answer).ok()? {
        ReadIndex::After(index) => Some(index),
        ReadIndex::NotLeader => None,
    }
}

/// The leader's answer: it makes sure that it still leads.
pub(super) async fn lead(store: &Inner) -> ReadIndex {
    match store.raft.get_read_log_id(ReadPolicy::ReadIndex).await {
        Ok((id, _)) => ReadIndex::After(id.index()),
        Err(_) => ReadIndex::NotLeader,
    }
}
