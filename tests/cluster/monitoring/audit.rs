//! The audit log with real daemons: who did what, and that nobody changes it unseen.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::lab::{Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn list(node: &Node, object: &str) -> Vec<Value> {
    let path = format!("/1.0/seedbed/audit?object={object}");
    node.get(&path).and_then(|list| list.as_array().cloned()).unwrap_or_default()
}

#[test]
fn every_member_keeps_the_same_chain_and_names_the_entry_that_was_tampered_with() {
    with_three(|lab| {
        lab.form();
        let file = lab.write("web.yaml", "profiles:\n- name: web\n  config: {limits.cpu: 1}\n");
        let follower = (lab.leader() + 1) % 3;
        lab.nodes[follower].run_ok(&["apply", &file]);
        lab.nodes[follower].run_ok(&["profile", "set", "web", "user.secret=sekret"]);
        let site = lab.dir.path().join("site");
        fs::create_dir(&site).expect("a directory");
        fs::write(site.join("a.yaml"), "profiles:\n- name: web\n  config: {limits.cpu: 3}\n").expect("a file");
        lab.nodes[follower].run_ok(&["source", "add", "site", "--path", &site.to_string_lossy()]);
        wait_for("the source's entry", PATIENCE, || list(&lab.nodes[0], "profile/web").len() == 3);

        let entries = list(&lab.nodes[0], "profile/web");
        let who: Vec<&Value> = entries.iter().map(|entry| &entry["by"]).collect();
        assert_eq!(who, ["source:site", "unix:0", "unix:0"], "{entries:?}");
        assert_eq!(entries[0]["source"], "site");
        assert!(entries[0]["revision"].is_u64() && entries[0]["source_revision"].is_string(), "{entries:?}");
        let what: Vec<&Value> = entries.iter().map(|entry| &entry["what"][0]["did"]).collect();
        assert_eq!(what, ["change", "change", "create"]);
        assert_eq!(entries[1]["what"][0]["names"], serde_json::json!(["config.user.secret"]));
        assert!(!serde_json::to_string(&entries).expect("JSON").contains("sekret"), "a value is in the audit log");

        // A member that was killed and one that was not keep the same.
        let other = (follower + 1) % 3;
        lab.nodes[other].kill9();
        assert!(lab.nodes[follower].run_exit(&["audit", "verify"], 4).contains("unknown"));
        lab.nodes[other].start();
        lab.nodes[other].wait_ready();
        lab.nodes[0].wait_members(3, "Online");
        wait_for("all to tell the same", PATIENCE, || lab.nodes[0].run(&["audit", "verify"]).status.success());

        let revision = entries[1]["revision"].as_u64().expect("a revision");
        let database = lab.nodes[other].state_dir.join("database/state.db");
        let sql = format!("UPDATE entries SET audit = replace(audit, 'unix:0', 'unix:9') WHERE idx = {revision}");
        let changed = Connection::open(database).and_then(|file| file.execute(&sql, []));
        assert_eq!(changed.expect("it is a database"), 1);
        let told = lab.nodes[follower].run_exit(&["audit", "verify"], 1);
        let line = format!("the audit log of {} is broken at revision {revision}", lab.nodes[other].name);
        assert!(told.contains(&line), "{told}");
    });
}
