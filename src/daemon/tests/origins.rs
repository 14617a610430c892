//! From where a write came, as the audit log has it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::three;
use crate::client::{Client, Identity, fingerprint};
use crate::daemon::certificate;

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_client_is_in_the_audit_log_whichever_member_it_asks() {
    let machines = three().await;
    let pair = certificate::of_machine("operator").expect("a certificate");
    let encoded: String = pair.certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    let trusted = json!({"type": "client", "name": "operator", "certificate": encoded});
    machines[0].client.post::<Value>("/1.0/certificates", &trusted).await.expect("trusted");
    let identity = Identity::from_pem(&pair.certificate, pair.key.reveal()).expect("an identity");
    let who = fingerprint(&pair.certificate).expect("a fingerprint");
    for (number, machine) in machines.iter().enumerate() {
        // What was trusted through another member has come here too.
        machine.daemon.server().store().barrier().await.expect("a leader");
        let pinned = machine.file("cluster.crt");
        let client = Client::https(&machine.address, &pinned, Some(&identity)).expect("a client");
        let body = json!({ "yaml": format!("profiles:\n- name: applied{number}\n") });
        client.post::<Value>("/1.0/seedbed/apply", &body).await.expect("applied");
        client.post::<Value>("/1.0/profiles", &json!({"name": format!("made{number}")})).await.expect("made");
        for name in ["applied", "made"] {
            let path = format!("/1.0/seedbed/audit?object=profile/{name}{number}");
            machine.daemon.server().store().barrier().await.expect("a leader");
            let entries: Value = machine.client.get(&path).await.expect("entries");
            let address: Option<SocketAddr> = entries[0]["address"].as_str().and_then(|text| text.parse().ok());
            assert!(address.is_some_and(|it| it.ip().is_loopback() && it.port() != 8443), "{entries}");
            assert_eq!(entries[0]["by"], json!(who), "{entries}");
        }
    }
    // Who asks over the unix socket has no address.
    machines[0].client.post::<Value>("/1.0/profiles", &json!({"name": "local"})).await.expect("made");
    let entries: Value = machines[0].client.get("/1.0/seedbed/audit?object=profile/local").await.expect("entries");
    assert!(entries[0]["address"].is_null() && entries[0]["by"].as_str().is_some_and(|by| by.starts_with("unix:")));
}
