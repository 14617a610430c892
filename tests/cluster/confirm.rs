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

/// The address of the second member on a bridge of all: the others look for it on themselves then.
fn cutting(lab: &Lab, second: usize) -> String {
    let address = &lab.nodes[second].address;
    format!(
        "networks:\n- {{name: br4, type: bridge, config: {{ipv4.address: {address}/24, ipv4.dhcp: 'false', ipv4.nat: 'false', ipv6.address: none}}}}\n"
    )
}

#[test]
fn what_cuts_a_member_off_is_told_before_and_taken_back_without_it() {
    with_three(|lab| {
        lab.form();
        let second = (lab.leader() + 1) % 3;
        let (name, asked) = (lab.nodes[second].name.clone(), (second + 1) % 3);
        let file = lab.write("cut.yaml", &cutting(lab, second));
        let plan = lab.nodes[asked].run_exit(&["plan", &file], 2);
        let address = lab.nodes[second].address.clone();
        assert!(
            plan.contains(&format!("! {address} is the address at which {name} is reached: {name} would be cut off")),
            "{plan}"
        );
        assert!(plan.contains("apply --confirm 60s takes it back by itself"), "{plan}");
        lab.nodes[asked].run(&["apply", &file, "--confirm", "6s"]);
        wait_for("the apply to be taken back", PATIENCE, || {
            newest(&lab.nodes[asked])["why"] == "not confirmed in time"
        });
        let has_bridge = |node: &Node| node.shell("ip -o link show br4 2>&1").contains("mtu");
        wait_for("the bridge to be gone everywhere", PATIENCE, || !lab.nodes.iter().any(has_bridge));
        lab.nodes[asked].wait_members(3, "Online");
        wait_for("nothing to be left", PATIENCE, || {
            let state = lab.nodes[second].get("/1.0/seedbed/confirm").unwrap_or_default();
            state["pending"].is_null()
                && state["left"].is_null()
                && lab.nodes[second].get("/1.0/networks/br4").is_none()
        });
    });
}

#[test]
fn a_clock_that_is_wrong_makes_no_deadline_longer_or_shorter() {
    if std::process::Command::new("faketime").arg("--version").output().is_err() {
        crate::skip::skip("a wrong clock needs the package faketime");
        return;
    }
    with_three(|lab| {
        let (one, two) = begin(lab);
        lab.nodes.iter_mut().for_each(Node::kill9);
        lab.nodes[0].start_skewed("+2h");
        lab.nodes[1].start();
        lab.nodes[2].start();
        lab.nodes.iter().for_each(Node::wait_ready);
        lab.nodes[0].wait_members(3, "Online");
        // Whoever leads: one of these applies is stamped by another clock than the one that judges.
        for asked in [0, 1] {
            let begun = Instant::now();
            lab.nodes[asked].run(&["apply", &two, "--confirm", "15s", "--timeout", "1s"]);
            assert!(waits(&lab.nodes[2]) || begun.elapsed() > Duration::from_secs(14), "taken back at once");
            let other = 1 - asked;
            wait_for("the apply to be taken back", PATIENCE, || !waits(&lab.nodes[other]));
            let took = begun.elapsed();
            assert!(took >= Duration::from_secs(14), "too early, after {took:?}");
            assert!(took < Duration::from_secs(75), "too late, after {took:?}");
            wait_unchanged(&lab.nodes[other], &one);
        }
        // A hold, too, is as long as it is asked for.
        lab.nodes[1].run_ok(&["hold", "profile/web", "--for", "1h", "--reason", "test"]);
        for node in &lab.nodes {
            let held = node.run_ok(&["hold", "list", "--format", "json"]);
            assert!(held.contains("\"ended\": false"), "{}: {held}", node.name);
        }
    });
}

#[test]
fn what_happens_meanwhile_leaves_the_countdown_as_it_was() {
    with_three(|lab| {
        let (one, two) = begin(lab);
        let bad = lab.write("bad.yaml", "profiles:\n- {name: web, config: {limits.cpu: [}}\n");
        let begun = Instant::now();
        lab.nodes[0].run(&["apply", &two, "--confirm", "20s", "--timeout", "1s"]);
        let until = || lab.nodes[1].get("/1.0/seedbed/confirm").unwrap_or_default()["pending"]["until"].clone();
        let first = until();
        assert!(first.is_string(), "{first}");
        lab.nodes[1].run(&["plan", &one]);
        lab.nodes[1].run(&["validate", &one]);
        lab.nodes[1].run(&["apply", &bad]);
        lab.nodes[1].run_exit(&["apply", &one], 5);
        assert_eq!(until(), first);
        let leader = lab.leader();
        lab.nodes[leader].kill9();
        let other = (leader + 1) % 3;
        wait_for("another leader to take it back", PATIENCE, || {
            newest(&lab.nodes[other])["why"] == "not confirmed in time"
        });
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(19), "too early, after {took:?}");
        assert!(took < Duration::from_secs(60), "too late, after {took:?}");
    });
}
