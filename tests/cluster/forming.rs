//! Clusters formed from one manifest that names all members, and by today's forms.

use crate::lab::with_three;

#[test]
fn each_daemon_takes_its_own_part_of_one_manifest() {
    with_three(|lab| {
        let file = lab.form();
        for node in &lab.nodes {
            node.wait_members(3, "Online");
        }
        let before = lab.nodes[0].settled_entries();
        for node in &lab.nodes {
            node.run_ok(&["init", "--preseed", &file]);
        }
        lab.nodes[0].assert_not_written(before, "the second run");
    });
}

#[test]
fn a_token_joins_a_member_with_keys_of_its_own() {
    with_three(|lab| {
        lab.start_all();
        let first = "config: {core.https_address: \"10.93.0.1:8443\"}\nstorage_pools: [{name: data, driver: dir}]\ncluster: {server_name: node1, enabled: true}\n";
        let out = lab.nodes[0].run_with(&["init", "--preseed"], first);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let shown = lab.nodes[0].run_ok(&["cluster", "add", "node2"]);
        let token = shown.split_whitespace().last().expect("a token");
        let source = lab.dir.path().join("data2");
        std::fs::create_dir(&source).expect("a source directory");
        let join = format!(
            "cluster:\n  enabled: true\n  server_address: 10.93.0.2:8443\n  cluster_token: {token}\n  member_config:\n  - {{entity: storage-pool, name: data, key: source, value: {}}}\n",
            source.display()
        );
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &join);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        lab.nodes[1].wait_members(2, "Online");
        let pool = lab.nodes[0].get("/1.0/storage-pools/data?target=node2").expect("the pool on node2");
        assert_eq!(pool["config"]["source"], source.to_string_lossy().as_ref());
        let again = lab.nodes[2].run_with(&["init", "--preseed"], &join.replace("10.93.0.2", "10.93.0.3"));
        assert_ne!(again.status.code(), Some(0), "a token was taken twice");
    });
}

/// As after a crash between the cluster's commit and the joiner's own: the cluster has a member that knows nothing of it.
#[test]
fn a_joiner_that_crashed_before_it_knew_joins_again_with_the_same_file() {
    with_three(|lab| {
        let file = lab.form();
        let node = &mut lab.nodes[2];
        node.kill9();
        std::fs::remove_dir_all(node.state_dir.join("database")).expect("forget the cluster");
        node.start();
        node.wait_ready();
        node.run_ok(&["init", "--preseed", &file]);
        for node in &lab.nodes {
            node.wait_members(3, "Online");
        }
    });
}

#[test]
fn defining_on_each_member_and_creating_once_makes_a_pool_everywhere() {
    with_three(|lab| {
        lab.form();
        let node = &lab.nodes[0];
        for name in ["node1", "node2"] {
            node.run_ok(&["storage", "create", "data", "dir", "--target", name]);
        }
        // LXD's second phase, as its client asks for it: `seedbed storage create` without a target does both at once.
        let pool = serde_json::json!({"name": "data", "driver": "dir"});
        let (status, told) = node.request("POST", "/1.0/storage-pools", Some(&pool));
        assert!(status == 400 || status == 500, "{status} {told}");
        assert!(told.to_string().contains("node3"), "the message does not name the missing member:\n{told}");
        node.run_ok(&["storage", "create", "data", "dir", "--target", "node3"]);
        let (status, told) = node.request("POST", "/1.0/storage-pools", Some(&pool));
        assert!(status < 300, "{status} {told}");
        node.wait_status("/1.0/storage-pools/data", "Created");
        node.run_ok(&["storage", "delete", "data"]);
        assert!(node.get("/1.0/storage-pools/data").is_none());
    });
}
