//! Holds with real daemons: what is held is left as it is found.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn placement(node: &Node, key: &str, member: &str) -> Value {
    let path = format!("/1.0/seedbed/objects?key={key}");
    let objects = node.get(&path).unwrap_or_default();
    let found =
        objects["objects"].as_array().and_then(|list| list.iter().find(|it| it["key"]["kind"] != "member").cloned());
    found.map(|object| object["placements"][member].clone()).unwrap_or_default()
}

fn restart(node: &mut Node) {
    node.kill9();
    node.start();
    node.wait_ready();
}

#[test]
fn a_held_object_is_not_healed_and_says_so_until_it_is_released() {
    with_three(|lab| {
        lab.form();
        let file = lab.write("site.yaml", "storage_pools:\n- {name: data, driver: dir}\n");
        lab.nodes[0].run_ok(&["apply", &file]);
        let hold = ["hold", "storage-pool/data", "--for", "4h", "--reason", "a disk is swapped"];
        lab.nodes[1].run_ok(&hold);
        lab.nodes[1].run_exit(&hold, 5);
        assert!(lab.nodes[2].run_ok(&["hold", "list"]).contains("a disk is swapped"));
        // The member that is to leave it alone has heard of the hold before it looks.
        wait_for("the hold on node3", PATIENCE, || {
            lab.nodes[2].get("/1.0/holds").is_some_and(|list| list.as_array().is_some_and(|list| list.len() == 1))
        });

        let furniture = lab.nodes[2].state_dir.join("storage-pools/data/containers");
        lab.nodes[2].kill9();
        fs::remove_dir(&furniture).expect("it was there");
        restart(&mut lab.nodes[2]);
        wait_for("the drift to be told", PATIENCE, || {
            placement(&lab.nodes[0], "storage-pool/data", "node3")["condition"]["state"] == "drifted"
        });
        assert_eq!(placement(&lab.nodes[0], "storage-pool/data", "node3")["condition"]["reason"], "Held");
        assert!(!furniture.exists(), "it was put right while it was held");

        lab.nodes[0].run_ok(&["hold", "release", "storage-pool/data"]);
        wait_for("the end of the hold on node3", PATIENCE, || {
            lab.nodes[2].get("/1.0/holds").is_some_and(|list| list.as_array().is_some_and(Vec::is_empty))
        });
        restart(&mut lab.nodes[2]);
        wait_for("the pool to be put right", PATIENCE, || {
            placement(&lab.nodes[0], "storage-pool/data", "node3")["condition"]["reason"] == "Restored"
        });
        assert!(furniture.exists());
        let log = lab.nodes[0].run_ok(&["audit", "list", "--object", "storage-pool/data"]);
        assert!(
            log.contains("drifted storage-pool/data on node3") && log.contains("healed storage-pool/data on node3"),
            "{log}"
        );
    });
}

#[test]
fn a_source_leaves_what_is_held_and_goes_on_when_the_hold_ends() {
    with_three(|lab| {
        lab.form();
        let site = lab.dir.path().join("site");
        fs::create_dir(&site).expect("a directory");
        let set = |cpus: u32| format!("profiles:\n- name: web\n  config: {{limits.cpu: {cpus}}}\n");
        fs::write(site.join("a.yaml"), set(1)).expect("a file");
        let path = site.to_string_lossy().into_owned();
        lab.nodes[0].run_ok(&["source", "add", "site", "--path", &path, "--heal", "off", "--interval", "1s"]);
        let cpus = |node: &Node| node.get("/1.0/profiles/web").unwrap_or_default()["config"]["limits.cpu"].clone();
        wait_for("the profile", PATIENCE, || cpus(&lab.nodes[2]) == "1");
        let objects = lab.nodes[0].get("/1.0/seedbed/objects?key=profile/web").unwrap_or_default().to_string();
        assert!(objects.contains(r#""heal":"off""#), "{objects}");

        lab.nodes[1].run_ok(&["hold", "profile/web", "--for", "4h", "--reason", "tried out"]);
        fs::write(site.join("a.yaml"), set(2)).expect("a file");
        wait_for("the source to say that it waits", PATIENCE, || {
            let status = lab.nodes[0].get("/1.0/sources/site/status").unwrap_or_default();
            status["message"].as_str().is_some_and(|message| message.contains("1 held"))
        });
        assert_eq!(cpus(&lab.nodes[0]), "1");
        let plan = lab.nodes[0].run_ok(&["plan", &path, "--source", "site"]);
        assert!(plan.contains("! profile/web is held (tried out)"), "{plan}");
        lab.nodes[1].run_ok(&["hold", "release", "profile/web"]);
        wait_for("the set to come into force", PATIENCE, || cpus(&lab.nodes[2]) == "2");
    });
}
