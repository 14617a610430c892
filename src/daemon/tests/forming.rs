//! Clusters are formed as a transaction.

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
    let before = machines[0].last_log_index().await;
    assert_eq!(machines[0].bootstrap("node1").await.outcome, InitOutcome::Unchanged);
    let section = machines[1].join_section("node2", &machines[0], "sekret");
    let again = machines[1].init(machines[1].join_desired(), section).await.expect("nothing to do");
    assert_eq!(again.outcome, InitOutcome::Unchanged);
    assert_eq!(machines[0].last_log_index().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_leaves_both_sides_as_they_were() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let before = first.last_log_index().await;
    let section = second.join_section("node2", &first, "guess");
    let refused = second.init(second.join_desired(), section).await.expect_err("refused").to_string();
    assert!(refused.contains("password") && !refused.contains("guess"), "{refused}");
    assert_eq!(first.last_log_index().await, before);
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
