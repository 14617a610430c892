//! A daemon's life: open, serve, stop.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::timeout;

use super::context::DaemonContext;
use super::error::DaemonError;
use super::form;
use super::join_journal::Prepared;
use super::options::{DaemonOptions, HostChoice};
use super::peer_runtime::PeerRuntime;
use super::ports::Ports;
use super::sources::Loader;
use super::state_dir::StateDir;
use super::transport::HttpsTransport;
use super::{certificate, initial_records, machine, notify};
use crate::host::fake::FakeHost;
use crate::host::linux::{self, SystemClock, limits};
use crate::host::{ClusterClock, Host};
use crate::http::{router, serve_unix};
use crate::model::{LivenessReport, Tally};
use crate::service::access::password::Passwords;
use crate::service::{
    Bodies, ConnectionLimits, Credentials, Events, HeardReport, Operations, Peers, Server, Strangers, Trust,
    configuration, listen_keys, step_down,
};
use crate::store::StoreError;

/// Handing over the lead and the vote must not hold up a machine that shuts down.
const HANDOVER_LIMIT: Duration = Duration::from_secs(4);
/// Requests under way at the end get as long.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// A running daemon.
pub struct Daemon {
    server: Arc<Server>,
    daemon: Arc<DaemonContext>,
    stop: watch::Sender<bool>,
    socket: PathBuf,
}

/// Runs a daemon until it is told to stop, or cannot go on.
///
/// # Errors
/// When it cannot start, or when its store has stopped, as with a full disk.
pub async fn run(options: DaemonOptions) -> Result<(), DaemonError> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|source| DaemonError::disk("wait for signals of", "/", source))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|source| DaemonError::disk("wait for signals of", "/", source))?;
    limits::prepare();
    let notify_socket = options.notify_socket.clone();
    let daemon = Daemon::start(options).await?;
    if let Some(socket) = notify_socket {
        notify::ready(&socket);
    }
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        why = store_stopped(daemon.server()) => Err(DaemonError::Stopped(why)),
    };
    tracing::info!("stopping");
    daemon.stop().await;
    ended
}

/// Returns when the store of the present place, or of a join under way, has stopped by itself.
async fn store_stopped(server: &Server) -> StoreError {
    let (mut places, mut joins) = (server.node.subscribe(), server.joining.subscribe());
    loop {
        let (place, join) = (Arc::clone(&places.borrow_and_update()), joins.borrow_and_update().clone());
        let joining = async {
            match &join {
                Some(join) => join.store.stopped().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            why = place.store.stopped() => return why,
            why = joining => return why,
            _ = places.changed() => {}
            _ = joins.changed() => {}
        }
    }
}

impl Daemon {
    /// Opens everything and serves; returns when requests are answered.
    ///
    /// # Errors
    /// What is in the way. Nothing is left running then.
    pub async fn start(options: DaemonOptions) -> Result<Self, DaemonError> {
        let dir = StateDir::open(&options.state_dir)?;
        let loader = Arc::new(Loader::new(&options.sources, &options.state_dir)?);
        let host = host(&options);
        let clock = Arc::new(ClusterClock::new(Arc::clone(&host.clock)));
        let credentials = Arc::new(credentials(&dir)?);
        let trust = Arc::new(Trust::default());
        let peers = Arc::new(Peers::new(Arc::clone(&credentials), Arc::clone(&trust)));
        let daemon = Arc::new(DaemonContext {
            dir,
            timing: options.timing.clone(),
            peer_runtime: PeerRuntime::start()?,
            transport: Arc::new(HttpsTransport::new(Arc::clone(&peers))),
            ports: Ports::default(),
            loader,
            loops: Mutex::new(None),
            busy: Mutex::new(()),
        });
        let node = daemon.open_place(credentials.server(), host.clock.as_ref()).await?;
        let server = Arc::new(Server {
            node: watch::Sender::new(Arc::new(node)),
            joining: watch::Sender::new(None),
            undecided: watch::Sender::new(None),
            told: watch::Sender::new(HeardReport::now(LivenessReport::default())),
            members_changed: Notify::new(),
            trust,
            credentials,
            peers,
            peer_runtime: daemon.peer_runtime.handle().clone(),
            operations: Operations::default(),
            ports: Mutex::default(),
            events: Events::default(),
            strangers: Strangers::default(),
            connections: ConnectionLimits::new(limits::files_max()),
            bodies: Bodies::default(),
            passwords: Passwords::default(),
            tally: watch::Sender::new(Tally::default()),
            host,
            clock,
            environment: machine::environment(),
            crash: options.crash,
            lifecycle: Arc::clone(&daemon) as _,
        });
        let router = daemon.ports.router.get_or_init(|| router(&server)).clone();
        let socket = daemon.dir.socket();
        let listener = listen_unix(&socket, options.group.as_deref())?;
        server.trust.refresh(&server.store());
        let (stop, stopped) = watch::channel(false);
        match daemon.dir.prepared()? {
            None => {
                forget_left_cluster(&daemon, &server)?;
                open_ports(&daemon, &server).await?;
                daemon.restart_loops(&server).await;
            }
            Some(prepared) => wait_for_the_cluster(&daemon, &server, &prepared).await?,
        }
        tokio::spawn(serve_unix(Arc::clone(&server), router, listener, stopped));
        tracing::info!(member = %server.node().name, socket = %socket.display(), "ready");
        Ok(Self { server, daemon, stop, socket })
    }

    /// The daemon's inner side, for tests that look closer than the API lets them.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Hands over the lead, ends the loops, closes the store.
    pub async fn stop(self) {
        let node = self.server.node();
        match timeout(HANDOVER_LIMIT, step_down(&self.server)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error.message, "the lead or the vote was not handed over"),
            Err(_) => tracing::warn!("the lead was not handed over in time; the others elect a new leader"),
        }
        self.stop.send_replace(true);
        if let Some(joining) = self.server.joining.send_replace(None) {
            joining.store.shutdown().await;
        }
        self.daemon.end_loops().await;
        if let Err(error) = self.daemon.ports.close(&self.server).await {
            tracing::warn!(error = %error.message, "cannot close the ports");
        }
        // Those who ask at this moment get their answer; those who wait for news do not hold up a machine that shuts down.
        if timeout(ANSWER_LIMIT, self.stop.closed()).await.is_err() {
            tracing::debug!("requests are cut off in the middle");
        }
        node.store.shutdown().await;
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "the socket was gone already");
        }
        self.daemon.peer_runtime.end();
        self.daemon.dir.unlock();
    }
}

/// One that is not stopped ends as by `kill -9`.
impl Drop for Daemon {
    fn drop(&mut self) {
        self.daemon.peer_runtime.end();
    }
}

fn host(options: &DaemonOptions) -> Host {
    match options.host {
        HostChoice::Linux => linux::host(&options.state_dir),
        HostChoice::Fake => FakeHost::kept_in(&options.state_dir).host_with(Arc::new(SystemClock)),
    }
}

fn credentials(dir: &StateDir) -> Result<Credentials, DaemonError> {
    let server = match dir.pair("server")? {
        Some(pair) => pair,
        None if dir.database().exists() && dir.path("server.key").exists() => {
            return Err(DaemonError::Unreadable { path: dir.path("server.crt"), detail: "it is missing".to_owned() });
        }
        None => {
            let pair = certificate::of_machine(initial_records::hostname().as_str())?;
            dir.set_pair("server", Some(&pair))?;
            pair
        }
    };
    Ok(Credentials::new(server, dir.pair("cluster")?))
}

/// The socket of a daemon that was killed is in the way of nobody: the directory is locked.
fn listen_unix(path: &std::path::Path, group: Option<&str>) -> Result<UnixListener, DaemonError> {
    let failed = |doing: &'static str| move |source| DaemonError::disk(doing, path, source);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("remove")(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed("listen on"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed("protect"))?;
    if let Some(group) = group {
        chown(path, None, Some(group_id(group)?)).map_err(failed("give the group its socket"))?;
    }
    Ok(listener)
}

/// The number of a group of this machine. `getent` asks what the machine asks (nsswitch.conf): groups of a directory
/// service are in no file.
fn group_id(group: &str) -> Result<u32, DaemonError> {
    let mut asked = std::process::Command::new("getent");
    let output = asked
        .args(["--", "group", group])
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|source| DaemonError::disk("run", "getent", source))?;
    let entry = String::from_utf8_lossy(&output.stdout);
    let number = entry.trim_end().split(':').nth(2).and_then(|number| number.parse().ok());
    number.filter(|_| output.status.success()).ok_or_else(|| DaemonError::NoGroup(group.to_owned()))
}

/// A member that was stopped while it left its cluster keeps nothing of it. Only one that has the Raft group to itself
/// knows that there is no cluster: the state of any other may be behind.
fn forget_left_cluster(daemon: &DaemonContext, server: &Server) -> Result<(), DaemonError> {
    let is_alone = server.store().is_alone() && !server.is_clustered().map_err(DaemonError::Api)?;
    if is_alone {
        daemon.dir.set_pair("cluster", None)?;
        server.credentials.set_cluster(None);
    }
    Ok(())
}

/// A join was interrupted: this member takes part in the cluster as far as it must to learn how that ended.
async fn wait_for_the_cluster(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    prepared: &Prepared,
) -> Result<(), DaemonError> {
    server.undecided.send_replace(Some(form::waits_for(prepared)));
    form::stand_by(daemon, server, prepared).await.map_err(DaemonError::Api)?;
    server.lifecycle.listen(server, &prepared.contacts.listen).await.map_err(DaemonError::Api)?;
    let server = Arc::clone(server);
    tokio::spawn(async move { server.lifecycle.resume(&server).await });
    Ok(())
}

/// A port that cannot be opened stops a start: nobody would notice otherwise. A member whose configuration has not
/// arrived yet listens where it came to its cluster, so that the configuration can arrive.
async fn open_ports(daemon: &DaemonContext, server: &Arc<Server>) -> Result<(), DaemonError> {
    let name = server.node().name.clone();
    let config = listen_keys(&configuration(server, &name).map_err(DaemonError::Api)?);
    let belongs = daemon.dir.belongs(&daemon.dir.database())?;
    let first = belongs.map(|belongs| belongs.listen).filter(|_| !server.store().is_alone()).unwrap_or_default();
    server.lifecycle.listen(server, &first.overlaid(&config)).await.map_err(DaemonError::Api)
}
