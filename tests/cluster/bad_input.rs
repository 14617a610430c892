//! What goes wrong at the machine's side: each gives one clear error and loses nothing.

use std::fs;
use std::process::Command;

use crate::lab::{can_run, with, with_three};

const PROGRAM: &str = env!("CARGO_BIN_EXE_seedbed");

/// Starts a daemon that must refuse; returns what it said.
fn refused(state_dir: &std::path::Path) -> String {
    let out = Command::new("timeout")
        .args(["20", PROGRAM, "daemon", "--host", "fake", "--state-dir"])
        .arg(state_dir)
        .output();
    let out = out.expect("run the daemon");
    let talk = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!matches!(out.status.code(), Some(0 | 124)), "the daemon did not refuse: {talk}");
    talk
}

#[test]
fn a_state_directory_that_is_a_file_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    fs::write(&path, "mine").expect("a file");
    let talk = refused(&path);
    assert!(talk.contains(&*path.to_string_lossy()), "{talk}");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "mine");
}

#[test]
fn a_foreign_database_is_refused_and_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = dir.path().join("database");
    fs::create_dir(&database).expect("a directory");
    for name in ["state.db", "raft-log.db"] {
        fs::write(
            database.join(name),
            "this is no database of ours, and longer than a header of SQLite is, so that it is read",
        )
        .expect("a file");
    }
    let talk = refused(dir.path());
    assert!(talk.contains(".db"), "the message does not name the file: {talk}");
    assert!(fs::read_to_string(database.join("state.db")).expect("the file").starts_with("this is no database"));
}

#[test]
fn an_occupied_port_is_named_and_nothing_is_kept() {
    with(&["10.93.0.1"], |lab| {
        lab.start_all();
        let node = &lab.nodes[0];
        let listener = "python3 -c 'import socket,time; s=socket.create_server((\"10.93.0.1\", 8443)); time.sleep(60)' >/dev/null 2>&1 & echo $!; \
             until grep -q ':20FB ' /proc/net/tcp; do sleep 0.05; done";
        let pid = node.shell(listener);
        let preseed =
            "config: {core.https_address: \"10.93.0.1:8443\"}\ncluster: {server_name: node1, enabled: true}\n";
        let out = node.run_with(&["init", "--preseed"], preseed);
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{talk}");
        assert!(talk.contains("10.93.0.1:8443"), "the message does not name the address: {talk}");
        node.shell(&format!("kill {pid}; sleep 0.2"));
        let out = node.run_with(&["init", "--preseed"], preseed);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    });
}

#[test]
fn an_unreachable_cluster_leaves_the_joiner_as_it_was() {
    with(&["10.93.0.1", "10.93.0.2"], |lab| {
        lab.start_all();
        let node = &lab.nodes[1];
        let join = format!(
            "config: {{core.https_address: \"10.93.0.2:8443\"}}\ncluster:\n  server_name: node2\n  enabled: true\n  cluster_address: 10.93.0.9:8443\n  cluster_certificate: \"{}\"\n  cluster_password: sekret\n",
            node.certificate_doubled()
        );
        let out = node.run_with(&["init", "--preseed"], &join);
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{talk}");
        assert!(talk.contains("10.93.0.9:8443"), "the message does not name the address: {talk}");
        let config = node.get("/1.0").expect("the configuration");
        assert_eq!(config["config"].get("core.https_address"), None, "the joiner kept an address");
    });
}

#[test]
fn a_broken_manifest_changes_nothing() {
    with_three(|lab| {
        lab.form();
        let before = lab.nodes[0].settled_entries();
        let file = lab.write("broken.yaml", "storage_pools:\n- name: a\n  driver: dri\nprofiles:\n- name: b\n  devices: {root: {type: disk, pool: nowhere, path: /}}\n");
        let told = lab.nodes[0].run_exit(&["apply", "--yes", &file], 1);
        assert!(told.contains("dri"), "{told}");
        lab.nodes[0].assert_not_written(before, "a broken manifest");
    });
}

#[test]
fn a_full_disk_refuses_writes_and_loses_none() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!(
        r#"set -e
mount -t tmpfs -o size=12m tmpfs {dir}
export SEEDBED_DIR={dir}/state
{PROGRAM} daemon --host fake --state-dir $SEEDBED_DIR 2>{dir}/log & pid=$!
{PROGRAM} waitready --timeout 20
{PROGRAM} profile create before
dd if=/dev/zero of={dir}/filler bs=64k 2>/dev/null || true
for n in $(seq 60); do {PROGRAM} profile create full$n >{dir}/out 2>&1 && echo "full$n" || {{ cat {dir}/out >&2; break; }}; done
echo ---
rm {dir}/filler
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
grep ' ERROR ' {dir}/log >&2
{PROGRAM} daemon --host fake --state-dir $SEEDBED_DIR 2>>{dir}/log & pid=$!
{PROGRAM} waitready --timeout 20
{PROGRAM} profile create after
{PROGRAM} profile list --format csv
kill $pid; wait $pid 2>/dev/null || true
"#,
        dir = dir.path().display()
    );
    let out =
        Command::new("unshare").args(["-m", "--propagation", "private", "sh", "-c", &script]).output().expect("run");
    let (data, talk) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{data}\n{talk}");
    assert!(talk.contains("full"), "nobody says that the disk is full:\n{talk}");
    let (acknowledged, listed) = data.split_once("---\n").expect("both halves");
    for name in acknowledged.lines().filter(|line| line.starts_with("full")).chain(["before", "after"]) {
        assert!(listed.lines().any(|line| line.starts_with(name)), "{name} is lost:\n{data}\n{talk}");
    }
}
