//! What plans leave behind, with real daemons: the way back is open on every member, whoever leads.

use std::time::Duration;

use serde_json::Value;

use crate::lab::{Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(60);

fn profile(cpus: u32) -> String {
    format!("profiles:\n- name: web\n  config: {{limits.cpu: {cpus}}}\n")
}

fn cpus(node: &Node) -> String {
    let web = node.get("/1.0/profiles/web").unwrap_or_default();
    web["config"]["limits.cpu"].as_str().unwrap_or_default().to_owned()
}

/// The revisions of the remembered applies, the newest first.
fn revisions(node: &Node) -> Vec<u64> {
    let history: Vec<Value> = serde_json::from_str(&node.run_ok(&["history", "--format", "json"])).expect("a list");
    history.iter().map(|apply| apply["revision"].as_u64().expect("a revision")).collect()
}

#[test]
fn the_way_back_is_open_on_another_member_after_the_leader_was_killed() {
    with_three(|lab| {
        lab.form();
        let one = lab.write("one.yaml", &profile(1));
        let two = lab.write("two.yaml", &(profile(2) + "storage_pools:\n- {name: extra, driver: dir}\n"));
        lab.nodes[0].run_ok(&["apply", &one]);
        lab.nodes[1].run_ok(&["apply", &two]);
        let leader = lab.leader();
        lab.nodes[leader].kill9();
        let other = (leader + 1) % 3;
        lab.leader();
        wait_for("both applies to be known", PATIENCE, || revisions(&lab.nodes[other]).len() == 2);
        let made = revisions(&lab.nodes[other]);
        assert_eq!(cpus(&lab.nodes[other]), "2");
        let away = lab.nodes[leader].name.clone();
        wait_for(&format!("{away} to be missed"), PATIENCE, || {
            let objects = lab.nodes[other].get("/1.0/seedbed/objects").unwrap_or_default();
            objects["liveness"][away.as_str()]["reachable"] == false
        });
        // The pool stands on the member that is away, too: it goes there when that is back.
        let back = made[1].to_string();
        lab.nodes[other].run_exit(&["apply", "--revision", &back], 4);
        assert_eq!(cpus(&lab.nodes[other]), "1");
        assert!(!lab.nodes[other].state_dir.join("storage-pools/extra").exists(), "nobody waits for the other one");

        lab.nodes[leader].start();
        lab.nodes[leader].wait_ready();
        wait_for("the last member to let go", PATIENCE, || lab.nodes[other].get("/1.0/storage-pools/extra").is_none());
        let after = revisions(&lab.nodes[other]);
        assert_eq!(after[1..], made, "the way back is remembered too");
        lab.nodes[other].run_ok(&["apply", "--revision", &back]);
        lab.nodes[other].run_ok(&["apply", &one]);
        assert_eq!(revisions(&lab.nodes[other]), after, "an apply that changes nothing is not remembered");
    });
}

#[test]
fn a_saved_plan_is_carried_out_once_and_exactly_on_whichever_member() {
    with_three(|lab| {
        lab.form();
        let one = lab.write("one.yaml", &profile(1));
        let two = lab.write("two.yaml", &(profile(2) + "networks:\n- {name: br7, type: bridge}\n"));
        lab.nodes[0].run_ok(&["apply", &one]);
        let file = lab.dir.path().join("two.plan").to_string_lossy().into_owned();
        lab.nodes[0].run_exit(&["plan", &two, "--out", &file], 2);
        let shown: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("a plan");
        let leader = lab.leader();
        lab.nodes[leader].kill9();
        let other = (leader + 1) % 3;
        lab.leader();
        wait_for("a member to be missed", PATIENCE, || {
            let objects = lab.nodes[other].get("/1.0/seedbed/objects").unwrap_or_default();
            objects["liveness"][format!("node{}", leader + 1)]["reachable"] == false
        });
        let stale = lab.nodes[other].run_exit(&["apply", &file], 7);
        assert!(stale.contains("answered when the plan was made and does not now"), "{stale}");
        lab.nodes[leader].start();
        lab.nodes[leader].wait_ready();
        wait_for("the plan to be good again", PATIENCE, || lab.nodes[other].run(&["apply", &file]).status.success());
        assert_eq!(cpus(&lab.nodes[other]), "2");
        // What was chosen when the plan was made is what is there now.
        let fields = shown["changes"][0]["fields"].as_array().expect("fields");
        let chosen = fields.iter().find(|field| field["path"] == "config.ipv4.address").expect("an address");
        let network = lab.nodes[other].get("/1.0/networks/br7").expect("the network");
        assert_eq!(network["config"]["ipv4.address"], chosen["after"]);
        for node in &lab.nodes {
            let refused = node.run_exit(&["apply", &file], 5);
            assert!(refused.contains("was used already"), "{refused}");
        }
    });
}
