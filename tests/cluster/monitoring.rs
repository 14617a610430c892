//! What a monitoring system sees of a cluster.

mod audit;
mod drift;
mod holds;

use crate::lab::{Node, with_three};

fn scrape(node: &Node) -> String {
    let (status, text) = node.request("GET", "/1.0/metrics", None);
    assert_eq!(status, 200, "{}: {text}", node.name);
    text.as_str().expect("text, not JSON").to_owned()
}

fn figure(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn every_member_tells_who_leads_who_answers_and_what_it_did() {
    with_three(|lab| {
        lab.form();
        let file = lab.write("pool.yaml", "storage_pools:\n- {name: data, driver: dir}\n");
        lab.nodes[0].run_ok(&["apply", "--yes", &file]);
        let texts: Vec<String> = lab.nodes.iter().map(scrape).collect();
        let leaders: f64 = texts.iter().filter_map(|text| figure(text, "seedbed_leader")).sum();
        assert!((leaders - 1.0).abs() < f64::EPSILON, "one leads: {leaders}");
        for (node, text) in lab.nodes.iter().zip(&texts) {
            let made = figure(text, r#"seedbed_reconcile_total{kind="storage-pool",result="done"}"#);
            assert!(made.is_some_and(|made| made >= 1.0), "{}: {text}", node.name);
            for member in &lab.nodes {
                let name = format!(r#"seedbed_member_reachable{{member="{}"}}"#, member.name);
                assert_eq!(figure(text, &name), Some(1.0), "{} of {}: {text}", node.name, member.name);
            }
            assert!(text.ends_with("# EOF\n"), "{text}");
            assert!(!text.contains("sekret"), "a password in the metrics");
        }
    });
}
