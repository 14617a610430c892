//! Getting commands to the leader, from any member.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::error::StoreError;
use super::inner::Inner;
use super::options::Peer;
use super::raft::codec;
use super::raft::transport::{Rpc, TransportError};
use super::raft::types::Proposal;
use super::raft::wire::{self, Outcome};
use crate::model::{Command, Reply};

/// So many commands share one call to the leader at most.
const BATCH_MAX: usize = 256;
/// So many calls to the leader are under way at most; what comes meanwhile shares the next one.
const CALLS_MAX: usize = 4;
/// Before the leader is asked again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one attempt waits for the leader: a dead one must not use up all the time there is.
const ATTEMPT: Duration = Duration::from_millis(2500);

/// A command on its way to the leader.
pub(super) struct PendingProposal {
    leader: Peer,
    proposal: Proposal,
    outcome: oneshot::Sender<Result<Outcome, TransportError>>,
}

/// Submits a command and waits until this member has applied it. What goes wrong once it was sent leaves its outcome
/// open, and the error says so.
pub(super) async fn submit(store: &Inner, command: Command) -> Result<Reply, StoreError> {
    let mut is_sent = false;
    let submitted = send(store, codec::propose(command)?, &mut is_sent).await;
    submitted.map_err(|cause| match (is_sent, &cause) {
        (false, _) | (true, StoreError::Message { .. }) => cause,
        (true, _) => StoreError::Unknown { cause: Box::new(cause) },
    })
}

async fn send(store: &Inner, proposal: Proposal, is_sent: &mut bool) -> Result<Reply, StoreError> {
    let started = Instant::now();
    let deadline = started + store.timing.wait();
    while Instant::now() < deadline {
        store.check()?;
        let Some(leader) = store.wait_for_leader(deadline).await else { break };
        let until = deadline.min(Instant::now() + ATTEMPT);
        let deposed = store.wait_for_other_leader(leader.clone());
        *is_sent = true;
        let outcome = tokio::select! {
            outcome = timeout_at(until, attempt(store, leader, proposal.clone())) => outcome,
            // A call to a leader that was cut off would hang until its limit.
            () = deposed => continue,
        };
        match outcome {
            Ok(Ok(Outcome::Done { index, reply })) => {
                store.wait_applied(index, started, deadline).await?;
                return Ok(reply);
            }
            Ok(Ok(Outcome::Unreadable(detail))) => return Err(StoreError::Message { detail }),
            // The same request id makes trying again harmless, whatever became of the first attempt.
            Ok(Ok(Outcome::NotLeader | Outcome::Stopped(_)) | Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    store.check()?;
    Err(match store.knows_leader() {
        true => StoreError::Timeout { waited_ms: millis(started.elapsed()) },
        false => store.no_leader(),
    })
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn attempt(store: &Inner, leader: Peer, proposal: Proposal) -> Result<Outcome, TransportError> {
    if leader.id == store.me.id {
        return Ok(propose(store, vec![Ok(proposal)]).await.pop().unwrap_or(Outcome::NotLeader));
    }
    let (outcome, answer) = oneshot::channel();
    let gone = || TransportError::Unreachable("this member is stopping".to_owned());
    store.parcels.send(PendingProposal { leader, proposal, outcome }).map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

/// Proposes commands on this member and tells what became of each.
pub(super) async fn propose(store: &Inner, proposals: Vec<Result<Proposal, String>>) -> Vec<Outcome> {
    let readable: Vec<Proposal> = proposals.iter().filter_map(|proposal| proposal.as_ref().ok().cloned()).collect();
    let mut results = match store.raft.client_write_many(readable).await {
        // When openraft stops it tells so once, and nothing of the rest: whoever asks on must get an end, not a panic.
        Ok(results) => results.fuse(),
        Err(fatal) => {
            let reason = store.failure.error(fatal).to_string();
            return proposals.iter().map(|_| Outcome::Stopped(reason.clone())).collect();
        }
    };
    let mut outcomes = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        outcomes.push(match proposal {
            Err(detail) => Outcome::Unreadable(detail),
            Ok(_) => match results.next().await {
                Some(Ok(Ok(done))) => Outcome::Done { index: done.log_id.index, reply: done.response },
                Some(Ok(Err(_))) | None => Outcome::NotLeader,
                Some(Err(fatal)) => Outcome::Stopped(store.failure.error(fatal).to_string()),
            },
        });
    }
    outcomes
}

/// Collects the commands of this member and takes them to the leader, until the store closes.
pub(super) async fn forward(store: std::sync::Weak<Inner>, mut parcels: mpsc::UnboundedReceiver<PendingProposal>) {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let mut batch = Vec::new();
    while parcels.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let Ok(permit) = calls.clone().acquire_owned().await else { return };
        // What came while all calls were under way goes along.
        while batch.len() < BATCH_MAX {
            match parcels.try_recv() {
                Ok(parcel) => batch.push(parcel),
                Err(_) => break,
            }
        }
        let Some(store) = store.upgrade() else { return };
        let batch = std::mem::take(&mut batch);
        tokio::spawn(async move {
            deliver(&store, batch).await;
            drop(permit);
        });
    }
}

async fn deliver(store: &Inner, mut batch: Vec<PendingProposal>) {
    while let Some(leader) = batch.first().map(|parcel| parcel.leader.clone()) {
        let (mine, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|parcel| parcel.leader == leader);
        batch = others;
        let outcomes = call(store, &leader, &mine).await;
        match outcomes {
            Ok(outcomes) => {
                for (parcel, outcome) in mine.into_iter().zip(outcomes) {
                    // Whoever gave up meanwhile does not need it.
                    let _gone = parcel.outcome.send(Ok(outcome));
                }
            }
            Err(error) => {
                for parcel in mine {
                    let _gone = parcel.outcome.send(Err(error.clone()));
                }
            }
        }
    }
}

async fn call(store: &Inner, leader: &Peer, parcels: &[PendingProposal]) -> Result<Vec<Outcome>, TransportError> {
    let failed = |error: StoreError| TransportError::Failed(error.to_string());
    let body = wire::submit(leader.id, parcels.iter().map(|parcel| &parcel.proposal)).map_err(failed)?;
    let answer = store.network.transport.call(leader, Rpc::Submit, body, ATTEMPT).await?;
    wire::read(&answer).map_err(failed)
}
