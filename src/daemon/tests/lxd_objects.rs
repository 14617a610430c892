//! LXD's API of single kinds: names, choices and restrictions, compared with LXD 5.0.2.

use hyper::Method;
use serde_json::{Value, json};

use super::Machine;
use super::lxd_api::status;

#[tokio::test(flavor = "multi_thread")]
async fn profiles_projects_and_networks_get_other_names() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let network = json!({"name": "br7", "config": {"ipv4.address": "10.7.7.1/24", "ipv6.address": "none"}});
    for (path, body) in
        [("profiles", json!({"name": "web", "config": {"limits.cpu": "2"}})), ("projects", json!({"name": "shop"}))]
    {
        client.post::<Value>(&format!("/1.0/{path}"), &body).await.expect("created");
    }
    client.post::<Value>("/1.0/networks", &network).await.expect("created");
    for (path, name, expected) in [
        ("profiles/web", "www", 201),
        ("profiles/www", "default", 409),
        ("profiles/www", "a/b", 400),
        ("profiles/www", "", 400),
        ("profiles/default", "x", 403),
        ("profiles/nope", "x", 404),
        ("projects/default", "x", 403),
        ("projects/shop", "store", 202),
        ("networks/br7", "br8", 201),
        ("networks/nope", "br9", 404),
    ] {
        let (code, text) = status(client, Method::POST, &format!("/1.0/{path}"), json!({"name": name})).await;
        assert_eq!(code, expected, "{path} as {name:?}: {text}");
    }
    let shown: Value = client.get("/1.0/profiles/www").await.expect("shown");
    assert_eq!(shown["config"], json!({"limits.cpu": "2"}));
    let used: Value = client.get("/1.0/projects/store").await.expect("shown");
    assert_eq!(used["used_by"], json!(["/1.0/profiles/default?project=store"]));
    let shown: Value = client.get("/1.0/networks/br8").await.expect("shown");
    assert_eq!((&shown["status"], &shown["config"]["ipv4.address"]), (&json!("Created"), &json!("10.7.7.1/24")));
    for gone in ["profiles/web", "projects/shop", "networks/br7"] {
        assert_eq!(status(client, Method::GET, &format!("/1.0/{gone}"), Value::Null).await.0, 404, "{gone}");
    }
    client.post::<Value>("/1.0/profiles?project=store", &json!({"name": "one"})).await.expect("created");
    let (code, text) = status(client, Method::POST, "/1.0/projects/store", json!({"name": "mall"})).await;
    assert_eq!((code, text.contains("Only empty projects")), (400, true), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_left_to_the_system_is_chosen_at_a_change_too() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let network = json!({"name": "br7", "config": {"ipv4.address": "none", "ipv6.address": "none"}});
    client.post::<Value>("/1.0/networks", &network).await.expect("created");
    let auto = json!({"config": {"ipv4.address": "auto", "ipv6.address": "none"}});
    client.put::<Value>("/1.0/networks/br7", &auto).await.expect("changed");
    let address = || async {
        let shown: Value = client.get("/1.0/networks/br7").await.expect("shown");
        shown["config"]["ipv4.address"].as_str().unwrap_or_default().to_owned()
    };
    let chosen = address().await;
    assert!(chosen.starts_with("10.") && chosen.ends_with(".1/24"), "{chosen}");
    client.put::<Value>("/1.0/networks/br7", &auto).await.expect("changed");
    assert_eq!(address().await, chosen, "what was chosen stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_project_is_one() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let project = json!({"name": "shop", "config": {"restricted": "true"}});
    client.post::<Value>("/1.0/projects", &project).await.expect("created");
    let raw = json!({"config": {"raw.lxc": "lxc.cap.drop = "}});
    let path = "/1.0/profiles/default?project=shop";
    let (code, text) = status(client, Method::PUT, path, raw.clone()).await;
    assert_eq!((code, text.contains("raw.lxc")), (400, true), "{text}");
    let nested = json!({"name": "nested", "config": {"security.nesting": "true"}});
    assert_eq!(status(client, Method::POST, "/1.0/profiles?project=shop", nested.clone()).await.0, 400);
    let open = json!({"config": {"restricted": "false"}});
    assert_eq!(status(client, Method::PATCH, "/1.0/projects/shop", open).await.0, 200);
    assert_eq!(status(client, Method::POST, "/1.0/profiles?project=shop", nested).await.0, 201);
    let (code, text) =
        status(client, Method::PATCH, "/1.0/projects/shop", json!({"config": {"restricted": "true"}})).await;
    assert_eq!((code, text.contains("profile/shop/nested")), (400, true), "{text}");
    let allow = json!({"config": {"restricted": "true", "restricted.containers.nesting": "allow"}});
    assert_eq!(status(client, Method::PATCH, "/1.0/projects/shop", allow).await.0, 200);
    assert_eq!(status(client, Method::PUT, path, raw).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_that_nobody_manages_are_listed_beside_networks() {
    let machine = Machine::start().await;
    let links = machine.daemon.server().host.network.links().await.expect("links");
    let network = json!({"name": "br7", "config": {"ipv4.address": "none", "ipv6.address": "none"}});
    machine.client.post::<Value>("/1.0/networks", &network).await.expect("created");
    let all: Vec<Value> = machine.client.get("/1.0/networks?recursion=1").await.expect("networks");
    let managed = all.iter().filter(|network| network["managed"] == true).count();
    assert_eq!((managed, all.len()), (1, 1 + links.len()));
    for link in links {
        let shown: Value = machine.client.get(&format!("/1.0/networks/{}", link.name)).await.expect("shown");
        assert_eq!((&shown["managed"], &shown["type"]), (&json!(false), &json!(link.kind)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_called_as_it_says_until_somebody_renames_it() {
    let machine = Machine::start().await;
    let client = &machine.client;
    let made = rcgen::generate_simple_self_signed(vec!["host".to_owned()]).expect("a certificate");
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
    client.post::<Value>("/1.0/certificates", &json!({"type": "client", "certificate": der})).await.expect("added");
    let all: Vec<Value> = client.get("/1.0/certificates?recursion=1").await.expect("certificates");
    assert_eq!(all[0]["name"], "rcgen self signed cert");
    let path = format!("/1.0/certificates/{}", all[0]["fingerprint"].as_str().expect("a fingerprint"));
    for (method, body, code, name) in [
        (Method::PUT, json!({"name": "bob", "type": "client"}), 200, "bob"),
        (Method::PATCH, json!({}), 200, "bob"),
        (Method::PUT, json!({"name": "al", "type": "server"}), 403, "bob"),
        (Method::PUT, json!({"name": "al", "restricted": true}), 501, "bob"),
        (Method::PUT, json!({"type": "client"}), 200, ""),
    ] {
        let (found, text) = status(client, method.clone(), &path, body.clone()).await;
        assert_eq!(found, code, "{method} {body}: {text}");
        assert_eq!(client.get::<Value>(&path).await.expect("shown")["name"], name, "{method} {body}");
    }
}
