//! Clusters are formed as a transaction.

use std::time::Duration;

use super::{Machine, pool, three};
use crate::api::InitOutcome;
use crate::model::Key;

#[tokio::test(flavor = "multi_thread")]
async fn three_daemons_form_a_cluster_and_a_second_run_writes_nothing() {
    let machines = three().await;
    for machine in &machines {
        machine.wait_online(3).await;
        let pool: crate::api::StoragePool = machine.client.get("/1.0/storage-pools/default").await.expect("the pool");
        assert_eq!((pool.status.as_str(), pool.locations.len()), ("Created", 3));
    }
    let before = machines[0].settled_entries().await;
    assert_eq!(machines[0].bootstrap("node1").await.outcome, InitOutcome::Unchanged);
    let section = machines[1].join_section("node2", &machines[0], "sekret");
    let again = machines[1].init(machines[1].join_desired(), section).await.expect("nothing to do");
    assert_eq!(again.outcome, InitOutcome::Unchanged);
    assert!(machines[0].entries().await <= before, "something was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_leaves_both_sides_as_they_were() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let before = first.settled_entries().await;
    let section = second.join_section("node2", &first, "guess");
    let refused = second.init(second.join_desired(), section).await.expect_err("refused").to_string();
    assert!(refused.contains("password") && !refused.contains("guess"), "{refused}");
    assert!(first.entries().await <= before, "something was written");
    assert_eq!(first.members().await.len(), 1);
    let server = second.client.server().await.expect("the server");
    assert_eq!(server.config.expect("a configuration").get("core.https_address"), None);
    assert!(std::net::TcpListener::bind(&second.address).is_ok(), "the port is still open");
    let section = second.join_section("node2", &first, "sekret");
    second.init(second.join_desired(), section).await.expect("a join");
    first.wait_online(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_differs_from_the_cluster_is_refused_with_every_difference() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let mut desired = second.join_desired();
    desired.objects.insert(Key::new("storage-pool", "default"), pool("btrfs"));
    desired.objects.insert(Key::new("storage-pool", "other"), pool("dir"));
    let section = second.join_section("node2", &first, "sekret");
    let refused = second.init(desired, section).await.expect_err("refused");
    let crate::client::ClientError::Api { findings, .. } = refused else { panic!("{refused}") };
    let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "storage-pool/default driver: file: btrfs, cluster: dir",
            "storage-pool/other: file: declared, cluster: does not exist",
        ]
    );
    assert_eq!(first.members().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occupied_port_is_named_and_changes_nothing() {
    let machine = Machine::start().await;
    let _occupied = std::net::TcpListener::bind(&machine.address).expect("the port");
    let cluster = crate::api::ClusterSection { enabled: true, server_name: "node1".into(), ..Default::default() };
    let refused = machine.init(machine.join_desired(), cluster).await.expect_err("refused").to_string();
    assert!(refused.contains(&machine.address), "{refused}");
    assert!(!machine.client.cluster().await.expect("the cluster").enabled);
}

async fn token_for(machine: &Machine, name: &str) -> crate::api::Secret {
    use base64::Engine as _;
    let body = serde_json::json!({ "server_name": name });
    let operation: crate::api::Operation = machine.client.post("/1.0/cluster/members", &body).await.expect("a token");
    let metadata = operation.metadata.expect("the token's parts");
    let text = |key: &str| metadata[key].as_str().expect("text").to_owned();
    let token = serde_json::json!({
        "server_name": text("serverName"),
        "fingerprint": text("fingerprint"),
        "addresses": metadata["addresses"],
        "secret": text("secret"),
        "expires_at": text("expiresAt"),
    });
    crate::api::Secret::new(base64::engine::general_purpose::STANDARD.encode(token.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_one_member_in_once_and_survives_a_failed_try() {
    let [first, second, third] = [Machine::start().await, Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let token = token_for(&first, "node2").await;
    let section = |machine: &Machine| crate::api::ClusterSection {
        enabled: true,
        server_address: machine.address.clone(),
        cluster_token: token.clone(),
        ..Default::default()
    };
    let mut wrong = second.join_desired();
    wrong.objects.insert(Key::new("storage-pool", "default"), pool("btrfs"));
    second.init(wrong, section(&second)).await.expect_err("the file differs");
    let joined = second.init(second.join_desired(), section(&second)).await.expect("a join");
    assert_eq!(joined.server_name.as_str(), "node2");
    let refused = third.init(third.join_desired(), section(&third)).await.expect_err("used up").to_string();
    assert!(refused.contains("already has a member") || refused.contains("token"), "{refused}");
    let groups: serde_json::Value = first.client.get("/1.0/operations?recursion=1").await.expect("operations");
    assert_eq!(groups.get("running"), None, "the used token is still shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_stands_alone_and_can_join_again() {
    let machines = three().await;
    machines[0].wait_online(3).await;
    let name = crate::model::MemberName::from("node3");
    machines[1].client.remove_member(&name, crate::client::Force::No).await.expect("removed");
    machines[0].wait_online(2).await;
    for _ in 0..3600 {
        if machines[2].client.cluster().await.is_ok_and(|cluster| !cluster.enabled) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let left: Vec<String> = machines[2].client.get("/1.0/storage-pools").await.expect("the pools");
    assert_eq!(left, [""; 0]);
    let section = machines[2].join_section("node3", &machines[0], "sekret");
    machines[2].init(machines[2].join_desired(), section).await.expect("a join");
    machines[0].wait_online(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_can_be_removed_from_itself() {
    let machines = three().await;
    machines[0].wait_online(3).await;
    let name = crate::model::MemberName::from("node1");
    machines[0].client.remove_member(&name, crate::client::Force::No).await.expect("removed");
    machines[1].wait_online(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lxds_own_requests_bootstrap_and_join() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    for (machine, password) in [(&first, Some("sekret")), (&second, None)] {
        let mut config = serde_json::json!({ "core.https_address": machine.address });
        if let Some(password) = password {
            config["core.trust_password"] = password.into();
        }
        machine
            .client
            .put::<serde_json::Value>("/1.0", &serde_json::json!({ "config": config }))
            .await
            .expect("configured");
    }
    let put = async |machine: &Machine, body: serde_json::Value| {
        let operation: crate::api::Operation = machine.client.put("/1.0/cluster", &body).await.expect("an operation");
        machine.client.wait(&format!("/1.0/operations/{}", operation.id)).await.expect("done");
    };
    put(&first, serde_json::json!({"server_name": "node1", "enabled": true, "member_config": null})).await;
    let join = serde_json::json!({
        "server_name": "node2",
        "enabled": true,
        "cluster_address": first.address,
        "cluster_certificate": first.file("cluster.crt"),
        "cluster_password": "sekret",
        "server_address": second.address,
        "member_config": [{"entity": "storage-pool", "name": "nothing", "key": "source", "value": ""}],
    });
    put(&second, join).await;
    first.wait_online(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_the_password_becomes_trusted() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let (certificate, key) = (second.file("server.crt"), second.file("server.key"));
    let identity = crate::client::Identity::from_pem(&certificate, &key).expect("an identity");
    let client =
        crate::client::Client::https(&first.address, &first.file("cluster.crt"), Some(&identity)).expect("a client");
    let ask = |password: &str| serde_json::json!({"type": "client", "name": "me", "password": password});
    let refused = client.post::<serde_json::Value>("/1.0/certificates", &ask("guess")).await.expect_err("refused");
    assert_eq!(refused.status(), Some(403));
    client.post::<serde_json::Value>("/1.0/certificates", &ask("sekret")).await.expect("trusted");
    assert_eq!(client.server().await.expect("the server").auth, "trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_removed_while_it_was_away_stands_alone_when_it_is_back() {
    let [first, second, third] = three().await;
    first.wait_online(3).await;
    let Machine { daemon, dir, client, .. } = third;
    daemon.stop().await;
    let name = crate::model::MemberName::from("node3");
    second.client.remove_member(&name, crate::client::Force::Yes).await.expect("removed");
    first.wait_online(2).await;
    let _daemon = crate::daemon::Daemon::start(super::options(dir.path())).await.expect("a daemon");
    for _ in 0..3600 {
        if client.cluster().await.is_ok_and(|cluster| !cluster.enabled) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert!(!client.cluster().await.expect("the cluster").enabled);
    assert!(dir.path().join("database.removed").is_dir());
}

/// Whoever has not heard the leader since a join does not know the new member: that is no reason for it to go.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_missed_a_join_evicts_nobody() {
    let [first, second, third] = three().await;
    first.wait_online(3).await;
    let second = second.stop().await;
    let fourth = Machine::start().await;
    let section = fourth.join_section("node4", &first, "sekret");
    fourth.init(fourth.join_desired(), section).await.expect("a join");
    let fourth = fourth.stop().await;
    let (first, third) = (first.stop().await, third.stop().await);
    let _second = second.start().await;
    let fourth = fourth.start().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(fourth.client.cluster().await.expect("the cluster").enabled, "node4 has left on a stale answer");
    let (first, _third) = (first.start().await, third.start().await);
    first.wait_online(4).await;
    fourth.wait_online(4).await;
    assert!(!fourth.dir.path().join("database.removed").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_keeps_the_address_that_the_others_know() {
    let mut machine = Machine::start().await;
    // On all addresses of this machine at once, a port of all tests would be taken.
    let port = 20_000 + std::process::id() % 10_000;
    machine.address = machine.address.replace(":8443", &format!(":{port}"));
    machine.bootstrap("node1").await;
    let patch = async |key: &str, address: &str| {
        machine.client.patch::<serde_json::Value>("/1.0", &serde_json::json!({"config": {key: address}})).await
    };
    let refused = patch("cluster.https_address", "127.0.0.1:1").await.expect_err("refused").to_string();
    assert!(refused.contains("cluster.https_address"), "{refused}");
    let known = crate::client::Client::https(&machine.address, &machine.file("cluster.crt"), None).expect("a client");
    // It listens for its cluster where it is known, wherever else it listens.
    for elsewhere in [format!("127.0.0.1:{port}"), format!(":{port}")] {
        patch("core.https_address", &elsewhere).await.expect("moved");
        known.server().await.expect("it answers where it is known");
    }
    machine.wait_online(1).await;
}
