//! Members that die, are cut off and come back while work is under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::lab::{exists, wait_for, with_three};

fn pools(count: usize) -> String {
    let lines: String = (0..count).map(|number| format!("- {{name: pool{number}, driver: dir}}\n")).collect();
    format!("storage_pools:\n{lines}")
}

#[test]
fn an_apply_whose_leader_is_killed_converges_all_the_same() {
    with_three(|lab| {
        lab.form();
        let leader = lab.leader();
        let via = (leader + 1) % 3;
        let file = lab.write("pools.yaml", &pools(40));
        let apply = lab.nodes[via].spawn(&["apply", "--yes", "--timeout", "60s", &file]);
        wait_for("the apply to begin", Duration::from_secs(90), || {
            lab.nodes[via].get("/1.0/storage-pools/pool39").is_some()
                || lab.nodes[via].get("/1.0/storage-pools/pool0").is_some()
        });
        lab.nodes[leader].kill9();
        std::thread::sleep(Duration::from_secs(2));
        lab.nodes[leader].start();
        lab.nodes[leader].wait_ready();
        let out = apply.wait_with_output().expect("the apply's end");
        assert!(out.status.success(), "apply: {}", String::from_utf8_lossy(&out.stderr));
        for node in &lab.nodes {
            for number in 0..40 {
                node.wait_status(&format!("/1.0/storage-pools/pool{number}"), "Created");
                assert!(exists(node, &format!("storage-pools/pool{number}")), "pool{number} on {}", node.name);
            }
        }
    });
}

#[test]
fn a_member_that_is_down_is_named_and_catches_up_when_it_is_back() {
    with_three(|lab| {
        lab.form();
        let down = (lab.leader() + 1) % 3;
        let via = (down + 1) % 3;
        lab.nodes[down].kill9();
        let name = lab.nodes[down].name.clone();
        let file = lab.write("pools.yaml", &pools(3));
        wait_for("the silence to be noticed", Duration::from_secs(90), || {
            let shown = lab.nodes[via].run(&["plan", &file]);
            String::from_utf8_lossy(&shown.stdout).contains(&name)
        });
        let told = lab.nodes[via].run_exit(&["apply", "--yes", "--timeout", "5s", &file], 4);
        assert!(told.contains(&name), "the message does not name {name}:\n{told}");
        lab.nodes[down].start();
        lab.nodes[down].wait_ready();
        for node in &lab.nodes {
            for number in 0..3 {
                node.wait_status(&format!("/1.0/storage-pools/pool{number}"), "Created");
                assert!(exists(node, &format!("storage-pools/pool{number}")), "pool{number} on {}", node.name);
            }
        }
    });
}

#[test]
fn killing_all_members_loses_no_acknowledged_write() {
    with_three(|lab| {
        lab.form();
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let acknowledged = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut done = Vec::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("p{number}");
                    let (status, _) = lab.nodes[0].request("POST", "/1.0/profiles", Some(&json!({"name": name})));
                    if status == 201 || status == 200 {
                        done.push(name);
                        count.store(done.len(), Ordering::Relaxed);
                    }
                }
                done
            });
            wait_for("acknowledged writes", Duration::from_secs(60), || count.load(Ordering::Relaxed) >= 30);
            for node in &lab.nodes {
                let pid = node.pid().to_string();
                std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill a daemon of ours");
            }
            stop.store(true, Ordering::Relaxed);
            writer.join().expect("the writer")
        });
        for node in &mut lab.nodes {
            node.kill9();
            node.start();
        }
        for node in &lab.nodes {
            node.wait_ready();
        }
        lab.nodes[0].wait_members(3, "Online");
        for node in &lab.nodes {
            for name in &acknowledged {
                wait_for(&format!("{name} on {}", node.name), Duration::from_secs(90), || {
                    node.get(&format!("/1.0/profiles/{name}")).is_some()
                });
            }
        }
    });
}

#[test]
fn a_member_that_is_cut_off_writes_nothing_and_comes_back() {
    with_three(|lab| {
        lab.form();
        let leader = lab.leader();
        lab.cable(leader + 1, "down");
        let via = (leader + 1) % 3;
        let create =
            |node: usize, name: &str| lab.nodes[node].request("POST", "/1.0/profiles", Some(&json!({"name": name}))).0;
        wait_for("a write on the other side", Duration::from_secs(90), || matches!(create(via, "other"), 200 | 201));
        assert!(create(leader, "lonely") >= 500, "a member without a majority took a write");
        lab.cable(leader + 1, "up");
        wait_for("the write to reach it", Duration::from_secs(90), || {
            lab.nodes[leader].get("/1.0/profiles/other").is_some()
        });
        assert!(lab.nodes[via].get("/1.0/profiles/lonely").is_none(), "the refused write appeared");
    });
}
