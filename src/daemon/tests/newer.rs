//! What a newer member has stored: it is shown, read over and kept by every change, and asked of nobody.

use hyper::Method;
use serde_json::{Value, json};

use super::{Machine, declared};
use crate::api::{ApplyRequest, paths};
use crate::client::ClientError;
use crate::model::{Change, Desired, Key, MemberName, Object, Phase, Put, Rollout, Spec, Stage};
use crate::service::submit_as;

fn spec(value: Value) -> Spec {
    Spec(value.as_object().cloned().expect("an object"))
}

/// Stores it as it is, as a newer member would.
async fn store(machine: &Machine, key: &Key, rollout: Rollout, spec: Spec) {
    let server = machine.daemon.server();
    let stored = server.store().get(key).expect("it is read");
    let placements = stored.map(|object| object.placements).unwrap_or_default();
    let placements = placements.into_iter().map(|(member, placement)| (member, placement.config)).collect();
    let put = Put { key: key.clone(), rollout, stage: Stage::Live, spec, applied: None, management: None, placements };
    submit_as(server, "newer".to_owned(), Vec::new(), vec![Change::Put(put)]).await.expect("it is stored");
}

fn object(machine: &Machine, key: &Key) -> Object {
    machine.daemon.server().store().get(key).expect("it is read").expect("it is there")
}

const NOVELTY: &str = "novelty";

fn novelty() -> Value {
    json!({"deep": [1, "two"]})
}

fn of_all_kinds() -> Vec<Key> {
    vec![
        Key::new("profile", "default"),
        Key::new("project", "default"),
        Key::new("storage-pool", "default"),
        Key::member(&MemberName::from("node1")),
        Key::server(),
        Key::new("source", "site"),
        Key::new("webhook", "chat"),
    ]
}

/// A machine on which a newer member has written into an object of every kind, and some of kinds of its own.
async fn newer() -> Machine {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    for (path, body) in [
        ("/1.0/sources", json!({"name": "site", "path": "/nowhere/site", "member": "node9"})),
        (
            "/1.0/webhooks",
            json!({"name": "chat", "url": "http://127.0.0.1:1/", "config": {"secret": "0123456789abcdef"}}),
        ),
    ] {
        machine.client.post::<Value>(path, &body).await.expect(path);
    }
    for key in of_all_kinds() {
        let Object { mut spec, rollout, .. } = object(&machine, &key);
        spec.0.insert(NOVELTY.to_owned(), novelty());
        if key.kind.as_str() == "profile" {
            let mut config = spec.config();
            config.insert("limits.novelty".to_owned(), "7".to_owned());
            spec.set_config(&config);
        }
        store(&machine, &key, rollout, spec).await;
    }
    store(&machine, &Key::new("teleporter", "t1"), Rollout::RecordOnly, spec(json!({"warp": 9}))).await;
    machine.stop().await.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_member_has_stored_is_shown_and_outlives_every_change() {
    let machine = newer().await;
    for path in [
        "/1.0",
        "/1.0/profiles?recursion=1",
        "/1.0/projects?recursion=1",
        "/1.0/storage-pools?recursion=1",
        "/1.0/cluster/members?recursion=1",
        "/1.0/sources?recursion=1",
        "/1.0/webhooks?recursion=1",
        "/1.0/profiles/default",
        "/1.0/cluster/members/node1",
        paths::OBJECTS,
        paths::METRICS,
    ] {
        let answer = machine.client.send(Method::GET, path, bytes::Bytes::new()).await.expect(path);
        assert!(answer.status.is_success(), "{path}");
    }
    let described = json!({"description": "changed"});
    for path in ["profiles/default", "projects/default", "storage-pools/default", "cluster/members/node1"] {
        machine.client.patch::<Value>(&format!("/1.0/{path}"), &described).await.expect(path);
    }
    machine.client.patch::<Value>("/1.0/sources/site", &described).await.expect("the source");
    machine.client.patch::<Value>("/1.0/webhooks/chat", &described).await.expect("the webhook");
    let limits = json!({"config": {"limits.memory": "1GiB"}});
    machine.client.patch::<Value>("/1.0/profiles/default", &limits).await.expect("another key");
    let threshold = json!({"config": {"cluster.offline_threshold": "25"}});
    machine.client.patch::<Value>("/1.0", &threshold).await.expect("the configuration");
    for key in of_all_kinds() {
        assert_eq!(object(&machine, &key).spec.0.get(NOVELTY), Some(&novelty()), "{key} lost it");
    }
    let mut desired = Desired::default();
    for name in ["profile", "project"] {
        desired.objects.insert(Key::new(name, "default"), declared(spec(json!({"description": "applied"}))));
    }
    desired.objects.insert(Key::new("storage-pool", "default"), declared(spec(json!({"driver": "dir"}))));
    let request = ApplyRequest { desired, ..ApplyRequest::default() };
    machine.client.apply(&request).await.expect("a manifest");
    for key in of_all_kinds() {
        let object = object(&machine, &key);
        assert_eq!(object.spec.0.get(NOVELTY), Some(&novelty()), "{key} lost it");
        assert_eq!(object.phase, Phase::Created, "{key}");
    }
    let profile = object(&machine, &Key::new("profile", "default")).spec;
    assert_eq!((profile.text("description"), profile.config().value("limits.novelty")), ("applied", Some("7")));
    assert_eq!(object(&machine, &Key::new("teleporter", "t1")).spec, spec(json!({"warp": 9})));
    let board = machine.client.objects(&[]).await.expect("the objects");
    assert!(board.objects.iter().any(|object| object.key.kind.as_str() == "teleporter"));
    machine.client.delete::<Value>("/1.0/webhooks/chat").await.expect("it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_ask_for_what_this_member_does_not_know() {
    let machine = newer().await;
    let refused = |result: Result<Value, ClientError>| match result {
        Err(ClientError::Api { status, message, .. }) => (status, message),
        other => panic!("{other:?}"),
    };
    let (status, message) =
        refused(machine.client.post("/1.0/profiles", &json!({"name": "p", "novelty": {"deep": [1, "two"]}})).await);
    assert!(status == 400 && message.contains("unknown field `novelty`"), "{status} {message}");
    let (status, message) = refused(machine.client.patch("/1.0/profiles/default", &json!({"novelty": "mine"})).await);
    assert!(status == 400 && message.contains("unknown field `novelty`"), "{status} {message}");
    let wrong = json!({"config": {"limits.other": "1"}});
    let (status, message) = refused(machine.client.patch("/1.0/profiles/default", &wrong).await);
    assert!(status == 400 && message.contains("limits.other"), "{status} {message}");
}
