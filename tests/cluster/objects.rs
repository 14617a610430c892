//! Objects by hand, with real daemons: one step creates on all members, and a removal asks all of them first.

use std::time::Duration;

use serde_json::json;

use crate::lab::{Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn has_link(node: &Node, name: &str) -> bool {
    node.shell(&format!("ip -o link show {name} 2>&1")).contains("mtu")
}

#[test]
fn one_command_creates_on_all_members_and_lxds_clients_keep_their_two_phases() {
    with_three(|lab| {
        lab.form();
        let [one, two, _] = lab.nodes.as_slice() else { panic!("three nodes") };
        let body = json!({"name": "br9", "type": "bridge", "config": {"ipv4.address": "none", "ipv6.address": "none"}});
        let (status, text) = two.request("POST", "/1.0/networks", Some(&body));
        assert!(status == 500 && text.to_string().contains("Network not pending on any node"), "{status} {text}");
        one.run_ok(&["network", "create", "br9", "ipv4.address=none", "ipv6.address=none"]);
        two.run_ok(&["storage", "create", "loops", "dir"]);
        for node in &lab.nodes {
            assert!(has_link(node, "br9"), "{}", node.name);
            assert!(node.state_dir.join("storage-pools/loops").is_dir(), "{}", node.name);
        }
        let again = one.run_exit(&["network", "create", "br9"], 1);
        assert!(again.contains("already created"), "{again}");
    });
}

#[test]
fn a_removal_that_a_member_cannot_do_is_refused_and_changes_nothing_anywhere() {
    with_three(|lab| {
        lab.form();
        let [one, two, three] = lab.nodes.as_slice() else { panic!("three nodes") };
        one.run_ok(&["storage", "create", "data", "dir"]);
        let precious = one.state_dir.join("storage-pools/data/custom/precious");
        std::fs::create_dir_all(&precious).expect("something to keep");
        let refused = two.run_exit(&["storage", "delete", "data"], 5);
        assert!(refused.contains("still holds") && refused.contains("node1"), "{refused}");
        assert_eq!(three.get("/1.0/storage-pools/data").expect("it stays")["status"], "Created");
        for node in [two, three] {
            assert!(node.state_dir.join("storage-pools/data").is_dir(), "{}", node.name);
        }
        std::fs::remove_dir_all(&precious).expect("moved away");
        two.run_ok(&["storage", "delete", "data"]);
        assert!(one.get("/1.0/storage-pools/data").is_none());
    });
}

#[test]
fn what_a_silent_member_holds_is_removed_elsewhere_and_can_be_called_back() {
    with_three(|lab| {
        lab.form();
        lab.nodes[0].run_ok(&["network", "create", "br9", "ipv4.address=none", "ipv6.address=none"]);
        let leader = lab.leader();
        let (here, away) = (leader, (leader + 1) % 3);
        lab.nodes[away].kill9();
        let name = lab.nodes[away].name.clone();
        wait_for(&format!("{name} to be missed"), PATIENCE, || {
            let objects = lab.nodes[here].get("/1.0/seedbed/objects").unwrap_or_default();
            objects["liveness"][name.as_str()]["reachable"] == false
        });
        let told = lab.nodes[here].run_exit(&["network", "delete", "br9"], 4);
        assert!(told.contains(&format!("{name} lets go of it when it is back")), "{told}");
        assert!(told.contains("seedbed undelete network/br9"), "{told}");
        assert!(!has_link(&lab.nodes[here], "br9"), "it is gone where it can be");
        lab.nodes[here].run_ok(&["undelete", "network/br9"]);
        wait_for("it to stand again", PATIENCE, || has_link(&lab.nodes[here], "br9"));
        lab.nodes[away].start();
        lab.nodes[away].wait_ready();
        lab.nodes[here].wait_status("/1.0/networks/br9", "Created");
        assert!(lab.nodes.iter().all(|node| has_link(node, "br9")));
        lab.nodes[here].run_exit(&["undelete", "network/br9"], 5);
        lab.nodes[here].run_ok(&["network", "delete", "br9"]);
    });
}
