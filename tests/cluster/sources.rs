//! Sources with real daemons: directories and repositories that the cluster follows, whoever leads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn profile(cpus: u32) -> String {
    format!("profiles:\n- name: web\n  config: {{limits.cpu: {cpus}}}\n")
}

pub fn status(node: &Node, source: &str) -> Value {
    node.get(&format!("/1.0/sources/{source}/status")).unwrap_or_default()
}

pub fn wait_standing(node: &Node, source: &str, standing: &str) -> Value {
    wait_for(&format!("{source} {standing} on {}", node.name), PATIENCE, || {
        status(node, source)["standing"] == standing
    });
    status(node, source)
}

/// Waits until every running member has the profile with so many cores.
fn wait_cpus(lab: &Lab, cpus: u32) {
    let wanted = Value::String(cpus.to_string());
    for node in lab.nodes.iter().filter(|node| node.is_running()) {
        wait_for(&format!("limits.cpu={cpus} on {}", node.name), PATIENCE, || {
            node.get("/1.0/profiles/web").is_some_and(|web| web["config"]["limits.cpu"] == wanted)
        });
    }
}

/// A directory with one manifest.
fn new_site(lab: &Lab) -> PathBuf {
    let site = lab.dir.path().join("site");
    fs::create_dir(&site).expect("a directory");
    fs::write(site.join("a.yaml"), profile(1)).expect("a file");
    site
}

#[test]
fn a_directory_of_a_follower_is_followed_and_a_bad_set_changes_nothing() {
    with_three(|lab| {
        lab.form();
        let reader = (lab.leader() + 1) % 3;
        let site = new_site(lab);
        let path = site.to_string_lossy().into_owned();
        lab.nodes[reader].run_ok(&["source", "add", "site", "--path", &path]);
        wait_cpus(lab, 1);
        let ready = wait_standing(&lab.nodes[(reader + 1) % 3], "site", "Ready");
        assert_eq!(ready["reader"], lab.nodes[reader].name.as_str());

        let before = lab.nodes[reader].settled_entries();
        fs::write(site.join("a.yaml"), profile(1)).expect("the same once more");
        std::thread::sleep(Duration::from_secs(2));
        lab.nodes[reader].assert_not_written(before, "a touch");

        fs::write(site.join("b.yaml"), "profiles:\n- nam: web\n").expect("a bad file");
        fs::write(site.join("a.yaml"), profile(9)).expect("a good file beside it");
        let stalled = wait_standing(&lab.nodes[reader], "site", "Stalled");
        assert_eq!(stalled["digest"], ready["digest"], "what is in force is still told");
        assert_eq!(stalled["findings"][0]["place"]["line"], 2, "{stalled}");
        wait_cpus(lab, 1);

        fs::rename(&site, lab.dir.path().join("gone")).expect("renamed");
        wait_for("the directory to be missed", PATIENCE, || {
            status(&lab.nodes[reader], "site")["reason"] == "SourceMissing"
        });
        wait_cpus(lab, 1);
        fs::remove_file(lab.dir.path().join("gone/b.yaml")).expect("removed");
        fs::rename(lab.dir.path().join("gone"), &site).expect("renamed");
        wait_cpus(lab, 9);
        wait_standing(&lab.nodes[reader], "site", "Ready");
    });
}

#[test]
fn a_directory_is_followed_again_after_its_reader_was_killed_and_while_suspended_it_is_not() {
    with_three(|lab| {
        lab.form();
        let reader = (lab.leader() + 1) % 3;
        let site = new_site(lab);
        lab.nodes[reader].run_ok(&["source", "add", "site", "--path", &site.to_string_lossy()]);
        wait_cpus(lab, 1);
        lab.nodes[reader].kill9();
        fs::write(site.join("a.yaml"), profile(2)).expect("a file");
        lab.nodes[reader].start();
        lab.nodes[reader].wait_ready();
        wait_cpus(lab, 2);

        let other = &lab.nodes[(reader + 1) % 3];
        other.run_ok(&["source", "suspend", "site", "--for", "1h"]);
        wait_standing(other, "site", "Suspended");
        fs::write(site.join("a.yaml"), profile(3)).expect("a file");
        other.run_exit(&["source", "sync", "site"], 5);
        wait_cpus(lab, 2);
        other.run_ok(&["source", "resume", "site"]);
        wait_cpus(lab, 3);
        other.run_ok(&["source", "remove", "site"]);
        wait_for("the status to go", PATIENCE, || {
            let objects = other.get("/1.0/seedbed/objects?key=source-status/site").expect("objects");
            objects["objects"].as_array().is_some_and(Vec::is_empty)
        });
        wait_cpus(lab, 3);
    });
}

#[test]
fn a_source_has_layers_variables_and_a_secret_that_is_kept_elsewhere() {
    with_three(|lab| {
        lab.form();
        let node = &lab.nodes[0];
        let site = lab.dir.path().join("site");
        fs::create_dir(lab.dir.path().join("secrets")).expect("a directory");
        let password = lab.write("secrets/password", "open-sesame-7\n");
        let secrets = lab.dir.path().join("secrets").to_string_lossy().into_owned();
        let base = |cpus: &str| {
            format!(
                "config: {{core.trust_password: 'file:{password}'}}\n{}",
                profile(1).replace(": 1}", &format!(": \"{cpus}\"}}"))
            )
        };
        let prod = |text: &str| fs::write(site.join("prod/web.yaml"), text).expect("a file");
        fs::create_dir_all(site.join("base")).expect("a directory");
        fs::create_dir_all(site.join("prod")).expect("a directory");
        fs::write(site.join("base/a.yaml"), base("${CPUS}")).expect("a file");
        fs::write(site.join("base/notes.yaml"), "not: ours\n").expect("a file");
        fs::write(site.join("base/.seedbedignore"), "notes.yaml\n").expect("a file");
        prod("profiles:\n- name: web\n  config: {user.place: prod}\n");
        let path = site.to_string_lossy().into_owned();
        let add = ["source", "add", "site", "--path", &path, "--layer", "base", "--layer", "prod", "--var", "CPUS=3"];
        node.run_ok(&add);
        let stalled = wait_standing(node, "site", "Stalled");
        assert!(
            stalled["findings"][0]["message"].as_str().is_some_and(|text| text.contains("--secrets-dir")),
            "{stalled}"
        );
        node.run_ok(&["source", "set", "site", "--secrets-dir", &secrets]);
        wait_for("the key to be refused", PATIENCE, || status(node, "site")["findings"][0]["code"] == "SB195");
        node.run_ok(&["source", "set", "site", "--allow-raw"]);
        wait_cpus(lab, 3);
        wait_standing(node, "site", "Ready");
        let web = node.get("/1.0/profiles/web").expect("the profile");
        assert_eq!(web["config"]["user.place"], "prod", "{web}");
        let holds = |text: &str| holds(&lab.dir.path().join(node.name.as_str()), text.as_bytes());
        assert!(!holds("open-sesame-7") && !holds(&password), "neither the secret nor where it is kept is stored");
        assert!(holds("argon2id"), "its hash is");

        prod("profiles:\n- name: web\n  config: {limits.cpu: 5}\n");
        wait_cpus(lab, 5);
        fs::write(site.join("base/a.yaml"), base("${CPUZ}")).expect("a file");
        let stalled = wait_standing(node, "site", "Stalled");
        assert_eq!(stalled["findings"][0]["code"], "SB190", "{stalled}");
        wait_cpus(lab, 5);
    });
}

// Whether any file below a directory holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    let entries: Vec<PathBuf> =
        fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    entries.iter().any(|path| match path.is_dir() {
        true => holds(path, bytes),
        // A socket cannot be read, and a file may just have gone.
        false => fs::read(path).is_ok_and(|all| all.windows(bytes.len()).any(|part| part == bytes)),
    })
}

#[test]
fn a_directory_of_no_named_member_says_which_members_there_are() {
    with_three(|lab| {
        lab.form();
        let file = lab.write("sources.yaml", "sources:\n- {name: site, path: /srv/nowhere}\n");
        lab.nodes[1].run_ok(&["apply", "--yes", &file]);
        let stalled = wait_standing(&lab.nodes[1], "site", "Stalled");
        let message = stalled["message"].as_str().unwrap_or_default();
        assert!(lab.nodes.iter().all(|node| message.contains(node.name.as_str())), "{stalled}");
    });
}

pub struct Repository {
    pub dir: PathBuf,
    key: PathBuf,
}

impl Repository {
    pub fn new(top: &Path) -> Self {
        let (dir, key) = (top.join("repo"), top.join("key"));
        fs::create_dir(&dir).expect("a directory");
        run(&dir, "git", &["init", "--quiet", "--initial-branch=main"]);
        run(top, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key.to_string_lossy()]);
        Self { dir, key }
    }

    pub fn commit(&self, text: &str, is_signed: bool) {
        fs::write(self.dir.join("web.yaml"), text).expect("a file");
        run(&self.dir, "git", &["add", "."]);
        let key = format!("user.signingkey={}", self.key.display());
        let signing: &[&str] =
            if is_signed { &["-c", "gpg.format=ssh", "-c", &key, "-c", "commit.gpgsign=true"] } else { &[] };
        run(&self.dir, "git", &[signing, &["commit", "--quiet", "-m", "change"]].concat());
    }
}

fn run(dir: &Path, program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "me").env(format!("GIT_{who}_EMAIL"), "me@example.org");
    }
    let out = command.args(args).current_dir(dir).output().expect("it runs");
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_repository_is_followed_by_whoever_leads_and_only_signed_commits_count() {
    with_three(|lab| {
        lab.form();
        let repository = Repository::new(lab.dir.path());
        let public = fs::read_to_string(repository.key.with_extension("pub")).expect("a public key");
        let signers = lab.write("signers", &format!("me@example.org {public}"));
        repository.commit(&profile(1), true);
        let url = format!("file://{}", repository.dir.display());
        let add = [
            "source",
            "add",
            "ops",
            "--git",
            &url,
            "--ref",
            "main",
            "--verify-signatures",
            &signers,
            "--interval",
            "1s",
        ];
        lab.nodes[0].run_ok(&add);
        wait_cpus(lab, 1);

        repository.commit(&profile(7), false);
        wait_for("the signature to be missed", PATIENCE, || status(&lab.nodes[0], "ops")["reason"] == "VerifyFailed");
        wait_cpus(lab, 1);
        repository.commit(&profile(2), true);
        wait_cpus(lab, 2);

        let leader = lab.leader();
        lab.nodes[leader].kill9();
        repository.commit(&profile(3), true);
        wait_cpus(lab, 3);
        let other = &lab.nodes[(leader + 1) % 3];
        // What it has put in force shows before it has told so.
        wait_for("a reader that lives", PATIENCE, || {
            let status = status(other, "ops");
            status["standing"] == "Ready" && status["reader"] != lab.nodes[leader].name.as_str()
        });
        other.run_ok(&["source", "sync", "ops"]);
    });
}

#[test]
fn what_another_client_changes_or_deletes_is_put_back_unless_healing_is_off() {
    with_three(|lab| {
        lab.form();
        let reader = (lab.leader() + 1) % 3;
        let site = new_site(lab);
        let path = site.to_string_lossy().into_owned();
        lab.nodes[reader].run_ok(&["source", "add", "site", "--path", &path, "--interval", "1s"]);
        wait_cpus(lab, 1);
        wait_standing(&lab.nodes[reader], "site", "Ready");

        let other = &lab.nodes[(reader + 1) % 3];
        let edit = serde_json::json!({ "config": { "limits.cpu": "7" } });
        assert_eq!(other.request("PATCH", "/1.0/profiles/web", Some(&edit)).0, 200);
        wait_cpus(lab, 1);
        assert_eq!(other.request("DELETE", "/1.0/profiles/web", None).0, 200);
        wait_cpus(lab, 1);
        let told = other.run_ok(&["audit", "list", "--object", "profile/web"]);
        assert!(told.matches("source:site").count() >= 3, "made once and put back twice:\n{told}");

        other.run_ok(&["source", "set", "site", "--heal", "off"]);
        wait_for("the new setting to be read", PATIENCE, || {
            let shown = other.get("/1.0/seedbed/objects?key=profile/web").unwrap_or_default();
            shown["objects"][0]["management"]["heal"] == "off"
        });
        assert_eq!(other.request("PATCH", "/1.0/profiles/web", Some(&edit)).0, 200);
        wait_for("the drift to be told", PATIENCE, || other.run(&["drift"]).status.code() == Some(2));
        other.run_ok(&["source", "sync", "site"]);
        wait_cpus(lab, 1);
    });
}
