//! Nobody shows old data as the present: a member that hears no leader says so on every screen, in every answer, within
//! two seconds, and advises nothing that cannot be done then.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Node, wait_for, with, with_three};

/// Everything that only reads. Each ends with 4 and says first that it is old.
const READING: &[&[&str]] = &[
    &["status"],
    &["status", "profile/default"],
    &["status", "--format", "json"],
    &["waitready", "--timeout", "5"],
    &["cluster", "list"],
    &["cluster", "show", "node1"],
    &["cluster", "list-tokens"],
    &["get", "members"],
    &["get", "profiles"],
    &["get", "certificates"],
    &["get", "plans"],
    &["get", "holds"],
    &["storage", "list"],
    &["storage", "show", "data"],
    &["network", "list"],
    &["profile", "list"],
    &["profile", "show", "default"],
    &["project", "list"],
    &["config", "show"],
    &["source", "list"],
    &["webhook", "list"],
    &["hold", "list"],
    &["history"],
    &["audit", "list"],
    &["export"],
];

/// From the fault to the first answer that says so. Two seconds, and what a loaded machine adds.
const NOTICED: Duration = Duration::from_millis(3_500);

fn formed(lab: &mut Lab) {
    lab.form();
    let node = &lab.nodes[0];
    let pool = lab.write("pool.yaml", "storage_pools: [{name: data, driver: dir}]\n");
    node.run_ok(&["apply", "--yes", &pool]);
    for node in &lab.nodes {
        wait_for("the state to arrive", Duration::from_secs(30), || {
            node.get("/1.0/storage-pools/data").is_some_and(|pool| pool["status"] == "Created")
        });
        // Whoever joined last votes by now.
        wait_for("a current copy", Duration::from_secs(30), || !is_old(node));
    }
}

fn is_old(node: &Node) -> bool {
    node.get("/1.0/seedbed/objects?key=profile/default").is_some_and(|reply| reply.get("outdated").is_some())
}

/// Everything that a member can be asked says that what it shows is old.
fn assert_says_so(lab: &Lab, number: usize, words: &str, since: Instant) {
    let node = &lab.nodes[number];
    wait_for("an answer that says that it is old", NOTICED, || is_old(node));
    assert!(since.elapsed() < NOTICED, "after {:?}", since.elapsed());
    for arguments in READING {
        let told = node.run_exit(arguments, 4);
        assert!(told.contains(&format!("! {} {words}, for ", node.name)), "{arguments:?}\n{told}");
        assert!(told.contains("Nothing can be changed now: "), "{arguments:?}\n{told}");
        assert!(!told.contains("--force"), "advice that cannot work\n{told}");
    }
    let members = node.get("/1.0/cluster/members?recursion=1").expect("the members");
    for member in members.as_array().expect("a list") {
        let is_me = member["server_name"] == node.name.as_str();
        assert_eq!(member["status"], if is_me { "Online" } else { "Unknown" }, "{member}");
        assert!(!member["roles"].to_string().contains("database-leader"), "{member}");
        assert_ne!(member["message"], "Fully operational", "{member}");
    }
    let (_, metrics) = node.request("GET", "/1.0/metrics", None);
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("\nseedbed_has_leader 0.0\n") && metrics.contains("\nseedbed_leader 0.0\n"), "{metrics}");
    let outdated = metrics.lines().find_map(|line| line.strip_prefix("seedbed_outdated_seconds ")?.parse::<f64>().ok());
    assert!(outdated.is_some_and(|seconds| seconds > 1.0), "{metrics}");
    let status = node.run_exit(&["status", "--format", "json"], 4);
    assert!(status.contains("\"converged\": false") && status.contains("\"outdated\""), "{status}");
}

/// What changes something is refused with what is lacking, and not with what would work in a cluster that has it.
fn assert_refuses(node: &Node) {
    let told = node.run_exit(&["cluster", "remove", "node1", "--force"], 4);
    assert!(told.contains("nothing was changed") && told.contains("must be"), "{told}");
    let told = node.run_exit(&["profile", "create", "p1"], 4);
    assert!(told.contains("must be"), "{told}");
}

#[test]
fn a_follower_that_is_left_alone_says_so_everywhere_and_recovers() {
    with_three(|lab| {
        formed(lab);
        let leader = lab.leader();
        let (other, last) = ((leader + 1) % 3, (leader + 2) % 3);
        lab.nodes[leader].kill9();
        lab.nodes[other].kill9();
        assert_says_so(lab, last, "has heard no leader", Instant::now());
        assert_refuses(&lab.nodes[last]);
        lab.nodes[other].start();
        lab.nodes[other].wait_ready();
        wait_for("a current copy", Duration::from_secs(30), || !is_old(&lab.nodes[last]));
        let status = lab.nodes[last].run(&["status"]);
        let talk = String::from_utf8_lossy(&status.stderr).into_owned();
        assert!(!talk.contains('!'), "{talk}");
    });
}

#[test]
fn a_leader_that_has_lost_its_voters_says_so_everywhere() {
    with_three(|lab| {
        formed(lab);
        let leader = lab.leader();
        let name = lab.nodes[leader].name.clone();
        lab.nodes[(leader + 1) % 3].kill9();
        lab.nodes[(leader + 2) % 3].kill9();
        let since = Instant::now();
        let node = &lab.nodes[leader];
        wait_for("an answer that says that it is old", NOTICED, || is_old(node));
        assert!(since.elapsed() < NOTICED);
        let told = node.run_exit(&["cluster", "list"], 4);
        assert!(told.contains(&format!("! {name} leads and has not heard most voters, for ")), "{told}");
        assert!(!told.contains("database-leader"), "{told}");
        assert_says_so(lab, leader, "leads and has not heard most voters", Instant::now());
    });
}

#[test]
fn the_second_of_two_says_so_when_the_only_voter_is_gone() {
    with(&["10.93.0.1", "10.93.0.2"], |lab| {
        formed(lab);
        lab.nodes[0].kill9();
        assert_says_so(lab, 1, "has heard no leader", Instant::now());
        lab.nodes[0].start();
        lab.nodes[0].wait_ready();
        wait_for("a current copy", Duration::from_secs(30), || !is_old(&lab.nodes[1]));
    });
}

/// Cut off, it goes on leading nobody; the others choose a new leader and are as well as before.
#[test]
fn a_leader_that_is_cut_off_says_so_and_the_others_do_not() {
    with_three(|lab| {
        formed(lab);
        let leader = lab.leader();
        let via = (leader + 1) % 3;
        lab.cable(leader + 1, "down");
        let since = Instant::now();
        let node = &lab.nodes[leader];
        wait_for("an answer that says that it is old", NOTICED, || is_old(node));
        assert!(since.elapsed() < NOTICED);
        let told = node.run_exit(&["cluster", "list"], 4);
        assert!(told.contains("has not heard most voters") && !told.contains("database-leader"), "{told}");
        wait_for("a new leader", Duration::from_secs(30), || !is_old(&lab.nodes[via]));
        lab.nodes[via].run_ok(&["cluster", "list"]);
        lab.cable(leader + 1, "up");
        wait_for("a current copy", Duration::from_secs(30), || !is_old(&lab.nodes[leader]));
        lab.nodes[leader].run_ok(&["cluster", "list"]);
    });
}

/// A call that another member passed on to a leader whose cable is pulled in the middle ends in seconds, not in minutes.
#[test]
fn what_was_passed_on_follows_the_leader() {
    with_three(|lab| {
        formed(lab);
        let leader = lab.leader();
        let (via, gone) = ((leader + 1) % 3, lab.nodes[leader].name.clone());
        lab.cable(leader + 1, "down");
        let begun = Instant::now();
        let first = lab.nodes[via].run(&["cluster", "remove", &gone, "--force"]);
        assert!(begun.elapsed() < Duration::from_secs(12), "it hung for {:?}", begun.elapsed());
        if first.status.code() != Some(0) {
            let talk = String::from_utf8_lossy(&first.stderr);
            assert_eq!(first.status.code(), Some(4), "{talk}");
            wait_for("the new leader", Duration::from_secs(30), || {
                lab.nodes[via].run(&["cluster", "remove", &gone, "--force"]).status.code() == Some(0)
            });
        }
        lab.nodes[via].wait_members(2, "Online");
    });
}

/// Who was silent for long is not back because another one leads.
#[test]
fn silence_does_not_begin_anew_with_a_new_leader() {
    with(&["10.93.0.1", "10.93.0.2", "10.93.0.3", "10.93.0.4"], |lab| {
        lab.form();
        let leader = lab.leader();
        // One without a vote: of three voters one may go, and that is the leader.
        let members = lab.nodes[leader].get("/1.0/cluster/members?recursion=1").expect("the members");
        let stands_by = |member: &&serde_json::Value| member["roles"].to_string().contains("database-standby");
        let found = members.as_array().expect("a list").iter().find(stands_by).expect("one that stands by");
        let dead = lab.nodes.iter().position(|node| found["server_name"] == node.name.as_str()).expect("its machine");
        let name = lab.nodes[dead].name.clone();
        lab.nodes[dead].kill9();
        std::thread::sleep(Duration::from_secs(7));
        lab.nodes[leader].kill9();
        std::thread::sleep(Duration::from_secs(3));
        let via = (0..4).find(|number| *number != leader && *number != dead).expect("two are left");
        wait_for("a new leader", Duration::from_secs(30), || !is_old(&lab.nodes[via]));
        let (_, metrics) = lab.nodes[via].request("GET", "/1.0/metrics", None);
        let label = format!("seedbed_member_silent_seconds{{member=\"{name}\"}} ");
        let metrics = metrics.as_str().expect("text");
        let silent = metrics.lines().find_map(|line| line.strip_prefix(label.as_str())?.parse::<f64>().ok());
        assert!(silent.is_some_and(|seconds| seconds >= 8.0), "{name} has been silent for ten seconds: {silent:?}");
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("the files") {
        let entry = entry.expect("a file");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("its type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("it is copied")),
        }
    }
}

/// Asked of any member, now and when another one leads.
fn assert_put_back(node: &Node, name: &str) {
    let words = format!("{name}: its disk was put back to an old copy ");
    wait_for("the screens to say so", Duration::from_secs(30), || {
        let out = node.run(&["status"]);
        out.status.code() == Some(4) && String::from_utf8_lossy(&out.stdout).contains(&words)
    });
    let told = node.run_exit(&["status"], 4);
    assert!(told.contains("seedbed audit verify") && told.contains("1 degraded"), "{told}");
    assert!(node.run_exit(&["status", "--format", "json"], 4).contains("\"put_back\""));
    let told = node.run_exit(&["cluster", "list"], 0);
    assert!(told.contains("DEGRADED") && told.contains(&words) && told.contains("seedbed audit verify"), "{told}");
    let member = node.get(&format!("/1.0/cluster/members/{name}")).expect("the member");
    assert_eq!(member["status"], "Degraded", "{member}");
}

#[test]
fn a_member_whose_disk_was_put_back_is_shown_as_such_by_all_and_by_the_next_leader() {
    with_three(|lab| {
        formed(lab);
        let leader = lab.leader();
        let follower = (leader + 1) % 3;
        let (dir, image) = (lab.nodes[follower].state_dir.join("database"), lab.dir.path().join("image"));
        let name = lab.nodes[follower].name.clone();
        lab.nodes[follower].kill9();
        copy(&dir, &image);
        lab.nodes[follower].start();
        lab.nodes[follower].wait_ready();
        for number in 0..10 {
            lab.nodes[follower].run_ok(&["profile", "create", &format!("p{number}")]);
        }
        lab.nodes[follower].kill9();
        fs::remove_dir_all(&dir).expect("it goes");
        copy(&image, &dir);
        lab.nodes[follower].start();
        lab.nodes[follower].wait_ready();
        for node in &lab.nodes {
            assert_put_back(node, &name);
        }
        lab.nodes[follower].run_ok(&["audit", "verify"]);
        lab.nodes[leader].kill9();
        for number in [1, 2] {
            let node = &lab.nodes[(leader + number) % 3];
            wait_for("a current copy", Duration::from_secs(30), || !is_old(node));
            assert_put_back(node, &name);
        }
    });
}

/// Says how soon each side of a cut shows it: for the eyes of people.
#[test]
#[ignore = "a measurement: cargo test --test cluster -- --ignored --nocapture how_soon_each_side_says_so"]
fn how_soon_each_side_says_so() {
    with_three(|lab| {
        formed(lab);
        for round in 0..5 {
            let leader = lab.leader();
            lab.cable(leader + 1, "down");
            let since = Instant::now();
            let name = lab.nodes[leader].name.clone();
            let other = &lab.nodes[(leader + 1) % 3];
            let (mut own, mut theirs) = (None, None);
            while own.is_none() || theirs.is_none() {
                assert!(since.elapsed() < Duration::from_secs(30), "it is not noticed");
                let is_old = || lab.nodes[leader].run(&["status"]).status.code() == Some(4);
                if own.is_none() && is_old() {
                    own = Some(since.elapsed());
                }
                let names_it = || {
                    let out = other.run(&["status"]);
                    let text = String::from_utf8_lossy(&out.stdout).into_owned();
                    text.contains(&format!("{name} has been silent")) && !is_old_text(&out.stderr)
                };
                if theirs.is_none() && names_it() {
                    theirs = Some(since.elapsed());
                }
            }
            println!("round {round}: the leader that was cut off {own:?}, the others name it {theirs:?}");
            lab.cable(leader + 1, "up");
            for node in &lab.nodes {
                wait_for("a current copy", Duration::from_secs(30), || !is_old(node));
            }
        }
    });
}

fn is_old_text(talk: &[u8]) -> bool {
    String::from_utf8_lossy(talk).contains("Nothing can be changed now")
}
