//! Webhooks with a receiver that speaks plain HTTP and is at times out of order, or away.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Daemon, Machine, options, own_address, three};
use crate::client::Client;

const SECRET: &str = "Tr0ub4dor-and-3-more-words";

/// A message as it came in, and what was answered.
#[derive(Clone, Debug)]
struct Received {
    head: String,
    text: String,
    status: u16,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// What the specification asks a receiver to do.
    fn check_signature(&self) {
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.text);
        let wanted = format!("v1,{}", STANDARD.encode(hmac(SECRET.as_bytes(), signed.as_bytes())));
        assert_eq!(self.header("webhook-signature"), wanted);
    }

    /// Which profile the apply was about that it tells of.
    fn object(&self) -> String {
        self.value()["data"]["objects"][0]["object"].as_str().unwrap_or_default().to_owned()
    }
}

/// RFC 2104 once more, so that the test does not trust what it tests.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

#[derive(Clone, Default)]
struct Inbox {
    received: Arc<Mutex<Vec<Received>>>,
    /// What the next messages are answered; 204 when nothing is here.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Inbox {
    /// Listens at an address until the task is aborted.
    async fn open(&self, address: &str) -> JoinHandle<()> {
        let listener = TcpListener::bind(address).await.expect("an address of its own");
        let inbox = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                // A connection that breaks off is tried again by the sender.
                inbox.take(stream).await.unwrap_or_default();
            }
        })
    }

    async fn take(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        let (head, text) = loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            let all = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, text)) = all.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if length == Some(text.len()) {
                break (head.to_owned(), text.to_owned());
            }
        };
        let status = self.answers.lock().expect("whole").pop_front().unwrap_or(204);
        self.received.lock().expect("whole").push(Received { head, text, status });
        stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).await
    }

    fn all(&self) -> Vec<Received> {
        self.received.lock().expect("whole").clone()
    }

    /// Waits until a message came that is as wanted.
    async fn wait(&self, what: &str, is_it: impl Fn(&Received) -> bool) -> Received {
        let mut found = None;
        until(what, async || {
            found = self.all().into_iter().find(|received| is_it(received));
            found.is_some()
        })
        .await;
        found.expect("waited for it")
    }

    /// Waits until an apply of this profile was taken.
    async fn wait_apply(&self, profile: &str) -> Received {
        let object = format!("profile/{profile}");
        let is_it = |it: &Received| it.status == 204 && it.value()["type"] == "apply" && it.object() == object;
        self.wait(&format!("the apply of {object}"), is_it).await
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}");
}

fn receiver_address() -> String {
    own_address().replace(":8443", ":8080")
}

async fn add(client: &Client, address: &str) {
    let url = format!("http://{address}/in/T0K3N");
    let body = json!({"name": "ci", "url": url, "config": {"secret": SECRET}});
    client.post::<Value>("/1.0/webhooks", &body).await.expect("added");
}

/// Applies one profile, and gives the revision.
async fn apply(client: &Client, profile: &str) -> u64 {
    let body = json!({ "yaml": format!("profiles:\n- name: {profile}\n") });
    let reply: Value = client.post("/1.0/seedbed/apply", &body).await.expect("applied");
    reply["revision"].as_u64().expect("a revision")
}

/// The objects of the applies that were taken, in order. A slow machine may give up an answer and send once more.
fn applies(inbox: &Inbox) -> Vec<String> {
    let all = inbox.all();
    let taken = all.iter().filter(|it| it.status == 204 && it.value()["type"] == "apply");
    let mut objects: Vec<String> = taken.map(Received::object).collect();
    objects.dedup();
    objects
}

async fn wait_state(client: &Client, state: &str) -> Value {
    let mut shown = Value::Null;
    until(&format!("the webhook to be {state}"), async || {
        shown = client.get("/1.0/webhooks/ci/status").await.unwrap_or_default();
        shown["state"] == state
    })
    .await;
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_know_the_cluster_again_when_its_certificate_is_another() {
    let machines = three().await;
    let client = &machines[0].client;
    let (inbox, address) = (Inbox::default(), receiver_address());
    let listening = inbox.open(&address).await;
    add(client, &address).await;
    apply(client, "one").await;
    let first = inbox.wait_apply("one").await.value();
    let body = json!({"cluster_certificate": "", "cluster_certificate_key": ""});
    client.put::<Value>("/1.0/cluster/certificate", &body).await.expect("another certificate");
    apply(client, "two").await;
    let second = inbox.wait_apply("two").await.value();
    assert_eq!(first["cluster"], second["cluster"]);
    let mark = |told: &Value| told["id"].as_str().and_then(|id| id.split('-').next()).map(str::to_owned);
    assert!(mark(&first).is_some_and(|mark| first["cluster"].as_str().is_some_and(|id| id.starts_with(&mark))));
    assert_eq!(mark(&first), mark(&second), "ids of repeated messages stay the same, too");
    listening.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_signed_and_repeated_in_order_until_they_are_taken() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let (inbox, address) = (Inbox::default(), receiver_address());
    let listening = inbox.open(&address).await;
    apply(client, "before").await;
    add(client, &address).await;
    let revision = apply(client, "one").await;
    let first = inbox.wait_apply("one").await;
    first.check_signature();
    let told = first.value();
    assert_eq!((&told["version"], &told["data"]["revision"]), (&json!(1), &json!(revision)));
    assert_eq!((&told["data"]["by"], &told["data"]["changes"]), (&json!("unix:0"), &json!(1)));
    assert_eq!(told["id"], first.header("webhook-id"));
    assert_eq!(wait_state(client, "Ready").await["error"], Value::Null);

    inbox.answers.lock().expect("whole").extend([500, 503]);
    apply(client, "two").await;
    apply(client, "three").await;
    inbox.wait_apply("three").await;
    let of_two: Vec<Received> = inbox.all().into_iter().filter(|it| it.object() == "profile/two").collect();
    assert_eq!(of_two.iter().take(3).map(|it| it.status).collect::<Vec<_>>(), [500, 503, 204]);
    of_two.iter().for_each(Received::check_signature);
    assert!(of_two.iter().all(|it| it.header("webhook-id") == of_two[0].header("webhook-id")), "{of_two:?}");

    listening.abort();
    until("the port to be closed", async || TcpStream::connect(&address).await.is_err()).await;
    apply(client, "four").await;
    apply(client, "five").await;
    let failing = wait_state(client, "Failing").await;
    assert!(failing["error"].as_str().is_some_and(|why| why.contains("cannot be reached")), "{failing}");
    inbox.open(&address).await;
    inbox.wait_apply("five").await;
    wait_state(client, "Ready").await;

    assert_eq!(applies(&inbox), ["one", "two", "three", "four", "five"].map(|name| format!("profile/{name}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_nowhere_to_be_seen_and_outlives_a_change_of_the_rest() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let (inbox, address) = (Inbox::default(), receiver_address());
    inbox.answers.lock().expect("whole").push_back(500);
    inbox.open(&address).await;
    add(client, &address).await;
    let refused = client.post::<Value>("/1.0/webhooks/ci/test", &json!({})).await.expect_err("answered 500");
    assert!(refused.to_string().contains("answered 500") && !refused.to_string().contains("T0K3N"), "{refused}");
    client.post::<Value>("/1.0/webhooks/ci/test", &json!({})).await.expect("taken");

    client.patch::<Value>("/1.0/webhooks/ci", &json!({"description": "tells CI"})).await.expect("changed");
    apply(client, "web").await;
    inbox.wait_apply("web").await.check_signature();
    wait_state(client, "Ready").await;

    let double = json!({"name": "ci", "url": "http://x/", "config": {"secret": SECRET}});
    let refused = client.post::<Value>("/1.0/webhooks", &double).await.expect_err("there is one already").to_string();
    let wrong = json!({"name": "odd", "url": "gopher://x/", "config": {"secret": SECRET}});
    let wrong = client.post::<Value>("/1.0/webhooks", &wrong).await.expect_err("no address").to_string();
    let mut all = vec![refused, wrong];
    for path in [
        "/1.0/webhooks?recursion=1",
        "/1.0/webhooks/ci",
        "/1.0/webhooks/ci/status",
        "/1.0/seedbed/objects",
        "/1.0/seedbed/audit",
        "/1.0/seedbed/history",
        "/1.0/metrics",
    ] {
        let answer = client.send(hyper::Method::GET, path, bytes::Bytes::new()).await.expect("an answer");
        all.push(String::from_utf8_lossy(&answer.body).into_owned());
    }
    assert!(all[2].contains("tells CI") && all[6].contains("webhook/ci"), "{all:?}");
    all.extend(inbox.all().iter().map(|it| format!("{it:?}")));
    assert!(all.iter().all(|text| !text.contains(SECRET)), "the secret is told: {all:?}");

    client.delete::<Value>("/1.0/webhooks/ci").await.expect("removed");
    until("the status to go", async || {
        let objects = client.objects(&[]).await.expect("the objects").objects;
        !objects.iter().any(|object| object.key.kind.as_str() == "webhook-status")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stalls_and_one_that_is_back_are_told_once_each() {
    let machine = Machine::start().await;
    let (inbox, address) = (Inbox::default(), receiver_address());
    inbox.open(&address).await;
    add(&machine.client, &address).await;
    let site = machine.dir.path().join("site");
    std::fs::create_dir(&site).expect("a directory");
    let file = site.join("a.yaml");
    std::fs::write(&file, "profiles:\n- nam: web\n").expect("a file");
    let source = json!({"name": "site", "path": site, "interval": "1s"});
    machine.client.post::<Value>("/1.0/sources", &source).await.expect("added");
    let of = |state: &'static str| move |it: &Received| it.value()["data"]["state"] == state;
    let stalled = inbox.wait("the source to stall", of("Stalled")).await.value();
    assert_eq!((&stalled["type"], &stalled["data"]["reason"]), (&json!("source"), &json!("Invalid")));
    std::fs::write(&file, "profiles:\n- name: web\n").expect("a file");
    inbox.wait("the source to be back", of("Ready")).await;
    let by_source = inbox.wait_apply("web").await.value();
    assert_eq!(
        (&by_source["data"]["by"], &by_source["data"]["from"]["source"]),
        (&json!("source:site"), &json!("site"))
    );
    let turns: Vec<Received> = inbox.all().into_iter().filter(|it| it.value()["type"] == "source").collect();
    let ids: BTreeSet<&str> = turns.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(ids.len(), 2, "{turns:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leads_next_goes_on_and_tells_who_is_away() {
    let mut machines: Vec<Option<Machine>> = three().await.into_iter().map(Some).collect();
    let (inbox, address) = (Inbox::default(), receiver_address());
    let listening = inbox.open(&address).await;
    let client = machines[0].as_ref().expect("runs").client.clone();
    client.patch::<Value>("/1.0", &json!({"config": {"cluster.offline_threshold": "11"}})).await.expect("set");
    add(&client, &address).await;
    apply(&client, "one").await;
    inbox.wait_apply("one").await;
    listening.abort();
    until("the port to be closed", async || TcpStream::connect(&address).await.is_err()).await;
    apply(&client, "two").await;
    wait_state(&client, "Failing").await;

    let leads = |machine: &Machine| machine.daemon.server().store().leadership().borrow().is_me;
    let leader = machines.iter().position(|machine| machine.as_ref().is_some_and(leads)).expect("somebody leads");
    let gone = machines[leader].take().expect("runs");
    let name = gone.daemon.server().node().name.to_string();
    let Machine { daemon, dir, .. } = gone;
    daemon.stop().await;
    let client = machines.iter().flatten().next().expect("two run").client.clone();
    let body = json!({ "yaml": "profiles:\n- name: three\n" });
    // The others may not have agreed on a leader yet.
    until("a leader", async || client.post::<Value>("/1.0/seedbed/apply", &body).await.is_ok()).await;
    inbox.open(&address).await;
    inbox.wait_apply("three").await;
    let of = |state: &'static str| {
        let data = json!([name, state]);
        move |it: &Received| json!([it.value()["data"]["member"], it.value()["data"]["state"]]) == data
    };
    let offline = inbox.wait("the member to be missed", of("offline")).await;
    assert_eq!(offline.value()["type"], "member");
    let daemon = Daemon::start(options(dir.path())).await.expect("a daemon");
    inbox.wait("the member to be back", of("online")).await;

    // At least once, in order, and a repetition has the same id.
    let objects = applies(&inbox);
    assert_eq!(objects[objects.len() - 2..], ["profile/two", "profile/three"], "{objects:?}");
    for received in inbox.all() {
        received.check_signature();
        let told = received.value();
        if told["type"] == "apply" {
            let end = format!("-{}-apply", told["data"]["revision"]);
            assert!(received.header("webhook-id").ends_with(&end), "{received:?}");
        }
    }
    daemon.stop().await;
}
