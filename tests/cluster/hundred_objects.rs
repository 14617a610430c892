//! A manifest of a hundred objects, applied twice.

use std::fmt::Write;

use crate::lab::{exists, with_three};

const POOLS: usize = 15;
const NETWORKS: usize = 15;
const PROJECTS: usize = 10;
const PROFILES: usize = 60;

fn manifest() -> String {
    let mut text = String::from("storage_pools:\n");
    for number in 0..POOLS {
        writeln!(text, "- {{name: pool{number}, driver: dir}}").expect("text");
    }
    text.push_str("networks:\n");
    for number in 0..NETWORKS {
        writeln!(text, "- {{name: br{number}, type: bridge, config: {{ipv4.address: none, ipv6.address: none}}}}")
            .expect("text");
    }
    text.push_str("projects:\n");
    for number in 0..PROJECTS {
        writeln!(text, "- {{name: project{number}, config: {{user.n: {number}}}}}").expect("text");
    }
    text.push_str("profiles:\n");
    for number in 0..PROFILES {
        let (pool, network) = (number % POOLS, number % NETWORKS);
        writeln!(
            text,
            "- name: profile{number}\n  devices:\n    root: {{type: disk, path: /, pool: pool{pool}}}\n    eth0: {{type: nic, network: br{network}}}"
        )
        .expect("text");
    }
    text
}

#[test]
fn a_hundred_objects_converge_and_a_second_apply_writes_nothing() {
    with_three(|lab| {
        lab.form();
        let file = lab.write("hundred.yaml", &manifest());
        let node = &lab.nodes[1];
        node.run_exit(&["plan", &file], 2);
        node.run_ok(&["apply", "--yes", &file]);
        for node in &lab.nodes {
            for number in 0..POOLS {
                node.wait_status(&format!("/1.0/storage-pools/pool{number}"), "Created");
                assert!(exists(node, &format!("storage-pools/pool{number}")), "pool{number} on {}", node.name);
            }
            let links = node.shell("ip -o link show type bridge");
            assert_eq!(links.lines().count(), NETWORKS, "{}: {links}", node.name);
            assert_eq!(node.get("/1.0/profiles").expect("profiles").as_array().map(Vec::len), Some(PROFILES + 1));
        }
        let before = lab.nodes[0].settled_entries();
        node.run_ok(&["plan", &file]);
        node.run_ok(&["apply", "--yes", &file]);
        lab.nodes[0].assert_not_written(before, "the second apply");
    });
}
