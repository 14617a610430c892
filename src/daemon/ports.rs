//! Where this member listens: for clients, for its cluster, and for who collects metrics. The three change together, so
//! that no answer says "moved" while one of them is still closed.

use std::sync::{Arc, OnceLock};

use axum::Router;
use tokio::sync::Mutex;

use super::listen::{Port, with_metrics_port};
use crate::api::ApiError;
use crate::http::metrics_router;
use crate::model::Config;
use crate::service::{CLUSTER_ADDRESS, HTTPS_ADDRESS, METRICS_ADDRESS, Server, covers};

/// The ports of one daemon.
pub struct Ports {
    https: Port,
    /// `cluster.https_address`, where the HTTPS port does not answer there.
    cluster: Port,
    metrics: Port,
    /// Who answers on the first two.
    pub router: OnceLock<Router>,
    /// The addresses of all three as they were asked for last.
    current: Mutex<Addresses>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Addresses {
    https: Option<String>,
    cluster: Option<String>,
    metrics: Option<String>,
}

impl Addresses {
    fn of(own: &Config) -> Self {
        let value = |key| own.value(key).map(str::to_owned);
        let (https, cluster) = (value(HTTPS_ADDRESS), value(CLUSTER_ADDRESS));
        // The same port cannot be opened twice.
        let is_apart = |cluster: &String| https.as_deref().is_none_or(|https| !covers(https, cluster));
        let cluster = cluster.filter(is_apart);
        Self { https, cluster, metrics: own.value(METRICS_ADDRESS).map(with_metrics_port) }
    }
}

impl Default for Ports {
    fn default() -> Self {
        let (https, cluster) = (Port::of(HTTPS_ADDRESS), Port::of(CLUSTER_ADDRESS));
        Self { https, cluster, metrics: Port::of(METRICS_ADDRESS), router: OnceLock::new(), current: Mutex::default() }
    }
}

impl Ports {
    /// Listens where a member's own keys say, and nowhere else.
    ///
    /// # Errors
    /// The address that cannot be listened on, and why; the ports are as they were before then.
    pub async fn set(&self, server: &Arc<Server>, own: &Config) -> Result<(), ApiError> {
        let mut current = self.current.lock().await;
        let wanted = Addresses::of(own);
        if let Err(error) = self.open(server, &wanted).await {
            if let Err(error) = self.open(server, &current).await {
                tracing::error!(error = %error.message, "a port that was open before could not be opened again");
            }
            return Err(error);
        }
        *current = wanted;
        Ok(())
    }

    /// Closes all, while requests under way are still answered.
    pub async fn close(&self, server: &Arc<Server>) -> Result<(), ApiError> {
        self.set(server, &Config::default()).await
    }

    async fn open(&self, server: &Arc<Server>, wanted: &Addresses) -> Result<(), ApiError> {
        let router = self.router.get().ok_or_else(|| ApiError::unavailable("the daemon is still starting"))?;
        if wanted.cluster.is_none() {
            // Where the HTTPS port takes over what this one has, it must be free first.
            self.cluster.set(server, router, None).await?;
        }
        self.https.set(server, router, wanted.https.as_deref()).await?;
        self.cluster.set(server, router, wanted.cluster.as_deref()).await?;
        self.metrics.set(server, &metrics_router(server), wanted.metrics.as_deref()).await
    }
}
