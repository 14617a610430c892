//! Applies that have to be confirmed, with real daemons: whoever leads takes back what nobody confirms.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);
const FIRST: &str = "profiles:\n- name: web\n  config: {limits.cpu: 1}\n";
/// The HTTPS address of the member that reads it moves, too.
const SECOND: &str = "config: {core.https_address: \":8443\"}\nprofiles:\n- name: web\n  config: {limits.cpu: 2}\n";

fn cpus(node: &Node) -> String {
    let web = node.get("/1.0/profiles/web").unwrap_or_default();
    web["config"]["limits.cpu"].as_str().unwrap_or_default().to_owned()
}

/// The address at which a member listens, as the cluster has it.
fn address(node: &Node, member: &str) -> Value {
    let objects = node.get("/1.0/seedbed/objects?key=config/server").unwrap_or_default();
    objects["objects"][0]["placements"][member]["config"]["core.https_address"].clone()
}

fn newest(node: &Node) -> Value {
    node.get("/1.0/seedbed/history").unwrap_or_default()[0].clone()
}

/// What waits to be confirmed.
fn waits(node: &Node) -> bool {
    node.get("/1.0/seedbed/confirm").is_none_or(|state| !state["pending"].is_null())
}

fn wait_taken_back(node: &Node) {
    wait_for("the apply to be taken back", PATIENCE, || newest(node)["why"] == "not confirmed in time");
    wait_for("all of it to be as before", PATIENCE, || cpus(node) == "1");
}

/// A member that was just started may not know a leader yet.
fn wait_unchanged(node: &Node, file: &str) {
    wait_for("the next plan to be empty", PATIENCE, || {
        let plan = node.run(&["plan", file]);
        plan.status.success() && String::from_utf8_lossy(&plan.stdout).contains("nothing to change")
    });
}

/// Two manifests, the first of which is applied.
fn begin(lab: &mut Lab) -> (String, String) {
    lab.form();
    let files = (lab.write("one.yaml", FIRST), lab.write("two.yaml", SECOND));
    lab.nodes[0].run_ok(&["apply", &files.0]);
    files
}

#[test]
fn what_nobody_confirms_is_taken_back_although_the_leader_died() {
    with_three(|lab| {
        let (one, two) = begin(lab);
        let leader = lab.leader();
        let other = (leader + 1) % 3;
        let name = lab.nodes[other].name.clone();
        let before = address(&lab.nodes[other], &name);
        // On a busy machine the time may be over before all of it stands: that it was done is seen by its end.
        lab.nodes[other].run(&["apply", &two, "--confirm", "10s"]);
        lab.nodes[leader].kill9();
        // Where the voters were just changing nobody else can lead until it is back.
        let begun = Instant::now();
        wait_for("another leader to take it back", PATIENCE, || {
            if begun.elapsed() > PATIENCE / 3 && !lab.nodes[leader].is_running() {
                lab.nodes[leader].start();
            }
            newest(&lab.nodes[other])["why"] == "not confirmed in time"
        });
        wait_taken_back(&lab.nodes[other]);
        assert_eq!(newest(&lab.nodes[other])["by"], "cluster");
        assert_eq!(address(&lab.nodes[other], &name), before);
        if !lab.nodes[leader].is_running() {
            lab.nodes[leader].start();
        }
        lab.nodes[leader].wait_ready();
        for node in &lab.nodes {
            wait_for("every member to have it as before", PATIENCE, || cpus(node) == "1");
            wait_unchanged(node, &one);
        }
        let audit = lab.nodes[other].run_ok(&["audit", "list", "--format", "csv"]);
        assert!(audit.contains("cluster: not confirmed in time"), "{audit}");
    });
}

#[test]
fn a_deadline_that_passes_while_all_are_down_is_kept_when_they_are_back() {
    with_three(|lab| {
        let (one, two) = begin(lab);
        lab.nodes[1].run(&["apply", &two, "--confirm", "3s"]);
        for node in &mut lab.nodes {
            node.kill9();
        }
        lab.start_all();
        for node in &lab.nodes {
            wait_taken_back(node);
        }
        wait_unchanged(&lab.nodes[2], &one);
    });
}

#[test]
fn what_is_confirmed_on_any_member_stays_and_frees_the_way() {
    with_three(|lab| {
        let (one, two) = begin(lab);
        lab.nodes[0].run_ok(&["apply", &two, "--confirm", "1h"]);
        wait_for("every member to know", PATIENCE, || lab.nodes.iter().all(waits));
        let refused = lab.nodes[2].run_exit(&["apply", &one], 5);
        assert!(refused.contains("waits to be confirmed until"), "{refused}");
        let other = (lab.leader() + 1) % 3;
        // An election may be under way: the answer may be lost, and the confirmation is not.
        wait_for("the confirmation", PATIENCE, || {
            lab.nodes[other].run(&["confirm"]).status.success() || !waits(&lab.nodes[other])
        });
        assert_eq!(cpus(&lab.nodes[other]), "2");
        wait_for("the next apply", PATIENCE, || lab.nodes[2].run(&["apply", &one]).status.success());
        wait_for("the next apply to be everywhere", PATIENCE, || lab.nodes.iter().all(|node| cpus(node) == "1"));
    });
}
