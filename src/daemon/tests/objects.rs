//! LXD's API over the unix socket.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Daemon, Machine, options, three};
use crate::client::{Client, Waited};
use crate::model::{Key, Revision};
use crate::service::EXTENSIONS;
use crate::service::objects::records;

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_made_shown_changed_and_deleted_in_lxds_envelope() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let body = bytes::Bytes::from(json!({"name": "web", "config": {"limits.cpu": "2"}}).to_string());
    let made = client.send(hyper::Method::POST, "/1.0/profiles", body).await.expect("created");
    assert_eq!((made.status.as_u16(), made.header("location")), (201, Some("/1.0/profiles/web")));
    let whole: Value = serde_json::from_slice(&made.body).expect("JSON");
    insta::assert_snapshot!(
        whole,
        @r#"{"error":"","error_code":0,"metadata":null,"operation":"","status":"Success","status_code":200,"type":"sync"}"#
    );
    let shown = client.send(hyper::Method::GET, "/1.0/profiles/web", bytes::Bytes::new()).await.expect("shown");
    insta::assert_snapshot!(
        shown.metadata::<Value>().expect("metadata"),
        @r#"{"config":{"limits.cpu":"2"},"description":"","devices":{},"name":"web","used_by":[]}"#
    );
    let tag = shown.header("etag").expect("a tag").to_owned();
    let body = bytes::Bytes::from(json!({"config": {"limits.cpu": "4"}, "description": "x"}).to_string());
    let put = |body| client.send_matching(hyper::Method::PUT, "/1.0/profiles/web", body, Some(&tag));
    put(body.clone()).await.expect("changed");
    assert_eq!(put(body).await.expect_err("stale").status(), Some(412));
    client.delete::<Value>("/1.0/profiles/web").await.expect("deleted");
    assert_eq!(client.get::<Value>("/1.0/profiles/web").await.expect_err("gone").status(), Some(404));
    let names: Vec<String> = client.get("/1.0/profiles").await.expect("a list");
    assert_eq!(names, ["/1.0/profiles/default"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_defined_on_each_member_and_created_once() {
    let machines = three().await;
    let client = &machines[1].client;
    let pool = json!({"name": "data", "driver": "dir"});
    for member in ["node1", "node2"] {
        client.post::<Value>(&format!("/1.0/storage-pools?target={member}"), &pool).await.expect("defined");
    }
    let refused = client.post::<Value>("/1.0/storage-pools", &pool).await.expect_err("refused");
    assert!(refused.to_string().contains("node3"), "{refused}");
    client.post::<Value>("/1.0/storage-pools?target=node3", &pool).await.expect("defined");
    client.post::<Value>("/1.0/storage-pools", &pool).await.expect("created");
    let shown: crate::api::StoragePool = client.get("/1.0/storage-pools/data").await.expect("the pool");
    assert_eq!(shown.status, "Created");
    client.delete::<Value>("/1.0/storage-pools/data").await.expect("deleted");
    assert_eq!(client.get::<Value>("/1.0/storage-pools/data").await.expect_err("gone").status(), Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_that_there_is_a_server_and_nothing_else() {
    let machine = Machine::start().await;
    let body = json!({"config": {"core.https_address": machine.address}});
    machine.client.put::<Value>("/1.0", &body).await.expect("configured");
    let stranger = Client::https(&machine.address, &machine.file("server.crt"), None).expect("a client");
    let server = stranger.server().await.expect("the server");
    assert_eq!((server.auth.as_str(), server.config), ("untrusted", None));
    // The last one is not there: not even that is told.
    for path in [
        "certificates",
        "cluster",
        "cluster/members",
        "cluster/members/node1",
        "events",
        "holds",
        "metrics",
        "operations",
        "profiles",
        "profiles/default",
        "seedbed/audit",
        "seedbed/confirm",
        "seedbed/history",
        "seedbed/objects",
        "seedbed/plans",
        "sources/site/status",
        "storage-pools/data/resources",
        "webhooks/ci/status",
        "profiles/gone",
    ] {
        let refused = stranger.get::<Value>(&format!("/1.0/{path}")).await.expect_err("refused");
        assert_eq!(refused.status(), Some(403), "GET {path}");
    }
    for path in [
        "cluster/members",
        "profiles",
        "seedbed/apply",
        "seedbed/confirm",
        "seedbed/drift",
        "seedbed/init",
        "seedbed/manage",
        "seedbed/objects",
        "seedbed/plan",
        "seedbed/plans",
        "sources/site/sync",
        "webhooks/ci/test",
    ] {
        let refused = stranger.post::<Value>(&format!("/1.0/{path}"), &json!("nonsense")).await.expect_err("refused");
        assert_eq!(refused.status(), Some(403), "POST {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_everything_again() {
    let Machine { daemon, dir, client, .. } = Machine::start().await;
    client.post::<Value>("/1.0/profiles", &json!({"name": "kept"})).await.expect("created");
    daemon.stop().await;
    let daemon = Daemon::start(options(dir.path())).await.expect("a daemon");
    let kept: Value = client.get("/1.0/profiles/kept").await.expect("the profile");
    assert_eq!(kept["name"], "kept");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_renews_its_record_when_it_starts_with_another_version() {
    let Machine { daemon, dir, client, .. } = Machine::start().await;
    let members = [daemon.server().node().name.clone()].map(|name| Key::member(&name));
    let stored = daemon.server().store().get(&members[0]).expect("the store").expect("the record");
    assert_eq!(stored.spec.text("extensions_digest"), EXTENSIONS.digest);
    let mut old = stored.spec.clone();
    old.0
        .extend([("version", "0.0.1"), ("extensions_digest", "of 0.0.1")].map(|(f, text)| (f.to_owned(), text.into())));
    let change = records::revised(&stored, old, Default::default());
    let expect = vec![records::unchanged(&stored)];
    records::submit_as(daemon.server(), "test".to_owned(), expect, vec![change]).await.expect("written");
    daemon.stop().await;
    let daemon = Daemon::start(options(dir.path())).await.expect("a daemon");
    let mut revision = Revision(0);
    loop {
        let wait = Duration::from_secs(60);
        let Waited::Changed(reply) = client.objects_after(&members, revision, wait).await.expect("the record") else {
            panic!("the record is not renewed")
        };
        let spec = &reply.objects[0].spec;
        if (spec.text("version"), spec.text("extensions_digest")) == (env!("CARGO_PKG_VERSION"), &*EXTENSIONS.digest) {
            break;
        }
        revision = reply.revision;
    }
    daemon.stop().await;
}
