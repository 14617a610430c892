//! What holds one daemon together: its directory, its port and its loops. Forming clusters replaces the store, so it
//! happens here.

use crate::service;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::DaemonError;
use super::form;
use super::initial_records;
use super::loops::Loops;
use super::peer_runtime::PeerRuntime;
use super::ports::Ports;
use super::sources::Loader;
use super::state_dir::{Belongs, StateDir};
use super::{certificate, tls};
use crate::api::{ApiError, ClusterPut, InitReply, InitRequest};
use crate::model::{Config, Key, MemberId, MemberName, Object};
use crate::service::{ClusterLifecycle, Leaving, LifecycleFuture, LocalMember, Pair, Server, with_causes};
use crate::store::{Peer, Store, StoreError, StoreOptions, Timing, Transport};

/// The parts of the daemon that outlive its store.
pub struct DaemonContext {
    /// Where everything is kept.
    pub dir: StateDir,
    /// How patient Raft is.
    pub timing: Timing,
    /// Where stores run.
    pub peer_runtime: PeerRuntime,
    /// The way to other members.
    pub transport: Arc<dyn Transport>,
    /// Where it listens.
    pub ports: Ports,
    /// Who parses the manifests of sources.
    pub loader: Arc<Loader>,
    /// The loops of the present store.
    pub loops: Mutex<Option<Loops>>,
    /// One forming at a time.
    pub busy: Mutex<()>,
}

impl DaemonContext {
    /// Opens the database, makes a new one when there is none, and says who this member is.
    pub async fn open_place(
        &self,
        server: &service::Pair,
        clock: &dyn crate::host::Clock,
    ) -> Result<LocalMember, DaemonError> {
        let database = self.dir.database();
        let belongs = match self.dir.belongs(&database)? {
            Some(belongs) => belongs,
            None => {
                let fresh = Belongs { id: MemberId(1), address: String::new(), name: None, listen: Config::default() };
                self.dir.set_belongs(&database, &fresh)?;
                fresh
            }
        };
        let store = self.open_store(&database, &belongs).await?;
        if !store.is_formed() {
            store.bootstrap().await?;
        }
        // With others in the group the records were written long ago, and a start must not wait for a leader.
        if store.is_alone() {
            store.barrier().await?;
            initial_records::ensure(&store, &initial_records::hostname(), server, clock.now()).await?;
        }
        // A member of a cluster keeps its name; one that stands alone may have failed to become a cluster under another.
        let given = belongs.name.filter(|_| !store.is_alone());
        let stored = name_of(&store, belongs.id)?;
        let name = given.or(stored).unwrap_or_else(initial_records::hostname);
        Ok(LocalMember { store, name, id: belongs.id })
    }

    /// Opens a store below a directory.
    pub async fn open_store(&self, dir: &std::path::Path, belongs: &Belongs) -> Result<Store, StoreError> {
        let me = Peer { id: belongs.id, address: belongs.address.clone() };
        let options = StoreOptions { dir: dir.to_owned(), me, timing: self.timing.clone() };
        // What openraft starts runs where it was opened.
        let opening = self.peer_runtime.handle().spawn(Store::open(options, Arc::clone(&self.transport)));
        opening.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Starts the loops of the present place, after ending those of the one before.
    pub async fn restart_loops(&self, server: &Arc<Server>) {
        let mut loops = self.loops.lock().await;
        if let Some(old) = loops.take() {
            old.end().await;
        }
        *loops = Some(Loops::start(server, &server.node(), self.dir.sources(), &self.loader));
    }

    /// Ends the loops: the store is about to go.
    pub async fn end_loops(&self) {
        if let Some(old) = self.loops.lock().await.take() {
            old.end().await;
        }
    }
}

/// The name of the member with this identity, as far as this store knows.
pub fn name_of(store: &Store, id: MemberId) -> Result<Option<MemberName>, StoreError> {
    let mine = |member: &Object| service::id_of(member) == id;
    Ok(store.list(Key::MEMBER)?.into_iter().find(mine).map(|member| MemberName(member.key.name)))
}

/// A failure of the daemon as the API says it.
pub fn told(error: &DaemonError) -> ApiError {
    match error {
        DaemonError::Api(error) => error.clone(),
        other => ApiError::failed(with_causes(other)),
    }
}

impl ClusterLifecycle for DaemonContext {
    fn init<'a>(
        &'a self,
        server: &'a Arc<Server>,
        request: InitRequest,
        by: &'a str,
    ) -> LifecycleFuture<'a, InitReply> {
        Box::pin(form::init(self, server, request, by))
    }

    fn put<'a>(&'a self, server: &'a Arc<Server>, request: ClusterPut, by: &'a str) -> LifecycleFuture<'a, InitReply> {
        Box::pin(form::put(self, server, request, by))
    }

    fn resume<'a>(&'a self, server: &'a Arc<Server>) -> LifecycleFuture<'a, ()> {
        Box::pin(async move {
            form::resume(self, server).await;
            Ok(())
        })
    }

    fn leave<'a>(&'a self, server: &'a Arc<Server>, why: Leaving) -> LifecycleFuture<'a, ()> {
        Box::pin(form::leave(self, server, why))
    }

    fn new_pair(&self) -> Result<Pair, ApiError> {
        certificate::of_cluster(initial_records::hostname().as_str()).map_err(|error| told(&error))
    }

    fn check_pair(&self, pair: &Pair) -> Result<(), ApiError> {
        tls::check(pair).map_err(|detail| ApiError::bad_request(format!("the certificate cannot be used: {detail}")))
    }

    fn adopt(&self, server: &Server, pair: Pair) -> Result<(), ApiError> {
        if server.credentials.presented().certificate != pair.certificate {
            self.dir.set_pair("cluster", Some(&pair)).map_err(|error| told(&error))?;
            server.credentials.set_cluster(Some(pair));
        }
        Ok(())
    }

    fn listen<'a>(&'a self, server: &'a Arc<Server>, own: &'a Config) -> LifecycleFuture<'a, ()> {
        Box::pin(self.ports.set(server, own))
    }
}
