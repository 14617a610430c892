//! Daemons in this process, on loopback addresses, with imagined machines and real everything else.

mod commits;
mod forming;
mod freshness;
mod lxd_api;
mod lxd_objects;
mod newer;
mod objects;
mod origins;
mod peer_runtime;
mod power_cuts;
mod shared_certificate;
mod signed;
mod strangers;
mod webhooks;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::{Daemon, DaemonOptions, Failpoints, HostChoice, SourceReading};
use crate::api::{ClusterMember, ClusterSection, InitReply, InitRequest, Secret};
use crate::client::{Client, ClientError};
use crate::model::{Config, Declared, Desired, Key, Spec};
use crate::store::Timing;

/// A daemon with its directory.
struct Machine {
    daemon: Daemon,
    dir: TempDir,
    client: Client,
    address: String,
}

fn options(dir: &std::path::Path) -> DaemonOptions {
    DaemonOptions {
        state_dir: dir.to_owned(),
        host: HostChoice::Fake,
        group: None,
        timing: Timing::default(),
        notify_socket: None,
        sources: SourceReading::Here,
        crash: Failpoints::default(),
    }
}

/// A daemon that was stopped. Its directory stays.
struct Away {
    dir: TempDir,
    address: String,
}

impl Away {
    async fn start(self) -> Machine {
        let Self { dir, address } = self;
        let daemon = Daemon::start(options(dir.path())).await.expect("a daemon");
        let client = Client::unix(dir.path().join("unix.socket"));
        Machine { daemon, dir, client, address }
    }
}

/// A loopback address that is this machine's alone. A free port of a shared one would not stay free: the system hands
/// the same ports out to connections that go out.
fn own_address() -> String {
    static MACHINES: AtomicU32 = AtomicU32::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let machine = MACHINES.fetch_add(1, Ordering::Relaxed);
    assert!(machine < 255, "more machines than loopback addresses");
    format!("127.{}.{low}.{machine}:8443", high | 0x80)
}

impl Machine {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let daemon = Daemon::start(options(dir.path())).await.expect("a daemon");
        let client = Client::unix(dir.path().join("unix.socket"));
        Self { daemon, dir, client, address: own_address() }
    }

    async fn stop(self) -> Away {
        let Self { daemon, dir, address, .. } = self;
        daemon.stop().await;
        Away { dir, address }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(PathBuf::from(self.dir.path()).join(name)).expect("a file of the state directory")
    }

    async fn members(&self) -> Vec<ClusterMember> {
        self.client.members().await.expect("the members")
    }

    /// How many entries the log has had besides those that an election writes: one a term.
    async fn entries(&self) -> u64 {
        let term = self.daemon.server().store().leadership().borrow().term;
        self.client.objects(&[]).await.expect("the objects").last_log_index - term.0
    }

    /// The same as soon as nothing is written any more for a while.
    async fn settled_entries(&self) -> u64 {
        let mut entries = self.entries().await;
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            match self.entries().await {
                now if now == entries => return entries,
                now => entries = now,
            }
        }
    }

    /// Waits until as many members are Online.
    async fn wait_online(&self, count: usize) {
        for _ in 0..3600 {
            let members = self.members().await;
            if members.len() == count && members.iter().all(|member| member.status == "Online") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("waited in vain for {count} members: {:?}", self.members().await);
    }

    async fn bootstrap(&self, name: &str) -> InitReply {
        let mut desired = config(&self.address);
        desired
            .objects
            .get_mut(&Key::server())
            .expect("the server")
            .spec
            .set_config(&Config::from([("core.trust_password", "sekret"), ("images.auto_update_interval", "15")]));
        desired.objects.insert(Key::new("storage-pool", "default"), pool("dir"));
        let cluster = ClusterSection { enabled: true, server_name: name.to_owned(), ..ClusterSection::default() };
        self.init(desired, cluster).await.expect("a cluster")
    }

    async fn init(&self, desired: Desired, cluster: ClusterSection) -> Result<InitReply, ClientError> {
        self.client
            .init(&InitRequest { desired, cluster: Some(cluster), timeout_ms: Some(90_000), new_cluster: false })
            .await
    }

    fn join_section(&self, name: &str, door: &Machine, password: &str) -> ClusterSection {
        ClusterSection {
            enabled: true,
            server_name: name.to_owned(),
            cluster_address: door.address.clone(),
            cluster_certificate: door.file("cluster.crt"),
            cluster_password: Secret::new(password),
            ..ClusterSection::default()
        }
    }

    /// The seed's join file: its objects are those of the cluster.
    fn join_desired(&self) -> Desired {
        let mut desired = config(&self.address);
        desired.objects.insert(Key::new("storage-pool", "default"), pool("dir"));
        desired
    }
}

fn config(address: &str) -> Desired {
    let mut desired = Desired::default();
    let here = Config::from([("core.https_address", address)]);
    desired.objects.insert(Key::server(), Declared { here, ..declared(Spec::default()) });
    desired
}

fn pool(driver: &str) -> Declared {
    let mut spec = Spec::default();
    spec.0.insert("driver".to_owned(), driver.into());
    declared(spec)
}

fn declared(spec: Spec) -> Declared {
    Declared { spec, ..Declared::default() }
}

/// Three machines in one cluster.
async fn three() -> [Machine; 3] {
    clustered([Machine::start().await, Machine::start().await, Machine::start().await]).await
}

/// These machines in one cluster.
async fn clustered(machines: [Machine; 3]) -> [Machine; 3] {
    machines[0].bootstrap("node1").await;
    for (machine, name) in [(&machines[1], "node2"), (&machines[2], "node3")] {
        let section = machine.join_section(name, &machines[0], "sekret");
        machine.init(machine.join_desired(), section).await.expect("a join");
    }
    machines
}
