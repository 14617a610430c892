//! Answering the calls of other members.

use std::path::Path;

use bytes::Bytes;
use openraft::error::{Infallible, RaftError};

use super::log_match;
use super::transport::Rpc;
use super::types::{Config, Snapshot, SnapshotMeta};
use super::wire::{self, SnapshotHead};
use crate::store::error::StoreError;
use crate::store::inner::Inner;
use crate::store::machine::{self, Incoming};
use crate::store::{freshness, read_index, submit};

/// Answers one call.
pub async fn answer(store: &Inner, rpc: Rpc, body: &Bytes) -> Result<Bytes, StoreError> {
    let rest = wire::open(body, store.me.id)?;
    store.check_open()?;
    let fatal = |error: RaftError<Config, Infallible>| match error {
        RaftError::Fatal(fatal) => store.fatal(&fatal),
        RaftError::APIError(never) => match never {},
    };
    match rpc {
        Rpc::Append => {
            let request = wire::read_append(rest)?;
            log_match::check(store, &request).await?;
            let committed = freshness::committed(&request);
            let answer = store.raft.append_entries(request).await.map_err(fatal)?;
            freshness::heard(store, committed, &answer);
            wire::answer(&answer)
        }
        Rpc::Vote => wire::answer(&store.raft.vote(wire::read(&rest)?).await.map_err(fatal)?),
        Rpc::PreVote => wire::answer(&store.raft.pre_vote(wire::read(&rest)?).await.map_err(fatal)?),
        Rpc::TransferLeader => {
            let answer = store.raft.handle_transfer_leader(wire::read(&rest)?).await;
            wire::answer(&answer.map_err(|error| store.failure.error(error))?)
        }
        Rpc::Submit => wire::answer(&submit::propose(store, wire::read_submit(rest)?).await),
        Rpc::Barrier => wire::answer(&read_index::lead(store).await),
        Rpc::Snapshot => Err(wire::message("a snapshot comes with a file")),
    }
}

/// Takes over a snapshot that a peer has sent, having checked that it arrived whole.
pub async fn receive_snapshot(store: &Inner, header: &Bytes, file: Incoming) -> Result<Bytes, StoreError> {
    let SnapshotHead { vote, meta, sha256 } = wire::read(&wire::open(header, store.me.id)?)?;
    store.check_open()?;
    let path = file.path().to_owned();
    let checked = tokio::task::spawn_blocking(move || {
        check(&path, &sha256, &meta)?;
        Ok(Snapshot { meta, snapshot: path })
    });
    let snapshot = checked.await.map_err(wire::message)??;
    let installed = store.raft.install_full_snapshot(vote, snapshot).await.map_err(|fatal| store.fatal(&fatal))?;
    wire::answer(&installed)
}

fn check(file: &Path, sha256: &str, meta: &SnapshotMeta) -> Result<(), StoreError> {
    if machine::digest(file)? != sha256 {
        return Err(wire::message("a snapshot was damaged on the way"));
    }
    match machine::checked_snapshot(file)? == *meta {
        true => Ok(()),
        false => Err(wire::message("a snapshot holds something else than its header says")),
    }
}
