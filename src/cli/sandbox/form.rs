//! Forming the cluster of a sandbox: the first member bootstraps, the others join with tokens.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;

use super::plot::Plot;
use super::process;
use crate::api::{ClusterSection, DeclaredMember, InitRequest, Operation, Secret, paths};
use crate::cli::command::cluster;
use crate::cli::command::waitready;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::session::{Session, failure};

/// How long a daemon may take to answer. It takes some 50 ms; a machine that is busy building takes longer.
const READY: Duration = Duration::from_secs(20);

/// How long a bootstrap or a join may take.
const FORMED: Duration = Duration::from_secs(60);

/// The members as the manifest declares them: each daemon takes its own part.
pub type Declared = Vec<DeclaredMember>;

/// A daemon that was started.
pub struct Running {
    /// Where it lives.
    pub plot: Plot,
    /// How to talk to it.
    pub session: Session,
    child: Child,
    started: Instant,
}

impl Running {
    /// Starts a member's daemon.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(plot: Plot, host: &str, screen: Screen) -> Result<Self, Failure> {
        let started = Instant::now();
        let child = process::start(&plot, host)?;
        let session = Session::new(&plot.state_dir, screen);
        Ok(Self { plot, session, child, started })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it answers; says how long it took from its start.
    ///
    /// # Errors
    /// When it ends or does not answer: with the end of its log.
    pub async fn ready(&mut self) -> Result<Duration, Failure> {
        loop {
            let Err(cause) = waitready::look(&self.session).await else { return Ok(self.started.elapsed()) };
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.told(&format!("the daemon of {} ended: {status}", self.plot.name)));
            }
            if self.started.elapsed() > READY {
                return Err(self.told(&format!("the daemon of {} is not ready: {cause}", self.plot.name)));
            }
            tokio::time::sleep(waitready::PAUSE).await;
        }
    }

    fn told(&self, message: &str) -> Failure {
        let failure = Failure::new(crate::cli::exit::Exit::Failed, message);
        process::log_tail(&self.plot).into_iter().fold(failure, Failure::detail)
    }

    /// Forms a cluster with this member alone.
    ///
    /// # Errors
    /// What its daemon says.
    pub async fn bootstrap(&self, members: &Declared) -> Result<(), Failure> {
        self.init(ClusterSection { members: members.clone(), ..ClusterSection::default() }).await
    }

    /// Joins the cluster of another member.
    ///
    /// # Errors
    /// What one of the two daemons says.
    pub async fn join(&self, first: &Running, members: &Declared) -> Result<(), Failure> {
        let body = json!({ "server_name": self.plot.name });
        let operation: Operation = first.session.client.post(paths::MEMBERS, &body).await.map_err(failure)?;
        let cluster_token = Secret::new(cluster::token(&operation)?);
        let cluster_address = first.plot.address.to_string();
        let members = members.clone();
        self.init(ClusterSection { cluster_token, cluster_address, members, ..ClusterSection::default() }).await
    }

    async fn init(&self, section: ClusterSection) -> Result<(), Failure> {
        let cluster = ClusterSection {
            enabled: true,
            server_name: self.plot.name.to_string(),
            server_address: self.plot.address.to_string(),
            ..section
        };
        let request = InitRequest { cluster: Some(cluster), ..InitRequest::default() };
        self.session.client.with_timeout(FORMED).init(&request).await.map_err(|cause| {
            let failed = failure(cause);
            process::log_tail(&self.plot).into_iter().fold(failed, Failure::detail)
        })?;
        Ok(())
    }
}
