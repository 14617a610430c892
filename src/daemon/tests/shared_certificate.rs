//! The certificate that all members answer with says who answers, never who asks; and whoever was thrown out has
//! nothing in hand that is still worth something.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Machine, three};
use crate::api::{JoinEnd, JoinHello, JoinOffer, JoinProof, JoinRequest, JoinUndo, JoinWelcome, Secret};
use crate::client::{Client, ClientError, Force, Identity, fingerprint};
use crate::daemon::certificate;
use crate::model::{Desired, Key, MemberName};
use crate::service::objects::records;
use crate::service::{EXTENSIONS, HELLO, OFFER, SCHEMA, UNDO};

/// A certificate and its key, as somebody copies them.
type Copied = (String, String);

fn copied(machine: &Machine, name: &str) -> Copied {
    (machine.file(&format!("{name}.crt")), machine.file(&format!("{name}.key")))
}

/// A client that shows this certificate.
fn showing((certificate, key): &Copied, to: &Machine) -> Client {
    let identity = Identity::from_pem(certificate, key).expect("an identity");
    Client::https(&to.address, &to.file("cluster.crt"), Some(&identity)).expect("a client")
}

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}");
}

async fn assert_is_nobody(pair: &Copied, to: &Machine, what: &str) {
    let client = showing(pair, to);
    for path in ["/1.0/certificates", "/1.0/cluster", "/internal/liveness", "/internal/cluster/certificate"] {
        let refused = client.get::<Value>(path).await.expect_err(what);
        assert_eq!(refused.status(), Some(403), "{what}: GET {path}");
    }
    let reset = client.post::<Value>("/internal/cluster/reset", &json!({"id": 1, "held": []})).await.expect_err(what);
    assert_eq!(reset.status(), Some(403), "{what}: reset");
    let own = certificate::of_machine("evil").expect("a certificate").certificate;
    let encoded: String = own.lines().filter(|line| !line.starts_with("-----")).collect();
    let request = hyper::Request::post("/1.0/certificates")
        .header("x-seedbed-on-behalf-of", "unix:0")
        .body(crate::client::body(json!({"type": "client", "certificate": encoded}).to_string().into()));
    let answer = client.exchange(request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status.as_u16(), 403, "{what}: on behalf of root");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_certificate_is_no_members_own_and_opens_nothing() {
    let machines = three().await;
    let shared = copied(&machines[0], "cluster");
    for machine in &machines {
        assert_eq!(copied(machine, "cluster"), shared, "all members share one");
        assert_ne!(machine.file("server.crt"), shared.0, "it is nobody's own");
        assert_is_nobody(&shared, machine, "a copy of the shared certificate").await;
    }
    let encoded: String = shared.0.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = json!({"type": "client", "certificate": encoded});
    let refused = machines[0].client.post::<Value>("/1.0/certificates", &body).await.expect_err("refused");
    assert_eq!(refused.status(), Some(400), "{refused}");
    // Not even when the store has it as trusted.
    let server = machines[0].daemon.server();
    let key = Key::new("certificate", &fingerprint(&shared.0).expect("a fingerprint"));
    let trusted = records::record(key, records::spec_of(&json!({"name": "x", "type": "client"})).expect("a spec"));
    records::submit_as(server, "test".to_owned(), Vec::new(), vec![trusted]).await.expect("stored");
    server.trust.refresh(&server.store());
    assert_is_nobody(&shared, &machines[0], "a copy of the shared certificate in the trust store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_thrown_out_has_no_key_that_opens_anything_or_answers_for_the_cluster() {
    let [first, second, third] = three().await;
    first.wait_online(3).await;
    let (shared, own) = (copied(&third, "cluster"), copied(&third, "server"));
    let name = MemberName::from("node3");
    third.daemon.stop().await;
    first.client.remove_member(&name, Force::Yes).await.expect("removed");
    for machine in [&first, &second] {
        wait_until("the new certificate", async || machine.file("cluster.crt") != shared.0).await;
        assert_ne!(machine.file("cluster.key"), shared.1);
        assert_is_nobody(&shared, machine, "the old shared certificate").await;
        assert_is_nobody(&own, machine, "the own certificate of one that was thrown out").await;
        let old = Client::https(&machine.address, &shared.0, None).expect("a client");
        let wrong = old.server().await.expect_err("answers with another one");
        assert!(matches!(wrong, ClientError::WrongCertificate { .. }), "{wrong}");
    }
    assert_eq!(copied(&first, "cluster"), copied(&second, "cluster"));
    // Nobody was cut off by it: a write through either reaches both.
    first.wait_online(2).await;
    for (machine, profile) in [(&first, "one"), (&second, "two")] {
        machine.client.post::<Value>("/1.0/profiles", &json!({ "name": profile })).await.expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_certificate_is_renewed_or_replaced_without_cutting_anybody_off() {
    let machines = three().await;
    machines[0].wait_online(3).await;
    let given = certificate::of_cluster("given").expect("a pair");
    let own = copied(&machines[2], "server");
    let body =
        |certificate: &str, key: &str| json!({"cluster_certificate": certificate, "cluster_certificate_key": key});
    for (wrong, why) in [
        (body(&own.0, &own.1), "is that of the member node3"),
        (body(&given.certificate, &own.1), "cannot be used"),
        (body(&given.certificate, ""), "cannot be used"),
    ] {
        let refused = machines[1].client.put::<Value>("/1.0/cluster/certificate", &wrong).await.expect_err("refused");
        assert_eq!(refused.status(), Some(400), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
    // Asked of any member, the leader or not.
    for (asked, body) in [(0, json!({})), (1, body(&given.certificate, given.key.reveal())), (2, json!({}))] {
        let before = machines[0].file("cluster.crt");
        let answer: Value =
            machines[asked].client.put("/1.0/cluster/certificate", &body).await.expect("another certificate");
        assert_eq!(answer["late"], json!([]), "all take it at once");
        let shared = machines[asked].file("cluster.crt");
        assert_ne!(shared, before);
        assert_eq!(answer["fingerprint"], json!(fingerprint(&shared).expect("a fingerprint")));
        for machine in &machines {
            assert_eq!(machine.file("cluster.crt"), shared);
            let stranger = Client::https(&machine.address, &shared, None).expect("a client");
            assert_eq!(stranger.server().await.expect("answers with it").auth, "untrusted");
        }
        machines[0].wait_online(3).await;
    }
    let late = Machine::start().await;
    let section = late.join_section("node4", &machines[1], "sekret");
    late.init(late.join_desired(), section).await.expect("a join under the new certificate");
    assert_eq!(late.file("cluster.key"), machines[0].file("cluster.key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_undoes_a_join_has_got_no_key_and_the_token_is_still_good() {
    let [first, joiner] = [Machine::start().await, Machine::start().await];
    first.bootstrap("node1").await;
    let operation: crate::api::Operation =
        first.client.post("/1.0/cluster/members", &json!({"server_name": "node2"})).await.expect("a token");
    let secret = operation.metadata.expect("its parts")["secret"].as_str().expect("a secret").to_owned();
    let client = showing(&copied(&joiner, "server"), &first);
    let request = JoinRequest {
        server_name: "node2".into(),
        address: joiner.address.clone(),
        certificate: joiner.file("server.crt"),
        proof: JoinProof::Token(Secret::new(&secret)),
        desired: Desired::default(),
        architecture: String::new(),
        version: String::new(),
        schema: SCHEMA,
        api_extensions: EXTENSIONS.names.len() as u64,
        extensions_digest: EXTENSIONS.digest.clone(),
        failure_domain: String::new(),
    };
    let body = serde_json::to_vec(&request).expect("JSON");
    // What it wants to join with is not even read before it has shown that it may.
    let unheard = client.post::<Value>(OFFER, &request).await.expect_err("refused");
    assert_eq!(unheard.status(), Some(403), "{unheard}");
    let hello = JoinHello { server_name: "node2".into(), proof: request.proof.clone() };
    client.post::<JoinWelcome>(HELLO, &hello).await.expect("it may");
    let answer = client.send(hyper::Method::POST, OFFER, body.into()).await.expect("an offer");
    assert!(!String::from_utf8_lossy(&answer.body).contains("PRIVATE KEY"), "an offer has no key");
    let offer: JoinOffer = answer.metadata().expect("an offer");
    // Until the join is committed the joiner is nobody: no key, no API, no word to the members.
    assert_is_nobody(&copied(&joiner, "server"), &first, "one that is joining").await;
    let undo = JoinUndo { id: offer.id, server_name: "node2".into() };
    assert_eq!(client.post::<JoinEnd>(UNDO, &undo).await.expect("undone"), JoinEnd::Undone);
    assert_is_nobody(&copied(&joiner, "server"), &first, "one that has undone its join").await;
    client.send(hyper::Method::POST, OFFER, serde_json::to_vec(&request).expect("JSON").into()).await.expect("again");
}
