//! Who gets in: every route of the router, asked by everybody who must not. A new route is walked, too.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Method, Request};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::Machine;
use crate::api::{JoinHello, JoinProof, JoinRequest, Secret};
use crate::client::{Answer, Body, Client, Force, Identity, body, fingerprint};
use crate::daemon::certificate;
use crate::http::router;
use crate::model::{Desired, Key, MemberName, Revision};
use crate::service::objects::records;
use crate::service::{EXTENSIONS, HELLO, OFFER, Pair, SCHEMA};

/// What strangers may ask. Whoever adds to this list says why in the same change.
const OPEN: [(&str, &str); 9] = [
    ("GET", "/"),
    ("GET", "/1.0"),
    ("POST", "/1.0/certificates"),
    ("GET", "/internal/cluster/challenge"),
    ("GET", "/internal/cluster/standing/x"),
    ("POST", "/internal/cluster/join/hello"),
    ("POST", "/internal/cluster/join"),
    ("POST", "/internal/cluster/join/commit"),
    ("POST", "/internal/cluster/join/undo"),
];

/// All paths of the router, as it tells them itself, with something in the place of each name.
fn paths(machine: &Machine) -> BTreeSet<String> {
    let shown = format!("{:?}", router(machine.daemon.server()));
    let quoted = shown.split('"').filter(|part| part.starts_with('/'));
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    let paths: BTreeSet<String> = quoted.map(filled).collect();
    assert!(paths.len() > 60, "the router tells no paths any more: {paths:?}");
    for (_, open) in OPEN {
        assert!(paths.contains(open), "{open} is no route");
    }
    paths
}

fn showing(pair: Option<&Pair>, to: &Machine) -> Client {
    let identity = pair.map(|pair| Identity::from_pem(&pair.certificate, pair.key.reveal()).expect("an identity"));
    Client::https(&to.address, &to.file("cluster.crt"), identity.as_ref()).expect("a client")
}

fn copied(machine: &Machine, name: &str) -> Pair {
    let file = |ending: &str| machine.file(&format!("{name}.{ending}"));
    Pair { certificate: file("crt"), key: Secret::new(file("key")) }
}

async fn trust(machine: &Machine, pair: &Pair) {
    let key = Key::new("certificate", &fingerprint(&pair.certificate).expect("a fingerprint"));
    let spec = json!({"name": "x", "type": "client", "certificate": pair.certificate});
    let record = records::record(key, records::spec_of(&spec).expect("a spec"));
    records::submit_as(machine.daemon.server(), "test".to_owned(), Vec::new(), vec![record]).await.expect("stored");
}

/// A certificate that was good from 2019 to 2020, or will be from 2098.
fn out_of_time(from: i32, until: i32) -> Pair {
    let mut parameters = rcgen::CertificateParams::new(vec!["client".to_owned()]).expect("names");
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("a certificate").pem();
    Pair { certificate, key: Secret::new(key.serialize_pem()) }
}

/// Has one begin to join, with a token.
async fn begin_to_join(machine: &Machine, pair: &Pair) {
    let asked = json!({"server_name": "joiner"});
    let operation: crate::api::Operation = machine.client.post("/1.0/cluster/members", &asked).await.expect("a token");
    let secret = operation.metadata.expect("its parts")["secret"].as_str().expect("a secret").to_owned();
    let proof = JoinProof::Token(Secret::new(secret));
    let request = JoinRequest {
        server_name: "joiner".into(),
        address: "127.0.0.1:1".to_owned(),
        certificate: pair.certificate.clone(),
        proof: proof.clone(),
        desired: Desired::default(),
        architecture: String::new(),
        version: String::new(),
        schema: SCHEMA,
        api_extensions: EXTENSIONS.names.len() as u64,
        extensions_digest: EXTENSIONS.digest.clone(),
        failure_domain: String::new(),
    };
    let client = showing(Some(pair), machine);
    client.post::<Value>(HELLO, &JoinHello { server_name: "joiner".into(), proof }).await.expect("it may");
    client.post::<Value>(OFFER, &request).await.expect("an offer");
}

async fn ask(client: &Client, method: &Method, path: &str) -> u16 {
    let content = if *method == Method::GET { "" } else { "\"nonsense\"" };
    let request = Request::builder().method(method).uri(path).header("x-seedbed-on-behalf-of", "unix:0");
    let request = request.body(body(content.into())).expect("a request");
    client.exchange(request).await.expect("an answer").status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_who_must_not_by_whatever_route() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let section = second.join_section("node2", &first, "sekret");
    second.init(second.join_desired(), section).await.expect("a join");
    let paths = paths(&first);
    let pair = |name: &str| certificate::of_machine(name).expect("a certificate");
    let [unknown, removed_client, joining] = [pair("unknown"), pair("removed"), pair("joining")];
    let [expired, early] = [out_of_time(2019, 2020), out_of_time(2098, 2099)];
    for trusted in [&expired, &early, &removed_client] {
        trust(&first, trusted).await;
    }
    let trusted = showing(Some(&removed_client), &first);
    assert_eq!(ask(&trusted, &Method::GET, "/1.0/certificates").await, 200, "while it is trusted");
    let print = fingerprint(&removed_client.certificate).expect("a fingerprint");
    let by_too_few = first.client.delete::<Value>(&format!("/1.0/certificates/{}", &print[..11])).await;
    assert_eq!(by_too_few.expect_err("refused").status(), Some(400));
    first.client.delete::<Value>(&format!("/1.0/certificates/{}", &print[..12])).await.expect("removed");
    let (own, shared) = (copied(&second, "server"), copied(&second, "cluster"));
    second.daemon.stop().await;
    first.client.remove_member(&MemberName::from("node2"), Force::Yes).await.expect("removed");
    let now_shared = copied(&first, "cluster");
    begin_to_join(&first, &joining).await;
    for (kind, pair) in [
        ("nobody", None),
        ("unknown", Some(&unknown)),
        ("expired", Some(&expired)),
        ("not good yet", Some(&early)),
        ("a removed client", Some(&removed_client)),
        ("a removed member", Some(&own)),
        ("a removed member with its copy of the cluster's certificate", Some(&shared)),
        ("the cluster's certificate", Some(&now_shared)),
        ("one that is joining", Some(&joining)),
    ] {
        let client = showing(pair, &first);
        for path in &paths {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let status = ask(&client, &method, path).await;
                let is_open = OPEN.contains(&(method.as_str(), path));
                let is_fine = if is_open { matches!(status, 200 | 400 | 403) } else { status == 403 };
                assert!(is_fine, "{kind}: {method} {path} gave {status}");
            }
        }
        assert_eq!(ask(&client, &Method::GET, "/1.0/nothing/there").await, 403, "{kind}");
        let server = client.server().await.expect("the server");
        assert_eq!((server.auth.as_str(), server.environment), ("untrusted", None), "{kind}");
        // Which numbers are members is nobody's business.
        let standing = |id: u64| format!("/internal/cluster/standing/{id}");
        for id in 1..4 {
            let shown: Value = client.get(&standing(id)).await.expect("an answer");
            assert_eq!(shown["is_member"], json!(false), "{kind}: {id}");
        }
    }
}

/// A request whose body is announced and never sent.
fn withheld(method: Method, path: &str, length: usize) -> Request<Body> {
    let nothing = StreamBody::new(stream::pending::<Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>>());
    let request = Request::builder().method(method).uri(path).header("content-length", length);
    request.body(nothing.boxed_unsync()).expect("a request")
}

async fn within(limit: Duration, client: &Client, request: Request<Body>) -> Answer {
    client.with_timeout(limit).exchange(request).await.expect("an answer in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_strangers_body_is_waited_for_where_it_is_not_wanted_and_few_where_it_is() {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    let client = || showing(None, &machine);
    let at_once = Duration::from_secs(5);
    for path in ["/1.0/seedbed/apply", "/internal/raft/append", "/internal/raft-snapshot", OFFER] {
        let answer = within(at_once, &client(), withheld(Method::POST, path, 64 << 20)).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}");
    }
    for path in ["/1.0/certificates", HELLO] {
        let answer = within(at_once, &client(), withheld(Method::POST, path, (64 << 10) + 1)).await;
        assert_eq!(answer.status.as_u16(), 413, "{path}");
        let begun = tokio::time::Instant::now();
        let answer = within(Duration::from_secs(30), &client(), withheld(Method::POST, path, 1000)).await;
        assert_eq!(answer.status.as_u16(), 408, "{path}");
        assert!(begun.elapsed() > Duration::from_secs(9), "{path}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_are_few_and_end() {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(&machine.address).await.expect("a connection"));
    }
    let is_open = async |stream: &mut TcpStream| {
        tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0])).await.is_err()
    };
    let mut open = 0;
    for stream in &mut silent {
        open += usize::from(is_open(stream).await);
    }
    assert!((1..=32).contains(&open), "{open} are open");
    // Nobody else is held up by them.
    machine.client.server().await.expect("over the unix socket");
    tokio::time::sleep(Duration::from_secs(12)).await;
    for stream in &mut silent {
        assert!(!is_open(stream).await, "one is open for ever");
    }
    assert_eq!(showing(None, &machine).server().await.expect("there is room again").auth, "untrusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_and_tokens_are_soon_not_listened_to_any_more() {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    let client = showing(Some(&certificate::of_machine("guesser").expect("a certificate")), &machine);
    let mut statuses = Vec::new();
    for guess in 0..14 {
        let guess = format!("guess{guess}");
        let refused = if statuses.len() % 2 == 0 {
            let asked = json!({"type": "client", "password": guess});
            client.post::<Value>("/1.0/certificates", &asked).await
        } else {
            let proof = JoinProof::Token(Secret::new(guess));
            client.post::<Value>(HELLO, &JoinHello { server_name: "x".into(), proof }).await
        };
        statuses.push(refused.expect_err("refused").status());
    }
    assert_eq!(statuses[..10], [Some(403); 10]);
    assert_eq!(statuses.last(), Some(&Some(429)), "{statuses:?}");
    // The right one is not heard then either; whoever is trusted is not concerned.
    let right = json!({"type": "client", "password": "sekret"});
    let refused = client.post::<Value>("/1.0/certificates", &right).await.expect_err("refused");
    assert_eq!(refused.status(), Some(429));
    let other = json!({"config": {"core.trust_password": "other"}});
    machine.client.patch::<Value>("/1.0", &other).await.expect("set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_speaks_for_its_own_users_and_for_those_that_are_trusted_and_is_named() {
    let [first, second] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let section = second.join_section("node2", &first, "sekret");
    second.init(second.join_desired(), section).await.expect("a join");
    let [known, unknown] = ["known", "unknown"].map(|name| certificate::of_machine(name).expect("a certificate"));
    trust(&first, &known).await;
    let print = |pair: &Pair| fingerprint(&pair.certificate).expect("a fingerprint");
    let member = showing(Some(&copied(&second, "server")), &first);
    let (known, unknown) = (print(&known), print(&unknown));
    for (number, (by, is_heard)) in [
        ("unix:1000", true),
        (known.as_str(), true),
        ("member:node2", true),
        (unknown.as_str(), false),
        ("member:node1", false),
        ("unix:root", false),
        ("source:none", false),
        ("reconciler", false),
        ("", false),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("p{number}");
        let request = Request::post("/1.0/profiles").header("x-seedbed-on-behalf-of", by);
        let request = request.body(body(json!({ "name": name }).to_string().into())).expect("a request");
        let status = member.exchange(request).await.expect("an answer").status.as_u16();
        assert_eq!(status, if is_heard { 201 } else { 403 }, "on behalf of `{by}`");
        if is_heard {
            let path = format!("/1.0/seedbed/audit?object=profile/{name}");
            let entries: Value = first.client.get(&path).await.expect("entries");
            assert_eq!((&entries[0]["by"], &entries[0]["via"]), (&json!(by), &json!("node2")), "{entries}");
        }
    }
    // A member resets whom it means, not whoever has the address.
    let reset = member.post::<Value>("/internal/cluster/reset", &json!({"id": 99, "held": []})).await;
    assert_eq!(reset.expect_err("refused").status(), Some(421));
    assert!(first.client.cluster().await.expect("the cluster").enabled);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_waits_for_ends_with_the_trust_in_them() {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    let pair = certificate::of_machine("watcher").expect("a certificate");
    trust(&machine, &pair).await;
    let client = showing(Some(&pair), &machine);
    let now = client.objects(&[]).await.expect("the objects").revision;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.objects_after(&[], Revision(now.0 + 1000), Duration::from_secs(60)).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let print = fingerprint(&pair.certificate).expect("a fingerprint");
    machine.client.delete::<Value>(&format!("/1.0/certificates/{print}")).await.expect("removed");
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it ends").expect("no panic");
    assert_eq!(ended.expect_err("no objects").status(), Some(403));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_does_not_act_with_the_certificate_of_a_browser() {
    let machine = Machine::start().await;
    machine.bootstrap("node1").await;
    let pair = certificate::of_machine("browser").expect("a certificate");
    trust(&machine, &pair).await;
    let client = showing(Some(&pair), &machine);
    let ask = async |method: Method, origin: &str, name: &str| {
        let request = Request::builder().method(method).uri("/1.0/profiles").header("origin", origin);
        let request = request.header("content-type", "text/plain");
        let request = request.body(body(json!({ "name": name }).to_string().into())).expect("a request");
        client.exchange(request).await.expect("an answer").status.as_u16()
    };
    let own = format!("https://{}", machine.address);
    assert_eq!(ask(Method::POST, &own, "own").await, 201);
    for foreign in ["https://evil.example", "null", "http://localhost"] {
        assert_eq!(ask(Method::POST, foreign, "foreign").await, 403, "{foreign}");
    }
    let events = Request::get("/1.0/events").header("origin", "https://evil.example").header("upgrade", "websocket");
    let events = events.header("connection", "upgrade").body(body("".into())).expect("a request");
    assert_eq!(client.exchange(events).await.expect("an answer").status.as_u16(), 403);
}
