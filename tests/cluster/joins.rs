//! Joins in which somebody dies: whatever the instant, the joiner ends as a member or as it was, by itself.

use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Node, exists, wait_for, with, with_three};

/// What a joiner is in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Member,
    Alone,
}

/// What a member that stands alone has, as its API tells it; not how far its loops are with it.
fn belongings(node: &Node) -> Vec<Value> {
    let all = node.get("/1.0/seedbed/objects").expect("the objects of a member that stands alone");
    let mut objects = all["objects"].as_array().expect("a list").clone();
    for object in &mut objects {
        object["placements"] = Value::Null;
    }
    objects
}

fn is_clustered(node: &Node) -> bool {
    node.get("/1.0/cluster").expect("whether it is clustered")["enabled"] == true
}

/// Gives the joiner something that it must not lose by a join that fails.
fn furnish(node: &Node) -> Vec<Value> {
    node.run_ok(&["config", "set", "images.auto_update_interval", "7"]);
    belongings(node)
}

/// The joiner is whole, and the cluster's list agrees with it.
fn check(lab: &Lab, joiner: usize, before: &[Value], what: &str) -> End {
    let node = &lab.nodes[joiner];
    assert!(!exists(node, "database.joining"), "{what}: leftovers of the join");
    if is_clustered(node) {
        for node in lab.nodes.iter().filter(|node| node.is_running()) {
            node.wait_members(lab.nodes.len(), "Online");
        }
        return End::Member;
    }
    assert_eq!(belongings(node), before, "{what}: the joiner lost something");
    assert!(!exists(node, "cluster.crt"), "{what}: it keeps the cluster's certificate");
    lab.nodes[lab.leader()].wait_members(lab.nodes.len() - 1, "Online");
    End::Alone
}

/// Takes the joiner out again, for the next round.
fn part(lab: &Lab, joiner: usize) {
    let name = lab.nodes[joiner].name.clone();
    lab.nodes[0].run_ok(&["cluster", "remove", &name, "--yes"]);
    wait_for(&format!("{name} to stand alone"), Duration::from_secs(90), || {
        lab.nodes[joiner].get("/1.0/cluster").is_some_and(|cluster| cluster["enabled"] == false)
    });
}

fn start(node: &mut Node) {
    node.start();
    node.wait_ready();
}

/// Restarts the joiner so that it dies at an instant of the join, and lets it.
fn die_at(node: &mut Node, instant: &str, file: &str) {
    node.kill9();
    node.start_mortal(instant);
    node.wait_ready();
    let out = node.run(&["init", "--preseed", file]);
    assert_ne!(out.status.code(), Some(0), "{instant}: the joiner did not die");
    node.wait_dead();
}

#[test]
fn a_joiner_that_dies_at_any_instant_heals_when_it_starts_again() {
    with_three(|lab| {
        let file = lab.form_of(2);
        for (instant, wanted) in [
            ("join-offered", End::Alone),
            ("join-prepared", End::Alone),
            ("join-following", End::Alone),
            ("join-ended", End::Member),
            ("join-decided", End::Member),
            ("join-moved", End::Member),
        ] {
            let before = furnish(&lab.nodes[2]);
            die_at(&mut lab.nodes[2], instant, &file);
            start(&mut lab.nodes[2]);
            assert_eq!(check(lab, 2, &before, instant), wanted, "{instant}");
            // And the same file works, whatever has been.
            lab.nodes[2].run_ok(&["init", "--preseed", &file]);
            assert_eq!(check(lab, 2, &before, instant), End::Member, "{instant}, the second time");
            part(lab, 2);
        }
    });
}

#[test]
fn a_joiner_that_is_killed_from_outside_heals_when_it_starts_again() {
    with_three(|lab| {
        let file = lab.form_of(2);
        // Where in the join the kill falls is up to chance; what holds afterwards is not.
        for pause_ms in [5, 20, 40, 60, 80, 100, 130, 160, 200, 300] {
            let what = format!("killed after {pause_ms} ms");
            let before = furnish(&lab.nodes[2]);
            let join = lab.nodes[2].spawn(&["init", "--preseed", &file]);
            std::thread::sleep(Duration::from_millis(pause_ms));
            lab.nodes[2].kill9();
            join.wait_with_output().expect("the join's end");
            start(&mut lab.nodes[2]);
            if check(lab, 2, &before, &what) == End::Member {
                part(lab, 2);
            }
        }
    });
}

#[test]
fn a_joiner_that_reaches_nobody_says_what_it_waits_for_and_heals_when_it_does() {
    with_three(|lab| {
        let file = lab.form_of(2);
        let before = furnish(&lab.nodes[2]);
        die_at(&mut lab.nodes[2], "join-following", &file);
        lab.cable(3, "down");
        lab.nodes[2].start();
        let told = lab.nodes[2].run_exit(&["waitready", "--timeout", "2s"], 6);
        for part in ["joining a cluster", "node1 (10.93.0.1:8443)", "node2 (10.93.0.2:8443)"] {
            assert!(told.contains(part), "`{part}` is missing in: {told}");
        }
        for command in [&["cluster", "list"][..], &["profile", "create", "mine"], &["init", "--preseed", &file]] {
            let told = lab.nodes[2].run_exit(command, 4);
            assert!(told.contains("node1 (10.93.0.1:8443)"), "{command:?}: {told}");
        }
        lab.cable(3, "up");
        lab.nodes[2].wait_ready();
        assert_eq!(check(lab, 2, &before, "the cable is back"), End::Alone);
        // One that has its own record needs nobody to know what it is.
        die_at(&mut lab.nodes[2], "join-ended", &file);
        lab.cable(3, "down");
        start(&mut lab.nodes[2]);
        assert!(is_clustered(&lab.nodes[2]), "it has its record, and does not know");
        lab.cable(3, "up");
        assert_eq!(check(lab, 2, &before, "the cable is back again"), End::Member);
    });
}

#[test]
fn a_join_whose_leader_dies_ends_on_both_sides_in_the_same_way() {
    with(&["10.93.0.1", "10.93.0.2", "10.93.0.3", "10.93.0.4"], |lab| {
        let file = lab.form_of(3);
        for (instant, wanted) in
            [("join-recorded", End::Alone), ("join-seated", End::Alone), ("join-admitted", End::Member)]
        {
            for node in &mut lab.nodes[..3] {
                node.kill9();
                node.start_mortal(instant);
            }
            lab.nodes[..3].iter().for_each(Node::wait_ready);
            let before = furnish(&lab.nodes[3]);
            lab.nodes[0].wait_members(3, "Online");
            let out = lab.nodes[3].run(&["init", "--preseed", &file]);
            let talk = String::from_utf8_lossy(&out.stderr).into_owned();
            let leader = dead_one(&mut lab.nodes[..3]);
            assert_eq!(is_clustered(&lab.nodes[3]), wanted == End::Member, "{instant}: {talk}");
            assert_eq!(out.status.success(), wanted == End::Member, "{instant}: {talk}");
            start(&mut lab.nodes[leader]);
            assert_eq!(check(lab, 3, &before, instant), wanted, "{instant}: {talk}");
        }
    });
}

/// Whoever led when the instant came: nobody knows that before, right after a start.
fn dead_one(nodes: &mut [Node]) -> usize {
    let mut dead = None;
    wait_for("the end of whoever leads", Duration::from_secs(90), || {
        dead = nodes.iter_mut().position(Node::has_died);
        dead.is_some()
    });
    dead.expect("waited until there was one")
}

/// What does not stand on the joiner yet does not undo the join: it is said, each time, and `status` ends in the same way.
#[test]
fn a_join_with_a_network_that_cannot_be_made_says_that_the_member_has_joined() {
    with(&["10.93.0.1", "10.93.0.2"], |lab| {
        lab.start_all();
        let first = "config: {core.https_address: \"10.93.0.1:8443\"}\ncluster: {server_name: node1, enabled: true}\nnetworks: [{name: br9, type: bridge, config: {ipv4.address: 10.98.0.1/24, ipv6.address: none}}]\n";
        let out = lab.nodes[0].run_with(&["init", "--preseed"], first);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let shown = lab.nodes[0].run_ok(&["cluster", "add", "node2"]);
        let token = shown.split_whitespace().last().expect("a token");
        let join = |name: &str| {
            let own = "[{entity: network, name: br9, key: bridge.external_interfaces, value: nosuch}]";
            format!(
                "cluster:\n  enabled: true\n  server_name: {name}\n  server_address: 10.93.0.2:8443\n  cluster_token: {token}\n  member_config: {own}\n"
            )
        };
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &join("other"));
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            !out.status.success() && told.contains("made for") && told.contains("node2") && told.contains("other"),
            "{told}"
        );
        for done in ["has joined", "is as the file says"] {
            let out = lab.nodes[1].run_with(&["init", "--preseed"], &join("node2"));
            let told = String::from_utf8_lossy(&out.stderr).into_owned();
            assert_eq!(out.status.code(), Some(4), "{told}");
            assert!(told.contains(&format!("node2 {done}")) && told.contains("network/br9"), "{told}");
        }
        lab.nodes[0].wait_members(2, "Online");
    });
}
