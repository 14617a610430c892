//! Drift with real daemons: what other clients and what hands on a host have changed.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn drift(node: &Node, arguments: &[&str]) -> (Option<i32>, Value) {
    let out = node.run(&[&["drift", "--format", "json"], arguments].concat());
    (out.status.code(), serde_json::from_slice(&out.stdout).unwrap_or_default())
}

fn wait_exit(node: &Node, arguments: &[&str], code: i32) -> Value {
    let mut report = Value::Null;
    wait_for(&format!("drift to exit with {code}"), PATIENCE, || {
        let (found, value) = drift(node, arguments);
        report = value;
        found == Some(code)
    });
    report
}

#[test]
fn drift_is_told_with_who_and_since_when_and_nothing_is_changed_by_looking() {
    with_three(|lab| {
        lab.form();
        let text = "storage_pools:\n- {name: data, driver: dir}\nprofiles:\n- name: web\n  config: {limits.cpu: 1}\n";
        let file = lab.write("site.yaml", text);
        lab.nodes[0].run_ok(&["apply", &file]);
        wait_exit(&lab.nodes[1], &[], 0);

        // Another client edits what a manifest declared; what no manifest declared is nobody's drift.
        lab.nodes[2].run_ok(&["profile", "set", "web", "limits.cpu=8"]);
        lab.nodes[2].run_ok(&["profile", "set", "web", "user.note=mine"]);
        let before = lab.nodes[0].settled_entries();
        let report = wait_exit(&lab.nodes[1], &[], 2);
        let items = report["drift"].as_array().expect("a list");
        assert_eq!(items.len(), 1, "{report}");
        assert_eq!(items[0]["field"], "config.limits.cpu");
        assert_eq!((&items[0]["declared"], &items[0]["found"]), (&"1".into(), &"8".into()));
        assert_eq!(items[0]["by"], "unix:0");
        assert!(items[0]["since"].is_i64() && items[0]["revision"].is_u64(), "{report}");
        lab.nodes[0].assert_not_written(before, "looking");

        let known = lab.write("known", "profile/web config.limits.cpu a test\nprofile/other *\n");
        let told = lab.nodes[1].run_exit(&["drift", "--expect", &known], 0);
        assert!(told.contains("expected: a test") && told.contains("line 2: profile/other *"), "{told}");

        // Hands on a host. The member may be faster than the look, and then it is done again.
        let furniture = lab.nodes[2].state_dir.join("storage-pools/data/containers");
        let mut report = Value::Null;
        wait_for("the host's drift", PATIENCE, || {
            let _ = fs::remove_dir(&furniture);
            report = drift(&lab.nodes[1], &["--expect", &known]).1;
            report["drift"].as_array().is_some_and(|items| items.iter().any(|it| it["field"] == "host@node3"))
        });
        // It is healed when the member looks at everything again, and that is in the audit log.
        let healed = |lab: &crate::lab::Lab| {
            let log = lab.nodes[0].get("/1.0/seedbed/audit?object=storage-pool/data").unwrap_or_default();
            log.to_string().contains("\"did\":\"healed\"")
        };
        if furniture.exists() {
            assert!(healed(lab), "healed without an entry");
        } else {
            lab.nodes[2].kill9();
            lab.nodes[2].start();
            lab.nodes[2].wait_ready();
        }
        wait_for("the heal in the audit log", PATIENCE, || healed(lab));
        assert!(furniture.exists());

        // A declared object that somebody removed, and one that was never applied.
        lab.nodes[0].run_ok(&["profile", "delete", "web"]);
        let more = lab.write("more.yaml", "profiles:\n- name: web\n- name: new\n");
        let report = wait_exit(&lab.nodes[1], &[&more], 2);
        assert_eq!(report["drift"][0]["field"], "object", "{report}");
        assert_eq!(report["pending"][0]["key"]["name"], "new", "{report}");

        lab.nodes[2].kill9();
        let report = wait_exit(&lab.nodes[0], &[], 4);
        assert_eq!(report["unknown"][0]["member"], "node3", "{report}");
    });
}
