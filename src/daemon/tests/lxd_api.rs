//! LXD's API where it is served: what LXD's clients were seen to rely on, compared with LXD 5.0.2.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::{Daemon, Machine, config, options, three};
use crate::api::{ClusterSection, Secret};
use crate::client::Client;
use crate::kinds::token::TokenSpec;
use crate::model::{Key, MemberName, Timestamp};
use crate::service::Channel;
use crate::service::objects::records;
use crate::store::Role;

pub(super) async fn status(client: &Client, method: Method, path: &str, body: Value) -> (u16, String) {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    match client.send(method, path, body).await {
        Ok(answer) => (answer.status.as_u16(), String::new()),
        Err(error) => (error.status().unwrap_or_default(), error.to_string()),
    }
}

async fn tokens(machine: &Machine) -> Vec<Value> {
    let all: Value = machine.client.get("/1.0/operations?recursion=1").await.expect("operations");
    all["running"].as_array().cloned().unwrap_or_default()
}

async fn ask_for_token(machine: &Machine, name: &str) -> Value {
    let body = Bytes::from(json!({"server_name": name}).to_string());
    let answer = machine.client.send(Method::POST, "/1.0/cluster/members", body).await.expect("a token");
    answer.metadata::<Value>().expect("an operation")
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_the_clusters_and_every_member_lists_and_revokes_them() {
    let [first, second, third] = three().await;
    let made = ask_for_token(&first, "node4").await;
    assert_eq!(made["metadata"]["secret"].as_str().map(str::len), Some(64));
    for machine in [&first, &second, &third] {
        let listed = tokens(machine).await;
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0]["id"], &listed[0]["metadata"]["serverName"]), (&made["id"], &json!("node4")));
        // It is shown once, to who made it.
        assert_eq!(listed[0]["metadata"]["secret"], "");
    }
    let again = ask_for_token(&second, "node4").await;
    assert_eq!(tokens(&third).await.iter().map(|token| &token["id"]).collect::<Vec<_>>(), [&again["id"]]);
    first.daemon.stop().await;
    let restarted = Daemon::start(options(first.dir.path())).await.expect("a daemon");
    second.wait_online(3).await;
    let path = format!("/1.0/operations/{}", again["id"].as_str().expect("an id"));
    assert_eq!(status(&first.client, Method::GET, &path, Value::Null).await.0, 200);
    first.client.delete::<Value>(&path).await.expect("revoked");
    assert_eq!(tokens(&third).await.len(), 0);
    assert_eq!(status(&second.client, Method::DELETE, &path, Value::Null).await.0, 404);
    restarted.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_password_and_is_used_up() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let made = ask_for_token(&first, "node2").await;
    let field = |name: &str| made["metadata"][name].clone();
    let token = json!({
        "server_name": field("serverName"), "fingerprint": field("fingerprint"), "addresses": field("addresses"),
        "secret": field("secret"), "expires_at": field("expiresAt"),
    });
    use base64::Engine as _;
    let token = base64::engine::general_purpose::STANDARD.encode(token.to_string());
    let section = ClusterSection {
        enabled: true,
        server_name: "node2".to_owned(),
        cluster_password: Secret::new(token),
        ..ClusterSection::default()
    };
    second.init(second.join_desired(), section).await.expect("a join");
    assert_eq!(tokens(&second).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_a_limit_and_expired_ones_go() {
    let first = Machine::start().await;
    first.bootstrap("node1").await;
    let server = first.daemon.server();
    let token = |name: &str, expires_at: Timestamp| {
        let spec = TokenSpec {
            operation: name.to_owned(),
            member: MemberName::from(name),
            secret_hash: "0".repeat(64),
            created_at: Timestamp(0),
            expires_at,
            addresses: Vec::new(),
            unknown: Default::default(),
        };
        records::record(Key::new("token", name), records::spec_of(&spec).expect("a record"))
    };
    let later = Timestamp(server.now().0 + 3_600_000);
    let mut all: Vec<_> = (0..99).map(|number| token(&format!("waiting{number}"), later)).collect();
    all.push(token("old", Timestamp(1)));
    records::submit_as(server, "test".to_owned(), Vec::new(), all).await.expect("written");
    assert_eq!(tokens(&first).await.len(), 99);
    ask_for_token(&first, "node2").await;
    let stored = server.store().list("token").expect("the store");
    assert_eq!((stored.len(), stored.iter().any(|token| token.key.name == "old")), (100, false));
    let (code, text) =
        status(&first.client, Method::POST, "/1.0/cluster/members", json!({"server_name": "node3"})).await;
    assert_eq!(code, 409, "{text}");
    let (code, text) = status(&first.client, Method::POST, "/1.0/cluster/members", json!({"server_name": "a/b"})).await;
    assert_eq!(code, 400, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_answers_when_the_member_stands_alone() {
    let machines = three().await;
    machines[0].client.delete::<Value>("/1.0/cluster/members/node3").await.expect("removed");
    let alone: Value = machines[2].client.get("/1.0/cluster").await.expect("the cluster");
    assert_eq!(alone["enabled"], false);
    assert_eq!(machines[2].client.get::<Vec<String>>("/1.0/storage-pools").await.expect("pools"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_meant_is_reset() {
    let machines = three().await;
    let server = machines[0].daemon.server();
    let client = server.peers.client(&machines[1].address, Channel::Calls).expect("a client");
    let body = json!({"id": 99, "held": []});
    let refused = client.post::<Value>("/internal/cluster/reset", &body).await.expect_err("refused");
    assert_eq!(refused.status(), Some(421), "{refused}");
    let cluster: Value = machines[1].client.get("/1.0/cluster").await.expect("the cluster");
    assert_eq!(cluster["enabled"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_handed_over_before_a_voter_has_stopped() {
    let [first, second, third] = three().await;
    let fourth = Machine::start().await;
    let section = fourth.join_section("node4", &first, "sekret");
    fourth.init(fourth.join_desired(), section).await.expect("a join");
    first.wait_online(4).await;
    let voters = |machine: &Machine| {
        let peers = machine.daemon.server().store().peers();
        peers.iter().filter(|peer| peer.role == Role::Voter).map(|peer| peer.peer.id.0).collect::<Vec<_>>()
    };
    for _ in 0..400 {
        if voters(&first).len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let before = voters(&first);
    // The leader is a voter, too.
    assert!(before.contains(&first.daemon.server().node().id.0), "{before:?}");
    let id = first.daemon.server().node().id.0;
    first.daemon.stop().await;
    second.daemon.server().store().barrier().await.expect("a leader");
    let after = voters(&second);
    assert!(after.len() == 3 && !after.contains(&id), "{before:?} became {after:?}");
    let restarted = Daemon::start(options(first.dir.path())).await.expect("a daemon");
    second.wait_online(4).await;
    let shown: Value = third.client.get("/1.0/cluster/members/node1").await.expect("the member");
    assert_eq!(shown["roles"], json!(["database-standby"]));
    restarted.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_members_the_one_that_stays_goes_on() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let section = second.join_section("node2", &first, "sekret");
    second.init(second.join_desired(), section).await.expect("a join");
    second.wait_online(2).await;
    first.daemon.stop().await;
    second.client.post::<Value>("/1.0/profiles", &json!({"name": "alone"})).await.expect("created");
    let restarted = Daemon::start(options(first.dir.path())).await.expect("a daemon");
    second.wait_online(2).await;
    assert_eq!(status(&first.client, Method::GET, "/1.0/profiles/alone", Value::Null).await.0, 200);
    restarted.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_through_one_member_is_seen_through_all() {
    let machines = three().await;
    for round in 0..30 {
        let (writer, reader) = (&machines[round % 3].client, &machines[(round + 1) % 3].client);
        let path = format!("/1.0/profiles/p{round}");
        writer.post::<Value>("/1.0/profiles", &json!({"name": format!("p{round}")})).await.expect("created");
        assert_eq!(status(reader, Method::GET, &path, Value::Null).await.0, 200, "{path}");
        writer.delete::<Value>(&path).await.expect("deleted");
        let names: Vec<String> = reader.get("/1.0/profiles").await.expect("a list");
        assert!(!names.contains(&path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_listens_for_its_cluster_and_for_metrics_where_it_says() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    let cluster_address = |machine: &Machine| machine.address.replace(":8443", ":8444");
    let keys = |machine: &Machine| {
        let mut desired = config(&machine.address);
        let own = &mut desired.objects.get_mut(&Key::server()).expect("the server").here;
        own.insert("cluster.https_address".to_owned(), cluster_address(machine));
        desired
    };
    let section = ClusterSection { enabled: true, server_name: "node1".to_owned(), ..ClusterSection::default() };
    first.init(keys(&first), section).await.expect("a cluster");
    let patch = |body: Value| first.client.send(Method::PATCH, "/1.0", Bytes::from(body.to_string()));
    patch(json!({"config": {"core.trust_password": "sekret"}})).await.expect("changed");
    let section =
        ClusterSection { cluster_address: cluster_address(&first), ..second.join_section("node2", &first, "sekret") };
    second.init(keys(&second), section).await.expect("a join");
    first.wait_online(2).await;
    let urls: Vec<String> = first.members().await.into_iter().map(|member| member.url).collect();
    assert_eq!(urls, [&first, &second].map(|machine| format!("https://{}", cluster_address(machine))));
    let metrics = first.address.replace(":8443", ":9100");
    patch(json!({"config": {"core.metrics_address": metrics}})).await.expect("changed");
    let server = first.daemon.server();
    let identity = server.credentials.identity().expect("an identity");
    let presented = &server.credentials.presented().certificate;
    let trusted = Client::https(&metrics, presented, Some(&identity)).expect("a client");
    let shown = trusted.send(Method::GET, "/1.0/metrics", Bytes::new()).await.expect("metrics");
    assert!(shown.body.starts_with(b"# "), "{:?}", shown.body);
    assert_eq!(status(&trusted, Method::GET, "/1.0/profiles", Value::Null).await.0, 404);
    let stranger = Client::https(&metrics, presented, None).expect("a client");
    assert_eq!(status(&stranger, Method::GET, "/1.0/metrics", Value::Null).await.0, 403);
    // One that is taken is refused by its key, and all stay open as they were.
    let taken =
        patch(json!({"config": {"core.metrics_address": second.address}})).await.expect_err("taken").to_string();
    assert!(taken.contains("core.metrics_address") && taken.contains(&second.address), "{taken}");
    trusted.send(Method::GET, "/1.0/metrics", Bytes::new()).await.expect("metrics as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lxd_says_of_its_objects_is_said_here() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let shown = |path: &'static str| async move { client.get::<Value>(path).await.expect(path) };
    client.post::<Value>("/1.0/projects", &json!({"name": "shop"})).await.expect("created");
    client.post::<Value>("/1.0/storage-pools", &json!({"name": "data", "driver": "dir"})).await.expect("created");
    assert_eq!(shown("/1.0/profiles/default").await["description"], "Default LXD profile");
    let project = shown("/1.0/projects/default").await;
    assert_eq!(project["description"], "Default LXD project");
    assert_eq!(project["used_by"], json!(["/1.0/profiles/default"]));
    assert_eq!(shown("/1.0/projects/shop").await["used_by"], json!(["/1.0/profiles/default?project=shop"]));
    let profile = shown("/1.0/profiles/default?project=shop").await;
    assert_eq!(profile["description"], "Default LXD profile for project shop");
    assert_eq!(shown("/1.0/storage-pools/data").await["locations"], json!(["none"]));
    for path in [
        "instances",
        "instances?recursion=2",
        "containers",
        "virtual-machines",
        "images",
        "images?recursion=1",
        "images/aliases",
        "warnings",
        "network-acls",
        "network-zones",
        "storage-pools/data/volumes?recursion=1",
    ] {
        assert_eq!(client.get::<Value>(&format!("/1.0/{path}")).await.expect(path), json!([]), "{path}");
    }
    for (method, path, body, expected) in [
        (Method::GET, "instances/x", Value::Null, 404),
        (Method::POST, "instances", json!({"name": "x"}), 501),
        (Method::GET, "storage-pools/nope/volumes", Value::Null, 404),
        (Method::GET, "networks/averyveryverylongname/state", Value::Null, 404),
        (Method::POST, "cluster/members/nope", json!({"server_name": "x"}), 404),
        (Method::PATCH, "?target=ghost", json!({"config": {"user.a": "1"}}), 404),
        (Method::PUT, "?target=ghost", json!({"config": {}}), 404),
        (Method::GET, "?target=ghost", Value::Null, 404),
        (Method::GET, "storage-pools/data?target=ghost", Value::Null, 404),
        (Method::PUT, "storage-pools/data?target=ghost", json!({"config": {}}), 404),
        (Method::POST, "storage-pools?target=ghost", json!({"name": "x", "driver": "dir"}), 404),
        (Method::PATCH, "", json!({"config": {"core.trust_password": 5}}), 400),
        (Method::PATCH, "", json!({"config": {"core.trust_password": null}}), 200),
        (Method::PATCH, "", json!({"config": null}), 200),
        (Method::POST, "profiles", json!({"name": "n".repeat(256)}), 400),
        (Method::PATCH, "cluster/members/GHOST", json!({"config": {}}), 404),
    ] {
        let path = format!("/1.0/{path}").replace("/?", "?").trim_end_matches('/').to_owned();
        let (code, text) = status(client, method.clone(), &path, body).await;
        assert_eq!(code, expected, "{method} {path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_replaces_a_patch_merges_and_null_unsets() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let path = "/1.0/profiles/web";
    let eth0 = json!({"type": "nic", "nictype": "bridged", "parent": "br0", "mtu": ""});
    let body = json!({"name": "web", "description": "x", "config": {"limits.cpu": "2", "user.a": ""}, "devices": {"eth0": eth0}});
    client.post::<Value>("/1.0/profiles", &body).await.expect("created");
    let shown = || async { client.get::<Value>(path).await.expect("shown") };
    let made = shown().await;
    assert_eq!(made["config"], json!({"limits.cpu": "2"}));
    assert_eq!(made["devices"]["eth0"], json!({"type": "nic", "nictype": "bridged", "parent": "br0"}));
    let patch = json!({"config": {"limits.memory": "1GiB", "limits.cpu": null}});
    assert_eq!(status(client, Method::PATCH, path, patch).await.0, 200);
    assert_eq!(shown().await["config"], json!({"limits.memory": "1GiB"}));
    assert_eq!(status(client, Method::PATCH, path, json!({"config": {"limits.memory": ""}})).await.0, 200);
    assert_eq!(shown().await["config"], json!({}));
    assert_eq!(status(client, Method::PUT, path, json!({"description": "y", "config": null})).await.0, 200);
    let put = shown().await;
    assert_eq!((&put["description"], &put["devices"]), (&json!("y"), &json!({})));
    assert_eq!(status(client, Method::PUT, path, json!({"config": {"limits.cpu": 2}})).await.0, 400);
}
