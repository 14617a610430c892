//! One list of members makes one cluster, whatever happens to the member that is to form it.

use crate::lab::{Lab, with, with_three};

/// The disk of the first member is replaced, and the same command is typed again.
#[test]
fn the_first_of_a_list_that_comes_back_empty_founds_nothing() {
    with_three(|lab| {
        let file = lab.form();
        lab.nodes[0].kill9();
        lab.leader();
        let first = &mut lab.nodes[0];
        std::fs::remove_dir_all(&first.state_dir).expect("replace the disk");
        first.start();
        first.wait_ready();
        let told = lab.nodes[0].run_exit(&["init", "--preseed", &file], 5);
        assert!(told.contains("node1") && told.contains("seedbed cluster remove node1 --force"), "{told}");
        assert!(!is_clustered(lab, 0), "a second cluster");
        lab.nodes[1].run_ok(&["cluster", "remove", "node1", "--force"]);
        let told = lab.nodes[0].run_exit(&["init", "--preseed", &file], 0);
        assert!(told.contains("joined"), "{told}");
        for node in &lab.nodes {
            node.wait_members(3, "Online");
        }
    });
}

/// Members that cannot be reached may be in a cluster: the first of the list does not guess.
#[test]
fn the_first_of_a_list_does_not_guess_what_members_that_are_silent_would_say() {
    with(&["10.93.0.1", "10.93.0.2"], |lab| {
        lab.start_all();
        lab.cable(2, "down");
        let file = lab.list(&["node1", "node2"]);
        let told = lab.nodes[0].run_exit(&["init", "--preseed", &file], 4);
        assert!(told.contains("node2") && told.contains("--new-cluster"), "{told}");
        assert!(!is_clustered(lab, 0), "a guess");
        lab.nodes[0].run_ok(&["init", "--preseed", "--new-cluster", &file]);
        lab.cable(2, "up");
        lab.nodes[1].run_ok(&["init", "--preseed", &file]);
        lab.nodes[0].wait_members(2, "Online");
    });
}

/// The explicit word is for those who do not answer, not against those who do.
#[test]
fn nobody_founds_a_second_cluster_beside_one_that_answers() {
    with_three(|lab| {
        lab.form();
        let first = &mut lab.nodes[0];
        first.kill9();
        std::fs::remove_dir_all(&first.state_dir).expect("replace the disk");
        first.start();
        first.wait_ready();
        lab.cable(3, "down");
        let file = lab.list(&["node1", "node2", "node3"]);
        let told = lab.nodes[0].run_exit(&["init", "--preseed", "--new-cluster", &file], 5);
        assert!(told.contains("node2"), "{told}");
        assert!(!is_clustered(lab, 0), "a second cluster");
    });
}

#[test]
fn the_first_of_a_list_is_the_one_that_is_written_first() {
    with(&["10.93.0.1", "10.93.0.2"], |lab| {
        lab.start_all();
        let file = lab.list(&["node2", "node1"]);
        let told = lab.nodes[0].run_exit(&["init", "--preseed", &file], 1);
        assert!(told.contains("node2 is the first of the list"), "{told}");
        let told = lab.nodes[1].run_exit(&["init", "--preseed", &file], 0);
        assert!(told.contains("node2 has formed a cluster"), "{told}");
        lab.nodes[0].run_ok(&["init", "--preseed", &file]);
        lab.nodes[0].wait_members(2, "Online");
    });
}

/// The first page of the README is what most people ever read: it works as it is typed.
#[test]
fn the_first_manifest_of_the_readme_forms_its_cluster_as_it_is_typed() {
    with(&["10.55.60.171", "10.55.60.155"], |lab| {
        let (manifest, typed) = first_page();
        lab.write("site.yaml", &manifest);
        lab.start_imagined();
        for line in &typed {
            assert!(line.starts_with("seedbed "), "{line}");
            let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
            // On each machine, in the order of the list; everything after that from any of them.
            let count = if arguments.first() == Some(&"init") { lab.nodes.len() } else { 1 };
            for node in &lab.nodes[..count] {
                let out = node.run_in(lab.dir.path(), &arguments);
                let talk = String::from_utf8_lossy(&out.stderr);
                assert_eq!(out.status.code(), Some(0), "{}: {line}\n{talk}", node.name);
            }
        }
        lab.nodes[1].wait_members(2, "Online");
        for node in &lab.nodes {
            let pool = node.get(&format!("/1.0/storage-pools/data?target={}", node.name)).expect("the pool");
            assert_eq!((&pool["status"], &pool["driver"]), (&"Created".into(), &"zfs".into()));
        }
        assert_eq!(lab.nodes[0].get("/1.0").expect("the server")["config"]["core.trust_password"], true);
    });
}

/// The manifest, and what is typed after the daemons run.
fn first_page() -> (String, Vec<String>) {
    let readme = include_str!("../../README.md");
    let page = readme.split_once("## A first manifest").expect("the heading").1;
    let page = page.split_once("LXD's own way works too").expect("the end of the page").0;
    let block = |fence: &str| -> Vec<String> {
        page.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
    };
    let typed = block("```console\n").concat();
    let typed = typed.lines().filter_map(|line| line.strip_prefix("# seedbed "));
    let typed = typed.map(|line| line.split("  #").next().unwrap_or_default().trim());
    let ends = |line: &&str| !line.contains('&') && !line.contains("--watch");
    (block("```yaml\n").concat(), typed.filter(ends).map(|line| format!("seedbed {line}")).collect())
}

fn is_clustered(lab: &Lab, node: usize) -> bool {
    lab.nodes[node].get("/1.0/cluster").expect("the cluster")["enabled"] == true
}
