//! The process that parses the manifests of a source: who it is, and what its end means for the daemon and the source.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Node, wait_for, with};
use crate::sources::{status, wait_standing};

const PATIENCE: Duration = Duration::from_secs(90);
/// More than measuring is inexact by, and less than any of the texts here.
const RSS_KIB_MORE: u64 = 48 << 10;

/// A directory that only root may look into.
fn closed_site(lab: &Lab) -> PathBuf {
    let site = lab.dir.path().join("site");
    fs::create_dir_all(site.join("base")).expect("directories");
    fs::create_dir_all(site.join("prod")).expect("directories");
    fs::set_permissions(&site, fs::Permissions::from_mode(0o700)).expect("a mode");
    site
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn profile(cpus: u32) -> String {
    format!("profiles:\n- name: web\n  config: {{limits.cpu: {cpus}}}\n")
}

fn has_cpus(node: &Node, cpus: u32) -> bool {
    let wanted = Value::String(cpus.to_string());
    node.get("/1.0/profiles/web").is_some_and(|web| web["config"]["limits.cpu"] == wanted)
}

fn field(pid: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.to_owned();
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The process that reads for this daemon at this moment.
fn reader(node: &Node) -> Option<u32> {
    let daemon = node.pid().to_string();
    let numbers = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_reader = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"seedbed\0read-source\0") && field(*pid, "PPid").is_some_and(|parent| parent == daemon)
    };
    numbers.filter(|pid| is_reader(pid)).find(|pid| field(*pid, "NoNewPrivs").as_deref() == Some("1"))
}

fn rss_kib(node: &Node) -> u64 {
    let text = field(node.pid(), "VmRSS").expect("its memory");
    text.trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn manifests_that_only_root_may_read_are_parsed_by_somebody_else_and_a_reader_that_is_killed_by_another_one() {
    with(&["10.93.0.1"], |lab| {
        lab.start_imagined();
        let site = closed_site(lab);
        let long = format!("{}{}", profile(1), format!("# {}\n", "x".repeat(70)).repeat(200_000));
        write(&site.join("base/a.yaml"), &long);
        let node = &lab.nodes[0];
        node.run_ok(&["source", "add", "site", "--path", &site.to_string_lossy(), "--interval", "1s"]);
        let mut pid = None;
        wait_for("a reader", PATIENCE, || {
            pid = reader(node);
            pid.is_some()
        });
        let pid = pid.expect("waited for");
        let wanted = ["seedbed-source", "nobody"].iter().find_map(|name| {
            let id =
                |flag: &str| Command::new("id").args([flag, name]).output().ok().filter(|out| out.status.success());
            Some([id("-u")?, id("-g")?].map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()))
        });
        let [uid, gid] = wanted.expect("this machine has a user `nobody`");
        let asked = ["Uid", "Gid", "Groups", "CapEff", "CapPrm"].map(|name| field(pid, name));
        if field(pid, "PPid").is_some() {
            let four = |id: &str| Some([id; 4].join(" "));
            let none = Some("0000000000000000".to_owned());
            assert_eq!(asked, [four(&uid), four(&gid), Some(String::new()), none.clone(), none]);
        }
        assert_ne!(uid, "0");
        Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
        wait_for("its end to be told", PATIENCE, || node.log().contains("was killed, by somebody"));
        wait_for("the set to be read by another one", PATIENCE, || has_cpus(node, 1));
        let ready = wait_standing(node, "site", "Ready");
        assert!(ready.get("findings").is_none_or(|findings| findings == &Value::Array(Vec::new())), "{ready}");
        assert!(field(node.pid(), "Uid").is_some_and(|uid| uid.starts_with("0 ")), "the daemon is root as before");
    });
}

#[test]
fn a_set_that_takes_more_memory_than_it_may_stalls_its_source_and_leaves_the_daemon_as_it_was() {
    with(&["10.93.0.1"], |lab| {
        let refused = lab.dir.path().join("other").to_string_lossy().into_owned();
        let arguments = ["daemon", "--host", "fake", "--state-dir", &refused, "--source-user", "no-such-user"];
        assert!(lab.nodes[0].run_exit(&arguments, 1).contains("there is no user `no-such-user` on this machine"));

        lab.nodes[0].start_with(&["--host", "fake", "--source-memory-mib", "256"]);
        lab.nodes[0].wait_ready();
        let site = closed_site(lab);
        write(&site.join("base/a.yaml"), &profile(1));
        write(&site.join("prod/a.yaml"), "profiles:\n- name: web\n  description: of prod\n");
        let (node, path) = (&lab.nodes[0], site.to_string_lossy().into_owned());
        let add = ["source", "add", "site", "--path", &path, "--layer", "base", "--layer", "prod", "--interval", "1s"];
        node.run_ok(&add);
        wait_standing(node, "site", "Ready");
        assert!(has_cpus(node, 1));

        let before = rss_kib(node);
        // Layers are in memory all together: many small values are more than their text by far.
        let new = lab.dir.path().join("new");
        fs::create_dir(&new).expect("a directory");
        for n in 0..30 {
            write(&new.join(format!("{n:02}.yaml")), &format!("x{n}: [{}]\n", "1,".repeat(200_000)));
        }
        write(&new.join("a.yaml"), &profile(2));
        fs::rename(site.join("base"), lab.dir.path().join("old")).expect("renamed");
        fs::rename(&new, site.join("base")).expect("renamed");
        wait_for("the set to be given up", PATIENCE, || status(node, "site")["reason"] == "Unread");
        let stalled = status(node, "site");
        assert_eq!((&stalled["standing"], &stalled["findings"][0]["code"]), (&"Stalled".into(), &"SB197".into()));
        let told = stalled["message"].as_str().unwrap_or_default();
        assert!(told.contains("takes more than 256 MiB of memory"), "{told}");
        let file = stalled["findings"][0]["place"]["file"].as_str().unwrap_or_default();
        assert!(file.starts_with(&format!("{path}/base/")), "{stalled}");
        let after = rss_kib(node);
        assert!(after < before + RSS_KIB_MORE, "the daemon had {before} KiB and has {after}");
        assert!(has_cpus(node, 1), "what was good last stays in force");

        fs::rename(site.join("base"), &new).expect("renamed");
        fs::rename(lab.dir.path().join("old"), site.join("base")).expect("renamed");
        write(&site.join("base/a.yaml"), &profile(3));
        wait_for("the next set", PATIENCE, || has_cpus(node, 3));
        wait_standing(node, "site", "Ready");
    });
}
