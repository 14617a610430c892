//! What somebody may do with a cluster who may only commit to a repository that it follows.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use crate::lab::{Lab, wait_for, with};
use crate::sources::{Repository, status, wait_standing};

const PATIENCE: Duration = Duration::from_secs(90);

/// One member, whose source `evil` follows a repository that anybody may commit to.
fn with_evil(test: impl FnOnce(&Lab, &Repository)) {
    with(&["10.93.0.1"], |lab| {
        lab.form();
        let repository = Repository::new(lab.dir.path());
        repository.commit("profiles:\n- name: web\n", false);
        let url = format!("file://{}", repository.dir.display());
        lab.nodes[0].run_ok(&["source", "add", "evil", "--git", &url, "--interval", "1s"]);
        wait_standing(&lab.nodes[0], "evil", "Ready");
        test(lab, &repository);
    });
}

/// Commits a set, and waits until it is refused for the reason with this code.
fn refused(lab: &Lab, repository: &Repository, text: &str, code: &str) {
    repository.commit(text, false);
    wait_for(&format!("{code} for {text}"), PATIENCE, || {
        let status = status(&lab.nodes[0], "evil");
        status["standing"] == "Stalled" && status["findings"][0]["code"] == code
    });
}

#[test]
fn a_commit_does_not_become_root() {
    with_evil(|lab, repository| {
        let node = &lab.nodes[0];
        let mark = lab.dir.path().join("ran");
        // A source that may run programs is not redirected.
        let own = lab.dir.path().join("own");
        fs::create_dir(&own).expect("a directory");
        fs::write(own.join("a.yaml"), "profiles:\n- name: own\n").expect("a file");
        node.run_ok(&["source", "add", "ops", "--path", &own.to_string_lossy(), "--allow-exec"]);
        wait_standing(node, "ops", "Ready");
        let other = lab.dir.path().join("other");
        fs::create_dir(&other).expect("a directory");
        let evil = format!("config:\n  core.trust_password: 'exec:/bin/touch {}'\n", mark.display());
        fs::write(other.join("a.yaml"), evil).expect("a file");
        let redirect = format!("sources:\n- {{name: ops, path: {}}}\n", other.display());
        refused(lab, repository, &redirect, "SB195");
        node.run_ok(&["source", "set", "evil", "--allow-raw"]);
        wait_for("the redirection to be refused", PATIENCE, || {
            let findings = status(node, "evil")["findings"].to_string();
            findings.contains("SB194") || findings.contains("SB069")
        });
        node.run_ok(&["source", "set", "evil", "--allow-raw", "off"]);
        let raw =
            "networks:\n- {name: br9, type: bridge, config: {ipv4.address: 10.77.0.1/24, raw.dnsmasq: log-queries}}\n";
        refused(lab, repository, raw, "SB195");
        let script = raw.replace("log-queries", "'dhcp-script=/bin/sh'");
        refused(lab, repository, &script, "SB051");
        let out = node.run(&["network", "create", "br9", "raw.dnsmasq=dhcp-script=/bin/sh"]);
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("dhcp-script"),
            "nor does a person hand that over: {out:?}"
        );
        assert!(!mark.exists(), "a program has run");
    });
}

#[test]
fn a_reference_neither_hangs_the_daemon_nor_tells_what_there_is() {
    with_evil(|lab, repository| {
        let node = &lab.nodes[0];
        node.run_ok(&["source", "set", "evil", "--allow-raw"]);
        for path in ["/dev/ptmx", "/etc/shadow", "/proc/self/environ", "/nowhere"] {
            refused(lab, repository, &format!("config: {{core.trust_password: 'file:{path}'}}\n"), "SB193");
            let told = status(node, "evil")["findings"][0]["message"].as_str().unwrap_or_default().to_owned();
            assert!(told.contains("may not be used here"), "{told}");
        }
        refused(lab, repository, "config: {core.trust_password: 'env:PATH'}\n", "SB193");
        node.run_ok(&["profile", "create", "alive"]);
    });
}

#[test]
fn links_in_a_directory_show_nothing_that_lies_elsewhere() {
    with(&["10.93.0.1"], |lab| {
        lab.form();
        let node = &lab.nodes[0];
        let site = lab.dir.path().join("site");
        fs::create_dir(&site).expect("a directory");
        fs::write(site.join("a.yaml"), "profiles:\n- name: web\n").expect("a file");
        let secret = lab.write("shadow", "root:$6$PLANTED:1\n");
        node.run_ok(&["source", "add", "site", "--path", &site.to_string_lossy(), "--interval", "1s"]);
        wait_standing(node, "site", "Ready");
        let before = resident_kib(node.pid());
        for target in ["/dev/zero", secret.as_str()] {
            symlink(target, site.join("x.yaml")).expect("a link");
            wait_standing(node, "site", "Stalled");
            let told = status(node, "site").to_string();
            assert!(told.contains("leads out of") && !told.contains("PLANTED"), "{told}");
            fs::remove_file(site.join("x.yaml")).expect("removed");
            wait_standing(node, "site", "Ready");
        }
        let after = resident_kib(node.pid());
        assert!(after < before + (64 << 10), "{before} KiB before, {after} KiB after");
    });
}

#[test]
fn a_checkout_is_nobody_elses_to_read() {
    with_evil(|lab, _| {
        let sources = lab.nodes[0].state_dir.join("sources");
        assert_eq!(mode(&sources), 0o700);
        assert_eq!(mode(&sources.join("evil")), 0o700);
    });
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What a screen must never be given: all controls but the end of a line, and what turns the direction of reading.
fn obeyed(text: &str) -> Vec<char> {
    let is_bad = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(is_bad).collect()
}

#[test]
fn no_screen_obeys_what_others_have_written() {
    const HOSTILE: &str = "\u{1b}[2K\u{1b}[1A\u{7}\r\u{9b}31m\u{202e}gone";
    with(&["10.93.0.1"], |lab| {
        lab.form();
        let node = &lab.nodes[0];
        let body = serde_json::json!({"name": "web", "description": HOSTILE, "config": {"user.x": HOSTILE}});
        assert_eq!(node.request("POST", "/1.0/profiles", Some(&body)).0, 201);
        let config = serde_json::json!({"config": {"user.x": HOSTILE}, "description": HOSTILE});
        assert_eq!(node.request("PATCH", "/1.0/projects/default", Some(&config)).0, 200);
        assert_eq!(node.request("PATCH", "/1.0", Some(&serde_json::json!({"config": {"user.x": HOSTILE}}))).0, 200);
        let site = lab.dir.path().join("si\u{1b}[2Kte");
        fs::create_dir(&site).expect("a directory");
        fs::write(site.join("a\u{1b}[1A\u{202e}.yaml"), "profiles:\n- nam: x\n").expect("a file");
        let path = site.to_string_lossy().into_owned();
        let source = serde_json::json!({"name": "site", "description": HOSTILE, "path": path, "member": "node1"});
        assert_eq!(node.request("POST", "/1.0/sources", Some(&source)).0, 201);
        wait_standing(node, "site", "Stalled");
        let named = serde_json::json!({"name": format!("a{HOSTILE}"), "config": {}});
        assert_eq!(node.request("POST", "/1.0/profiles", Some(&named)).0, 400, "nor is it a name");
        let escaped = "\\e[2K\\e[1A\\a\\x9b31m\\u202egone";
        let file = lab.write(
            "x.yaml",
            &format!("profiles: [{{name: new, description: \"{escaped}\", config: {{user.x: \"{escaped}\"}}}}]\n"),
        );
        node.run_ok(&["hold", "profile/web", "--for", "1h", "--reason", HOSTILE]);
        let commands: Vec<Vec<&str>> = vec![
            vec!["profile", "list"],
            vec!["profile", "show", "web"],
            vec!["profile", "get", "web", "user.x"],
            vec!["project", "list"],
            vec!["source", "list"],
            vec!["source", "show", "site"],
            vec!["cluster", "list"],
            vec!["config", "show"],
            vec!["status"],
            vec!["export"],
            vec!["drift"],
            vec!["history"],
            vec!["audit", "list"],
            vec!["hold", "list"],
            vec!["plan", &file],
            vec!["validate", &file],
            vec!["validate", &path],
            vec!["validate", "--report", "github", &path],
            vec!["validate", "--report", "sarif", &path],
            vec!["validate", "--report", "json", &path],
            vec!["plan", &path],
            vec!["profile", "show", HOSTILE],
            vec!["apply", &file],
            vec!["source", "remove", "site"],
        ];
        for command in commands {
            for format in ["table", "compact", "csv", "json", "yaml"] {
                let out = node.run(&[&["-f", format], command.as_slice()].concat());
                // A program that asks for one value gets it as it is.
                let is_one = command.contains(&"get");
                let stdout = String::from_utf8_lossy(&out.stdout);
                let stderr = String::from_utf8_lossy(&out.stderr);
                assert!(is_one || obeyed(&stdout).is_empty(), "{command:?} {format}: {stdout:?}");
                assert_eq!(obeyed(&stderr), [], "{command:?} {format}: {stderr:?}");
            }
        }
    });
}
