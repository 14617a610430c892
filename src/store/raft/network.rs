//! openraft's way to the other members, over the daemon's [`Transport`].

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{AnyError, BasicNode, OptionalSend, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use tokio::sync::watch;

use super::log_match::Replicas;
use super::transport::{Rpc, Transport, TransportError};
use super::types::{Config, Snapshot, Vote};
use super::wire::{self, SnapshotHead};
use crate::model::MemberId;
use crate::store::error::StoreError;
use crate::store::machine;
use crate::store::options::Peer;

/// A large state takes its time on a slow line.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(600);

/// How long a follower may take to store entries. openraft would allow as long as one heartbeat: a slow disk or a large
/// entry would be sent again and again, and never arrive.
fn append_limit(bytes: usize) -> Duration {
    let transfer = Duration::from_micros(u64::try_from(bytes).unwrap_or(u64::MAX));
    Duration::from_secs(1).saturating_add(transfer)
}

/// Where the members are, by the newest member list. A connection looks here at each call, so that a member that has
/// moved is found at once.
#[derive(Clone, Default)]
pub struct Addresses(Arc<RwLock<BTreeMap<u64, String>>>);

impl Addresses {
    pub fn replace(&self, nodes: BTreeMap<u64, String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    fn of(&self, id: u64) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// Makes the connections.
#[derive(Clone)]
pub struct Network {
    pub me: MemberId,
    pub transport: Arc<dyn Transport>,
    pub addresses: Addresses,
    pub replicas: Replicas,
    /// The last member that could not be told to take over the lead.
    pub untold: Arc<watch::Sender<Option<u64>>>,
}

/// The way to one member.
pub struct Link {
    network: Network,
    peer: Peer,
}

impl RaftNetworkFactory<Config> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Link {
        Link { network: self.clone(), peer: super::types::peer(target, node) }
    }
}

impl Link {
    fn peer(&self) -> Peer {
        let address = self.network.addresses.of(self.peer.id.0).filter(|address| !address.is_empty());
        Peer { id: self.peer.id, address: address.unwrap_or_else(|| self.peer.address.clone()) }
    }

    async fn call(
        &self,
        rpc: Rpc,
        body: Result<Bytes, StoreError>,
        limit: Duration,
    ) -> Result<Bytes, RPCError<Config>> {
        let body = body.map_err(network_error)?;
        let peer = self.peer();
        // The transport should keep the limit itself; a forgotten one must not freeze the replication.
        let call = tokio::time::timeout(limit, self.network.transport.call(&peer, rpc, body, limit));
        match call.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(TransportError::Timeout)) | Err(_) => Err(self.timeout(rpc, limit).into()),
            Ok(Err(TransportError::Failed(reason))) if rpc == Rpc::Append => {
                self.network.replicas.refused(self.peer.id.0, &reason);
                Err(Unreachable::new(&AnyError::error(reason)).into())
            }
            // Unreachable makes openraft wait a moment before it tries again, so that the log is not flooded.
            Ok(Err(error)) => Err(Unreachable::new(&AnyError::new(&error)).into()),
        }
    }

    fn timeout(&self, rpc: Rpc, limit: Duration) -> Timeout<Config> {
        let action = match rpc {
            Rpc::Vote | Rpc::PreVote => RPCTypes::Vote,
            Rpc::Snapshot => RPCTypes::InstallSnapshot,
            Rpc::TransferLeader => RPCTypes::TransferLeader,
            Rpc::Append | Rpc::Submit | Rpc::Barrier => RPCTypes::AppendEntries,
        };
        Timeout { action, id: self.network.me.0, target: self.peer.id.0, timeout: limit }
    }
}

fn network_error(error: StoreError) -> RPCError<Config> {
    NetworkError::new(&AnyError::new(&error)).into()
}

impl RaftNetworkV2<Config> for Link {
    type SnapshotData = PathBuf;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Config>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Config>, RPCError<Config>> {
        let body = wire::append(self.peer.id, &request);
        let limit = match (&body, request.entries.is_empty()) {
            (Ok(body), false) => option.hard_ttl() + append_limit(body.len()),
            _ => option.hard_ttl(),
        };
        let (replicas, id) = (self.network.replicas.clone(), self.peer.id.0);
        replicas.sending(id, &request);
        let answer = self.call(Rpc::Append, body, limit).await?;
        let response = wire::read(&answer).map_err(network_error)?;
        replicas.answered(id, &request, &response);
        Ok(response)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Config>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config>, RPCError<Config>> {
        let answer = self.call(Rpc::Vote, wire::json(self.peer.id, &request), option.hard_ttl()).await?;
        wire::read(&answer).map_err(network_error)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Config>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config>, RPCError<Config>> {
        let answer = self.call(Rpc::PreVote, wire::json(self.peer.id, &request), option.hard_ttl()).await?;
        wire::read(&answer).map_err(network_error)
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Config>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Config>, RPCError<Config>> {
        let called = self.call(Rpc::TransferLeader, wire::json(self.peer.id, &request), option.hard_ttl()).await;
        if called.is_err() {
            self.network.untold.send_replace(Some(self.peer.id.0));
        }
        wire::read(&called?).map_err(network_error)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Config>, StreamingError<Config>> {
        let send = async {
            let file = snapshot.snapshot.clone();
            let hashed = tokio::task::spawn_blocking(move || machine::digest(&file)).await;
            let sha256 = hashed.map_err(|gone| unsendable(&gone))?.map_err(|error| unsendable(&error))?;
            let head = SnapshotHead { vote, meta: snapshot.meta.clone(), sha256 };
            let head = wire::json(self.peer.id, &head).map_err(|error| unsendable(&error))?;
            let peer = self.peer();
            let sent = self.network.transport.send_snapshot(&peer, head, snapshot.snapshot.clone(), SNAPSHOT_LIMIT);
            let answer = sent.await.map_err(|error| unsendable(&error))?;
            wire::read_snapshot_response(&answer).map_err(|error| unsendable(&error))
        };
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = tokio::time::timeout(SNAPSHOT_LIMIT, send) => match sent {
                Ok(answer) => answer,
                Err(_) => Err(self.timeout(Rpc::Snapshot, SNAPSHOT_LIMIT).into()),
            },
        }
    }
}

fn unsendable(error: &(impl std::error::Error + 'static)) -> StreamingError<Config> {
    Unreachable::new(&AnyError::new(error)).into()
}
