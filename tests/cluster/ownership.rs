//! Who owns what, with real daemons: sources that would undo each other, what they delete, and what nobody may delete.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Lab, Node, wait_for, with, with_three};

const PATIENCE: Duration = Duration::from_secs(60);

fn profiles(names: &[&str]) -> String {
    let items: String = names.iter().map(|name| format!("- {{name: {name}, config: {{user.x: y}}}}\n")).collect();
    format!("profiles:\n{items}")
}

/// A directory with one file.
fn site(lab: &Lab, name: &str, text: &str) -> PathBuf {
    let dir = lab.dir.path().join(name);
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("a.yaml"), text).expect("a file");
    dir
}

fn add(node: &Node, name: &str, dir: &std::path::Path, more: &[&str]) {
    let path = dir.to_string_lossy();
    node.run_ok(&[&["source", "add", name, "--path", &path, "--interval", "1s"], more].concat());
}

fn status(node: &Node, source: &str) -> Value {
    node.get(&format!("/1.0/sources/{source}/status")).unwrap_or_default()
}

fn wait_message(node: &Node, source: &str, standing: &str, words: &str) -> Value {
    let mut last = Value::Null;
    let begun = std::time::Instant::now();
    loop {
        let now = status(node, source);
        if now["standing"] == standing && now.to_string().contains(words) {
            return now;
        }
        if now != last {
            println!("{source}: {now}");
            last = now;
        }
        assert!(begun.elapsed() < PATIENCE, "{source} is never {standing} with `{words}`: {last}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn object(node: &Node, key: &str) -> Option<Value> {
    let reply = node.get(&format!("/1.0/seedbed/objects?key={key}"))?;
    reply["objects"].as_array()?.first().cloned()
}

fn owner(node: &Node, key: &str) -> Option<String> {
    Some(object(node, key)?["management"]["source"].as_str()?.to_owned())
}

/// A member may be a moment behind the one that answered.
fn wait_owner(node: &Node, key: &str, source: Option<&str>) {
    wait_for(&format!("{key} to belong to {source:?} on {}", node.name), PATIENCE, || {
        object(node, key).is_some() && owner(node, key).as_deref() == source
    });
}

fn wait_gone(node: &Node, key: &str) {
    wait_for(&format!("{key} to go"), PATIENCE, || object(node, key).is_none());
}

fn alone(test: impl FnOnce(&mut Lab)) {
    with(&["10.93.0.1"], |lab| {
        lab.start_all();
        test(lab);
    });
}

#[test]
fn a_second_owner_is_refused_until_the_object_is_handed_over() {
    with_three(|lab| {
        lab.form();
        let one = site(lab, "one", &profiles(&["web"]));
        let two = site(lab, "two", &profiles(&["web", "db"]));
        let [first, second, third] = &lab.nodes[..] else { panic!("three machines") };
        add(first, "one", &one, &[]);
        wait_message(third, "one", "Ready", "in force");
        wait_owner(third, "profile/web", Some("one"));
        add(second, "two", &two, &[]);
        wait_message(third, "two", "Stalled", "profile/web belongs to the source `one`");
        assert!(object(third, "profile/db").is_none(), "a set is taken whole or not at all");

        let by_hand = lab.write("hand.yaml", &profiles(&["web"]));
        let said = third.run_exit(&["apply", "--yes", &by_hand], 5);
        assert!(said.contains("SB069") && said.contains("seedbed adopt profile/web --release"), "{said}");
        let said = third.run_exit(&["plan", &by_hand], 5);
        assert!(said.contains("belongs to the source `one`"), "{said}");

        third.run_ok(&["protect", "member/node1"]);
        for node in [first, second, third] {
            wait_for("the protection", PATIENCE, || {
                object(node, "member/node1").is_some_and(|member| member["management"]["protect"] == true)
            });
        }
        third.run_exit(&["cluster", "remove", "node1"], 5);

        third.run_exit(&["adopt", "profile/web", "--source", "nobody"], 1);
        third.run_ok(&["adopt", "profile/web", "--source", "two"]);
        second.run_ok(&["source", "sync", "two"]);
        wait_owner(third, "profile/db", Some("two"));
        first.run_exit(&["source", "sync", "one"], 1);
        wait_message(third, "one", "Stalled", "profile/web belongs to the source `two`");

        third.run_ok(&["apply", "--yes", "--take-over", &by_hand]);
        wait_owner(third, "profile/web", None);
        first.run_ok(&["source", "sync", "one"]);
        wait_owner(third, "profile/web", Some("one"));
        third.run_ok(&["adopt", "profile/web", "--release"]);
        wait_owner(third, "profile/web", None);
    });
}

#[test]
fn a_removed_source_releases_its_objects_and_another_of_its_name_prunes_none_of_them() {
    alone(|lab| {
        let node = &lab.nodes[0];
        let old = site(lab, "old", &profiles(&["web", "db"]));
        add(node, "site", &old, &["--prune"]);
        wait_message(node, "site", "Ready", "in force");
        node.run_ok(&["source", "remove", "site"]);
        assert!(object(node, "profile/web").is_some_and(|web| web.get("management").is_none()));
        let new = site(lab, "new", &profiles(&["other"]));
        add(node, "site", &new, &["--prune"]);
        node.run_ok(&["source", "sync", "site"]);
        assert!(object(node, "profile/web").is_some() && object(node, "profile/db").is_some());
    });
}

#[test]
fn what_leaves_the_files_is_deleted_only_with_prune_and_never_when_the_files_are_lost() {
    with_three(|lab| {
        lab.form();
        let text = format!(
            "networks:\n- {{name: br9, type: bridge, config: {{ipv4.address: 10.9.0.1/24, ipv6.address: none}}}}\n{}",
            profiles(&["a", "b", "c"])
        );
        let dir = site(lab, "site", &text);
        let node = &lab.nodes[0];
        add(node, "site", &dir, &["--max-deletes", "2"]);
        wait_message(node, "site", "Ready", "in force");
        node.wait_status("/1.0/networks/br9", "Created");
        node.run_ok(&["profile", "create", "by-hand"]);
        fs::write(dir.join("a.yaml"), profiles(&["a", "b", "c"])).expect("a file");
        node.run_ok(&["source", "sync", "site"]);
        assert!(object(node, "network/br9").is_some(), "prune is off");

        let plan = node.run_exit(&["plan", "--source", "site", "--prune", &dir.to_string_lossy()], 2);
        assert!(plan.contains("- network/br9"), "{plan}");
        node.run_ok(&["source", "set", "site", "--prune", "on"]);
        wait_gone(&lab.nodes[2], "network/br9");
        assert!(!lab.nodes[1].shell("ip link").contains("br9"), "it stands on no host");

        fs::write(dir.join("a.yaml"), "# nothing any more\n").expect("a file");
        wait_message(node, "site", "Stalled", "declare nothing at all");
        fs::rename(dir.join("a.yaml"), dir.join("a.txt")).expect("renamed");
        wait_message(node, "site", "Stalled", "SourceMissing");
        fs::rename(&dir, lab.dir.path().join("away")).expect("renamed");
        wait_message(node, "site", "Stalled", "SourceMissing");
        fs::rename(lab.dir.path().join("away"), &dir).expect("renamed");

        fs::write(dir.join("a.yaml"), profiles(&["new"])).expect("a file");
        let stalled = wait_message(node, "site", "Stalled", "at most 2 may be deleted at once");
        assert!(stalled.to_string().contains("profile/a, profile/b, profile/c"), "{stalled}");
        assert!(object(node, "profile/new").is_none() && object(node, "profile/a").is_some());
        node.run_ok(&["source", "set", "site", "--max-deletes", "3"]);
        for gone in ["profile/a", "profile/b", "profile/c"] {
            wait_gone(&lab.nodes[1], gone);
        }
        wait_for("the new profile", PATIENCE, || object(node, "profile/new").is_some());
        assert!(object(node, "profile/by-hand").is_some());
    });
}

#[test]
fn what_is_in_use_or_protected_stays_and_goes_once_it_is_let_go() {
    alone(|lab| {
        let node = &lab.nodes[0];
        let network = "networks: [{name: br9, type: bridge, config: {ipv4.address: none, ipv6.address: none}}]\n";
        let dir = site(lab, "site", &format!("{network}{}", profiles(&["keep", "safe"])));
        add(node, "site", &dir, &["--prune"]);
        wait_message(node, "site", "Ready", "in force");
        node.run_ok(&["profile", "create", "mine"]);
        let devices = json!({"devices": {"eth0": {"type": "nic", "network": "br9", "name": "eth0"}}});
        assert_eq!(node.request("PATCH", "/1.0/profiles/mine", Some(&devices)).0, 200);
        node.run_ok(&["protect", "profile/safe"]);
        fs::write(dir.join("a.yaml"), profiles(&["keep"])).expect("a file");
        let ready = wait_message(node, "site", "Ready", "2 not pruned");
        assert!(ready.to_string().contains("profile/mine uses it"), "{ready}");
        assert!(ready.to_string().contains("seedbed protect profile/safe --off"), "{ready}");
        let before = node.settled_entries();
        std::thread::sleep(Duration::from_secs(3));
        node.assert_not_written(before, "rounds that find nothing to prune");

        node.run_ok(&["profile", "delete", "mine"]);
        wait_gone(node, "network/br9");
        node.run_ok(&["protect", "profile/safe", "--off"]);
        wait_gone(node, "profile/safe");
        wait_message(node, "site", "Ready", "is in force");
    });
}

#[test]
fn a_protected_object_is_deleted_by_nobody_even_when_its_file_is_gone() {
    alone(|lab| {
        let node = &lab.nodes[0];
        let text = "profiles: [{name: web, protect: true}]\nprojects: [{name: shop, protect: true}]\n";
        let dir = site(lab, "site", text);
        add(node, "site", &dir, &["--prune"]);
        wait_message(node, "site", "Ready", "in force");
        fs::write(dir.join("a.yaml"), profiles(&["other"])).expect("a file");
        wait_message(node, "site", "Ready", "2 not pruned");
        node.run_ok(&["source", "remove", "site"]);

        let said = node.run_exit(&["profile", "delete", "web"], 5);
        assert!(
            said.contains("The profile web is protected: to lift that: seedbed protect profile/web --off"),
            "{said}"
        );
        for path in ["/1.0/profiles/web", "/1.0/projects/shop"] {
            let (status, body) = node.request("DELETE", path, None);
            assert_eq!(status, 403, "{body}");
        }
        let lift = lab.write("lift.yaml", "profiles: [{name: web, protect: false}]\n");
        node.run_ok(&["apply", "--yes", &lift]);
        node.run_ok(&["profile", "delete", "web"]);
        node.run_ok(&["protect", "project/shop", "--off"]);
        node.run_ok(&["project", "delete", "shop"]);
    });
}

#[test]
fn a_deletion_that_a_member_cannot_do_stays_owned_and_is_told_until_it_is_done() {
    with_three(|lab| {
        lab.form();
        let network = "networks: [{name: br9, type: bridge, config: {ipv4.address: none, ipv6.address: none}}]\n";
        let dir = site(lab, "site", &format!("{network}{}", profiles(&["keep"])));
        let reader = (lab.leader() + 1) % 3;
        let away = (reader + 1) % 3;
        let away = if away == lab.leader() { (away + 1) % 3 } else { away };
        let away = if away == reader {
            (0..3).find(|at| *at != reader && *at != lab.leader()).expect("a third")
        } else {
            away
        };
        add(&lab.nodes[reader], "site", &dir, &["--prune"]);
        lab.nodes[reader].wait_status("/1.0/networks/br9", "Created");
        lab.nodes[away].kill9();
        let leader = lab.leader();
        wait_for("the silence to be noticed", PATIENCE, || {
            let members = lab.nodes[leader].get("/1.0/cluster/members?recursion=1").unwrap_or_default();
            let all = members.as_array().cloned().unwrap_or_default();
            all.iter().any(|member| member["status"] == "Offline")
        });
        fs::write(dir.join("a.yaml"), profiles(&["keep"])).expect("a file");
        let name = lab.nodes[away].name.clone();
        wait_message(&lab.nodes[reader], "site", "Ready", &format!("{name} does not answer"));
        assert_eq!(owner(&lab.nodes[reader], "network/br9").as_deref(), Some("site"));
        lab.nodes[away].start();
        lab.nodes[away].wait_ready();
        wait_gone(&lab.nodes[reader], "network/br9");
        wait_for("the bridge to go from the member that was away", PATIENCE, || {
            !lab.nodes[away].shell("ip link").contains("br9")
        });
    });
}
