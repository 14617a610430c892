//! What a member costs that has nothing to do.

use std::fs;

use crate::lab::{Node, with_three};

/// As much as an idle member may hold. What it maps of its program comes to some 10 MiB, and 25 in all is the goal.
const KIB_MAX: u64 = 12 << 10;

/// Memory of its own, in KiB: what is mapped from the program's file does not count, which is large without optimising.
fn own_kib(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux 4.5 or newer");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

#[test]
fn an_idle_member_is_small() {
    with_three(|lab| {
        // With a trust password, whose hash takes 20 MiB to make and to check.
        lab.form();
        let file = lab.write("pool.yaml", "storage_pools:\n- {name: data, driver: dir}\n");
        lab.nodes[0].run_ok(&["apply", "--yes", &file]);
        lab.nodes[0].settled_entries();
        // The memory of a hash is kept for a second in which the next password might come.
        let mut held = Vec::new();
        for _ in 0..50 {
            held = lab.nodes.iter().map(own_kib).collect::<Vec<u64>>();
            if held.iter().all(|kib| *kib < KIB_MAX) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        println!("KiB: {held:?}");
        assert!(held.iter().all(|kib| *kib < KIB_MAX), "members hold {held:?} KiB of memory of their own");
    });
}
