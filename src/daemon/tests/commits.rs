//! Every change is decided on the state that its entry expects, whichever member is asked and however far it has come.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::{Machine, three};
use crate::client::{Client, ClientError};

async fn tag(client: &Client, path: &str) -> String {
    let shown = client.send(Method::GET, path, Bytes::new()).await.expect("shown");
    shown.header("etag").expect("a tag").to_owned()
}

async fn put(client: &Client, path: &str, body: Value, tag: Option<&str>) -> Result<(), ClientError> {
    client.send_matching(Method::PUT, path, Bytes::from(body.to_string()), tag).await.map(drop)
}

/// Waits until every member has what was acknowledged.
async fn level(machines: &[Machine]) {
    for machine in machines {
        machine.daemon.server().store().barrier().await.expect("a leader");
    }
}

/// What changes with a generation of its own, and how it is asked for.
const PATHS: [&str; 4] = ["/1.0/profiles/web", "/1.0", "/1.0/cluster/members/node2", "/1.0/projects/shop"];

async fn two_objects(machines: &[Machine]) {
    machines[0].client.post::<Value>("/1.0/profiles", &json!({"name": "web"})).await.expect("created");
    machines[0].client.post::<Value>("/1.0/projects", &json!({"name": "shop"})).await.expect("created");
    level(machines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_puts_with_one_tag_one_is_refused() {
    let machines = three().await;
    two_objects(&machines).await;
    let [first, second] = [&machines[1].client, &machines[2].client];
    for path in PATHS {
        for round in 0..10 {
            level(&machines).await;
            let shown: Value = first.get(path).await.expect("shown");
            let mut body = json!({"config": shown["config"]});
            let tag = tag(first, path).await;
            let mut body = |who: &str| {
                body["config"]["user.last"] = json!(format!("{who}-{round}"));
                body.clone()
            };
            let (one, other) = (body("first"), body("second"));
            let outcomes = tokio::join!(put(first, path, one, Some(&tag)), put(second, path, other, Some(&tag)));
            let status = |outcome: Result<(), ClientError>| outcome.err().and_then(|error| error.status());
            let found = [status(outcomes.0), status(outcomes.1)];
            assert!(found == [None, Some(412)] || found == [Some(412), None], "{path}, round {round}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_of_different_keys_all_stay() {
    let machines = three().await;
    two_objects(&machines).await;
    for path in PATHS.into_iter().filter(|path| *path != "/1.0/cluster/members/node2") {
        let mut asked = BTreeSet::new();
        for round in 0..8 {
            let keys = [0, 1, 2].map(|machine| format!("user.of_{machine}_{round}"));
            let patch = |machine: usize| {
                let body = json!({"config": {keys[machine].as_str(): "1"}});
                let client = machines[machine].client.clone();
                async move { client.send(Method::PATCH, path, Bytes::from(body.to_string())).await }
            };
            let done = tokio::join!(patch(0), patch(1), patch(2));
            for done in [done.0, done.1, done.2] {
                done.unwrap_or_else(|error| panic!("{path}: {error}"));
            }
            asked.extend(keys);
        }
        level(&machines).await;
        let shown: Value = machines[1].client.get(path).await.expect("shown");
        let found: BTreeSet<String> = shown["config"].as_object().expect("a map").keys().cloned().collect();
        assert!(found.is_superset(&asked), "{path}: {:?} are lost", asked.difference(&found));
    }
}

/// A follower that hears nothing from the leader until it listens again.
async fn deaf(machine: &Machine) {
    let server = machine.daemon.server();
    server.lifecycle.listen(server, &crate::model::Config::default()).await.expect("a closed port");
}

async fn hear(machine: &Machine) {
    let server = machine.daemon.server();
    let own = crate::service::configuration(server, &server.node().name).expect("its keys");
    server.lifecycle.listen(server, &own).await.expect("an open port");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laggard_decides_nothing_on_its_old_copy() {
    let machines = three().await;
    let [leader, _, laggard] = &machines;
    let value = |text: &str| json!({"config": {"user.value": text}});
    for (path, body) in [("profiles", json!({"name": "web"})), ("projects", json!({"name": "shop"}))] {
        leader.client.post::<Value>(&format!("/1.0/{path}"), &body).await.expect("created");
    }
    for path in PATHS.into_iter().filter(|path| *path != "/1.0") {
        put(&leader.client, path, value("old"), None).await.expect("changed");
    }
    let old = leader.client.get::<Value>("/1.0").await.expect("shown");
    level(&machines).await;
    deaf(laggard).await;
    for path in PATHS.into_iter().filter(|path| *path != "/1.0") {
        put(&leader.client, path, value("new"), None).await.expect("changed");
    }
    let mut server = json!({"config": old["config"]});
    server["config"]["user.value"] = json!("new");
    put(&leader.client, "/1.0", server, None).await.expect("changed");
    leader.client.post::<Value>("/1.0/profiles", &json!({"name": "late"})).await.expect("created");
    leader.client.post::<Value>("/1.0/profiles", &json!({"name": "gone"})).await.expect("created");
    let fresh = tag(&leader.client, "/1.0/profiles/late").await;
    // Each of these is nothing to do, a wrong tag or an unknown object in the laggard's eyes.
    let client = laggard.client.clone();
    let own = json!({"config": client.get::<Value>("/1.0").await.expect("shown")["config"]});
    let asked = tokio::spawn(async move {
        let delete = client.delete::<Value>("/1.0/profiles/gone");
        tokio::try_join!(
            put(&client, PATHS[0], value("old"), None),
            put(&client, PATHS[1], own, None),
            put(&client, PATHS[2], value("old"), None),
            put(&client, PATHS[3], value("old"), None),
            put(&client, "/1.0/profiles/late", value("seen"), Some(&fresh)),
            async { delete.await.map(drop) },
        )
    });
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!asked.is_finished(), "decided without the leader: {:?}", asked.await);
    hear(laggard).await;
    asked.await.expect("an end").expect("all of them");
    level(&machines).await;
    for machine in &machines {
        for path in PATHS {
            let shown: Value = machine.client.get(path).await.expect("shown");
            let expected = if path == "/1.0" { Value::Null } else { json!("old") };
            assert_eq!(shown["config"]["user.value"], expected, "{path} at {}", machine.address);
        }
        let late: Value = machine.client.get("/1.0/profiles/late").await.expect("shown");
        assert_eq!(late["config"]["user.value"], "seen");
        assert_eq!(machine.client.get::<Value>("/1.0/profiles/gone").await.expect_err("gone").status(), Some(404));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_leader_nothing_is_acknowledged() {
    let [first, second, third] = three().await;
    first.client.post::<Value>("/1.0/profiles", &json!({"name": "web"})).await.expect("created");
    third.daemon.server().store().barrier().await.expect("a leader");
    first.daemon.stop().await;
    second.daemon.stop().await;
    // What is there already.
    let refused = put(&third.client, "/1.0/profiles/web", json!({"config": {}}), None).await.expect_err("refused");
    assert_eq!(refused.status(), Some(503), "{refused}");
}
