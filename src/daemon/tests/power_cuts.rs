//! What a power cut takes back: the state is synced now and then only, the log always.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Machine, options, three};
use crate::api::Profile;
use crate::client::Client;
use crate::daemon::Daemon;

impl Machine {
    /// A clean stop; the directory stays.
    async fn stopped(self) -> Stopped {
        self.daemon.stop().await;
        Stopped { dir: self.dir, client: self.client, address: self.address }
    }
}

/// A machine whose daemon does not run.
struct Stopped {
    dir: tempfile::TempDir,
    client: Client,
    address: String,
}

impl Stopped {
    /// The power was cut before the kernel had written anything of the state.
    fn lose_state(&self) {
        for entry in std::fs::read_dir(self.database()).expect("the database") {
            let path = entry.expect("a file").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state.db")) {
                std::fs::remove_file(path).expect("it goes");
            }
        }
        std::fs::write(self.database().join("state.open"), "").expect("the mark of a daemon that did not stop");
    }

    /// Nor was it written how much of the log was committed.
    fn lose_committed(&self) {
        crate::store::forget_committed(&self.database());
    }

    fn database(&self) -> std::path::PathBuf {
        self.dir.path().join("database")
    }

    async fn start(self) -> Machine {
        let daemon = Daemon::start(options(self.dir.path())).await.expect("a daemon");
        Machine { daemon, dir: self.dir, client: self.client, address: self.address }
    }
}

async fn make_profile(machine: &Machine, name: &str) {
    let body = serde_json::json!({ "name": name });
    machine.client.post::<serde_json::Value>("/1.0/profiles", &body).await.expect("a profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_whose_state_was_never_written_come_back_with_all_they_had() {
    let [first, second, third] = three().await;
    make_profile(&first, "kept").await;
    let stopped = [first.stopped().await, second.stopped().await, third.stopped().await];
    stopped.iter().for_each(Stopped::lose_state);
    let [first, second, third] = stopped;
    // One alone serves what it had before anybody leads.
    let first = first.start().await;
    let profile: Profile = first.client.get("/1.0/profiles/kept").await.expect("the profile, from the log");
    assert_eq!(profile.name, "kept");
    let (second, third) = tokio::join!(second.start(), third.start());
    for machine in [&first, &second, &third] {
        machine.wait_online(3).await;
        machine.client.get::<Profile>("/1.0/profiles/kept").await.expect("the profile");
    }
    make_profile(&third, "made-afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_no_leader_and_listens_where_the_member_did() {
    let [first, second, third] = three().await;
    let addresses = [first.address.clone(), second.address.clone()];
    let stopped = [first.stopped().await, second.stopped().await];
    third.daemon.stop().await;
    for (machine, (address, name)) in stopped.into_iter().zip(addresses.into_iter().zip(["node1", "node2"])) {
        machine.lose_state();
        machine.lose_committed();
        let begun = Instant::now();
        let machine = machine.start().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "the start waited for somebody: {:?}", begun.elapsed());
        tokio::net::TcpStream::connect(&address).await.expect("it listens");
        assert_eq!(machine.daemon.server().node().name.as_str(), name);
        assert!(Path::new(machine.dir.path()).join("cluster.crt").exists(), "the cluster's certificate was dropped");
        machine.daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_nothing_to_be_synced() {
    let [first, second, third] = three().await;
    for machine in [first, second, third] {
        // A reader at work is what kept the last one from folding the file.
        machine.client.objects(&[]).await.expect("the objects");
        let stopped = machine.stopped().await;
        let left: Vec<String> = std::fs::read_dir(stopped.database())
            .expect("the database")
            .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with("-wal") || name == "state.open")
            .collect();
        assert_eq!(left, Vec::<String>::new(), "after a clean stop");
    }
}
