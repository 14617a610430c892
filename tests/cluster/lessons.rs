//! What users of such tools have asked for, where it takes real daemons to show it; `tests/lessons.rs` has the list.

use std::time::Duration;

use crate::lab::{Node, wait_for, with, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn phase_on(node: &Node, network: &str, member: &str) -> String {
    let path = format!("/1.0/networks/{network}?target={member}");
    node.get(&path).unwrap_or_default()["status"].as_str().unwrap_or_default().to_owned()
}

/// The number that the kernel gave a link: one that was made anew has another.
fn link_number(node: &Node, name: &str) -> String {
    node.shell(&format!("ip -o link show dev {name} | cut -d: -f1")).trim().to_owned()
}

#[test]
fn a_saved_plan_holds_no_secret_and_only_what_it_touches_makes_it_stale() {
    with(&["10.93.0.1"], |lab| {
        lab.start_all();
        let node = &lab.nodes[0];
        let first = lab.write("first.yaml", "profiles:\n- name: web\n  config: {limits.cpu: 1}\n");
        node.run_ok(&["apply", &first]);
        let text = "config: {core.trust_password: open-sesame-7}\nprofiles:\n- name: web\n  config: {limits.cpu: 2}\n";
        let second = lab.write("second.yaml", text);
        let plan = lab.dir.path().join("second.plan").to_string_lossy().into_owned();
        let shown = node.run_exit(&["plan", &second, "--out", &plan], 2);
        let kept = std::fs::read_to_string(&plan).expect("a plan");
        let stored = node.get("/1.0/seedbed/objects").unwrap_or_default().to_string();
        let listed = node.run_ok(&["get", "plans", "--format", "json"]);
        for text in [&shown, &kept, &stored, &listed] {
            assert!(!text.contains("open-sesame-7") && !text.contains("$argon2"), "{text}");
        }
        // What it does not touch may change meanwhile.
        node.run_ok(&["profile", "create", "other"]);
        node.run_ok(&["apply", &plan]);
        node.run_exit(&["apply", &plan], 5);

        let third = lab.write("third.yaml", "profiles:\n- name: web\n  config: {limits.cpu: 3}\n");
        node.run_exit(&["plan", &third, "--out", &plan], 2);
        node.run_ok(&["profile", "set", "web", "user.note=mine"]);
        let stale = node.run_exit(&["apply", &plan], 7);
        assert!(stale.contains("profile/web was at generation"), "{stale}");
    });
}

#[test]
fn a_network_that_fails_on_one_member_is_mended_there_and_nowhere_else() {
    with_three(|lab| {
        lab.form();
        let text = "networks:\n- name: sbl7\n  type: bridge\n  config: {ipv4.address: none, ipv6.address: none}\n  members:\n    node2: {bridge.external_interfaces: sbx7}\n";
        let file = lab.write("net.yaml", text);
        lab.nodes[1].shell("ip link add sbx7 type bridge");
        lab.nodes[0].run(&["apply", &file]);
        lab.nodes[0].wait_status("/1.0/networks/sbl7", "Errored");
        for member in ["node1", "node3"] {
            wait_for(&format!("the network on {member}"), PATIENCE, || {
                phase_on(&lab.nodes[0], "sbl7", member) == "Created"
            });
        }
        assert_eq!(phase_on(&lab.nodes[0], "sbl7", "node2"), "Errored");
        let told = lab.nodes[0].run_exit(&["status", "network/sbl7"], 4);
        assert!(told.contains("on node2") && told.contains("sbx7"), "{told}");
        let before = link_number(&lab.nodes[0], "sbl7");

        let made = lab.nodes[1].shell("ip link del sbx7 && ip link add sbx7 type veth peer name sbx8");
        assert_eq!(made, "", "the interface was not made");
        lab.nodes[0].wait_status("/1.0/networks/sbl7", "Created");
        assert_eq!(link_number(&lab.nodes[0], "sbl7"), before, "a member that was well was touched");
        lab.nodes[2].run_ok(&["apply", &file]);
        assert_eq!(link_number(&lab.nodes[0], "sbl7"), before, "a member that was well was touched");
    });
}

#[test]
fn the_two_steps_work_on_one_member_too() {
    with(&["10.93.0.1"], |lab| {
        lab.form();
        let node = &lab.nodes[0];
        node.run_ok(&["storage", "create", "--target", "node1", "data", "dir"]);
        assert_eq!(node.get("/1.0/storage-pools/data").unwrap_or_default()["status"], "Pending");
        node.run_ok(&["storage", "create", "data", "dir"]);
        assert_eq!(node.get("/1.0/storage-pools/data").unwrap_or_default()["status"], "Created");
        node.run_ok(&["storage", "create", "more", "dir"]);
        assert_eq!(node.get("/1.0/storage-pools/more").unwrap_or_default()["status"], "Created");
    });
}
