//! What somebody has seen is what is done: plan files, and the digest of a plan.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::Machine;
use crate::api::{ApplyRequest, PlanRequest, SavePlanRequest};
use crate::client::{Client, ClientError};
use crate::manifest::{self, Options, Source};
use crate::model::Desired;
use crate::plan::{FieldChange, Plan};

fn read(text: &str) -> Desired {
    manifest::load(&[Source::new("test", text)], &Options::default()).desired
}

fn profile(cpus: u32) -> Desired {
    read(&format!("profiles: [{{name: web, config: {{limits.cpu: {cpus}}}}}]"))
}

/// Plans and keeps the plan: its file.
async fn save(client: &Client, name: &str, desired: Desired) -> Value {
    let request = PlanRequest { desired, ..PlanRequest::default() };
    let (name, title) = (Some(name.to_owned()), name.to_owned());
    let request = SavePlanRequest { request, name, title, expires_ms: None };
    client.post("/1.0/seedbed/plans", &request).await.expect("kept")
}

async fn carry_out(client: &Client, name: &str, file: &Value) -> Result<(), ClientError> {
    for what in ["check", "apply"] {
        let path = format!("/1.0/seedbed/plans/{name}/{what}");
        client.send(Method::POST, &path, Bytes::from(file.to_string())).await?;
    }
    Ok(())
}

async fn cpus(client: &Client) -> Value {
    client.get::<Value>("/1.0/profiles/web").await.map_or(Value::Null, |web| web["config"]["limits.cpu"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_file_carries_out_the_plan_that_it_shows_and_no_other() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let seen = save(client, "pa", profile(1)).await;
    save(client, "pb", profile(2)).await;

    let refused = carry_out(client, "pb", &seen).await.expect_err("the file of another plan");
    assert_eq!(refused.status(), Some(409));
    assert!(refused.to_string().contains("the file of the saved plan pa, not of pb"), "{refused}");

    client.delete::<Value>("/1.0/seedbed/plans/pa").await.expect("deleted");
    let other = save(client, "pa", profile(64)).await;
    let refused = carry_out(client, "pa", &seen).await.expect_err("the file of an earlier plan");
    assert_eq!(refused.status(), Some(412));
    assert!(format!("{refused:?}").contains("another plan was saved as pa since"), "{refused:?}");

    // The same plan once more is another record, too.
    client.delete::<Value>("/1.0/seedbed/plans/pa").await.expect("deleted");
    let again = save(client, "pa", profile(64)).await;
    assert_eq!(carry_out(client, "pa", &other).await.expect_err("stale").status(), Some(412));
    let mut forged = again.clone();
    forged["saved"]["uid"] = json!(1);
    let refused = carry_out(client, "pa", &forged).await.expect_err("forged");
    assert!(refused.to_string().contains("was changed after the cluster had signed it"), "{refused}");
    assert_eq!(cpus(client).await, Value::Null, "nothing of all that was done");

    assert_eq!(client.get::<Value>("/1.0/seedbed/plans/pa").await.expect("shown"), again, "one plan has one file");
    carry_out(client, "pa", &again).await.expect("carried out");
    assert_eq!(cpus(client).await, "64");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_for_a_plan_is_what_its_digest_commits() {
    let machine = Machine::start().await;
    let client = &machine.client;
    for round in 0..6 {
        let desired = read(&format!("networks: [{{name: br{round}, type: bridge, config: {{ipv4.address: auto}}}}]"));
        let plan = client.plan::<Plan>(&PlanRequest { desired: desired.clone(), ..PlanRequest::default() }).await;
        let plan = plan.expect("a plan");
        let expect = Some(plan.digest.clone());
        client.apply(&ApplyRequest { desired, expect, ..ApplyRequest::default() }).await.expect("applied");
        let stored: Value = client.get(&format!("/1.0/networks/br{round}")).await.expect("the network");
        let chosen: Vec<&FieldChange> = plan.changes[0].fields.iter().filter(|field| field.computed).collect();
        assert!(!chosen.is_empty(), "{plan:?}");
        for FieldChange { path, after, .. } in chosen {
            let name = path.strip_prefix("config.").expect("a key");
            assert_eq!(stored["config"][name].as_str(), after.as_deref(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_chosen_otherwise_by_now_is_a_stale_plan() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let auto = read("networks: [{name: br0, type: bridge, config: {ipv4.address: auto, ipv6.address: none}}]");
    let request = PlanRequest { desired: auto.clone(), ..PlanRequest::default() };
    let plan: Plan = client.plan(&request).await.expect("a plan");
    let taken = plan.changes[0].fields.iter().find(|field| field.path == "config.ipv4.address");
    let taken = taken.and_then(|field| field.after.clone()).expect("an address");
    let body = json!({"name": "br1", "type": "bridge", "config": {"ipv4.address": taken, "ipv6.address": "none"}});
    client.post::<Value>("/1.0/networks", &body).await.expect("somebody else takes it");
    let request = ApplyRequest { desired: auto, expect: Some(plan.digest), ..ApplyRequest::default() };
    assert_eq!(client.apply(&request).await.expect_err("stale").status(), Some(412));
    assert_eq!(client.get::<Value>("/1.0/networks/br0").await.expect_err("not made").status(), Some(404));
}
