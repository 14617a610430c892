//! The lifecycle of a cluster as the daemon above carries it out: form, join and leave, and listen.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::api::{ApiError, ClusterPut, InitReply, InitRequest};
use crate::model::Config;
use crate::service::access::credentials::Pair;
use crate::service::server::Server;

/// A future that can be kept.
pub type LifecycleFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// Why a member leaves its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Somebody asked this member for it. Only the last member may.
    Asked,
    /// The leader has removed it and told it so.
    Told,
    /// It was removed while it could not be told. Its database is kept aside.
    Found,
}

/// Forms and leaves clusters: the daemon does, as that replaces the store.
pub trait ClusterLifecycle: Send + Sync + 'static {
    /// Brings about what a preseed asks for, all of it or nothing.
    fn init<'a>(&'a self, server: &'a Arc<Server>, request: InitRequest, by: &'a str)
    -> LifecycleFuture<'a, InitReply>;

    /// LXD's own form of bootstrapping and joining.
    fn put<'a>(&'a self, server: &'a Arc<Server>, request: ClusterPut, by: &'a str) -> LifecycleFuture<'a, InitReply>;

    /// Waits until it is known how an interrupted join ended, and goes on as what this member is then.
    fn resume<'a>(&'a self, server: &'a Arc<Server>) -> LifecycleFuture<'a, ()>;

    /// Stands alone from now on, with nothing.
    fn leave<'a>(&'a self, server: &'a Arc<Server>, why: Leaving) -> LifecycleFuture<'a, ()>;

    /// A new certificate for all members of a cluster, and its key.
    ///
    /// # Errors
    /// When none can be made.
    fn new_pair(&self) -> Result<Pair, ApiError>;

    /// Refuses a certificate that this member cannot answer with.
    ///
    /// # Errors
    /// What is wrong with it, or with its key.
    fn check_pair(&self, pair: &Pair) -> Result<(), ApiError>;

    /// Answers with the cluster's certificate from now on, also after a restart.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn adopt(&self, server: &Server, pair: Pair) -> Result<(), ApiError>;

    /// Listens where a member's own keys say, for clients, its cluster and who collects metrics, and nowhere else. What is
    /// listened on already stays as it is.
    fn listen<'a>(&'a self, server: &'a Arc<Server>, own: &'a Config) -> LifecycleFuture<'a, ()>;
}
