//! The two example files of the project's founding document, as they are printed: only the certificate differs.

use crate::lab::{Lab, exists, with};

const BOOTSTRAP: &str = include_str!("seed/bootstrap.yaml");
const JOIN: &str = include_str!("seed/join.yaml");

/// The addresses that the files name; the third machine joins with the second's file under its own name.
const ADDRESSES: [&str; 3] = ["10.55.60.171", "10.55.60.155", "10.55.60.156"];

fn join_text(lab: &Lab, number: usize) -> String {
    let elided = JOIN.split_once("-----BEGIN").and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----\n"));
    let (body, _) = elided.expect("the printed certificate");
    let printed = format!("-----BEGIN{body}-----END CERTIFICATE-----\n");
    let text = JOIN.replace(&printed, &lab.nodes[0].certificate_doubled());
    text.replace("10.55.60.155", &lab.nodes[number].address).replace("node2", &lab.nodes[number].name)
}

fn form(lab: &mut Lab) {
    lab.start_all();
    let out = lab.nodes[0].run_with(&["init", "--preseed"], BOOTSTRAP);
    assert!(out.status.success(), "bootstrap: {}", String::from_utf8_lossy(&out.stderr));
    for number in 1..lab.nodes.len() {
        let out = lab.nodes[number].run_with(&["init", "--preseed"], &join_text(lab, number));
        assert!(out.status.success(), "join: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_printed_files_form_a_cluster_with_pool_bridge_and_profile_everywhere() {
    with(&ADDRESSES, |lab| {
        form(lab);
        for node in &lab.nodes {
            node.wait_members(3, "Online");
            node.wait_status("/1.0/storage-pools/default", "Created");
            node.wait_status("/1.0/networks/lxdbr0", "Created");
            let profile = node.get("/1.0/profiles/default").expect("the profile");
            assert_eq!(profile["devices"]["eth0"]["parent"], "lxdbr0");
            assert!(exists(node, "storage-pools/default"), "{} has no pool directory", node.name);
            let shown = node.shell("ip -o addr show dev lxdbr0");
            assert!(shown.contains("192.168.100.14/24"), "{}: {shown}", node.name);
        }
    });
}

#[test]
fn running_any_of_the_files_again_changes_nothing() {
    with(&ADDRESSES, |lab| {
        form(lab);
        lab.nodes[0].wait_members(3, "Online");
        let before = lab.nodes[0].settled_entries();
        let out = lab.nodes[0].run_with(&["init", "--preseed"], BOOTSTRAP);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        for number in [1, 2] {
            let out = lab.nodes[number].run_with(&["init", "--preseed"], &join_text(lab, number));
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        lab.nodes[0].assert_not_written(before, "the same files again");
    });
}

#[test]
fn a_join_file_that_disagrees_is_refused_with_every_difference_and_can_be_mended() {
    with(&ADDRESSES, |lab| {
        lab.start_all();
        assert!(lab.nodes[0].run_with(&["init", "--preseed"], BOOTSTRAP).status.success());
        let right = join_text(lab, 1);
        let wrong = right.replace("driver: dir", "driver: btrfs").replace("192.168.100.14/24", "192.168.100.15/24");
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &wrong);
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{talk}");
        let place = |value: &str| {
            let at = |line: &str| Some(line.find(value)? + 1);
            let mut lines = wrong.lines().enumerate();
            let found = lines.find_map(|(number, line)| Some(format!("(-:{}:{})", number + 1, at(line)?)));
            found.expect("the value stands in the file")
        };
        let places = [place("btrfs"), place("192.168.100.15/24")];
        let values = ["storage-pool/default", "btrfs", "network/lxdbr0", "192.168.100.15/24", "192.168.100.14/24"];
        for part in values.into_iter().chain(places.iter().map(String::as_str)) {
            assert!(talk.contains(part), "`{part}` is missing in:\n{talk}");
        }
        lab.nodes[0].wait_members(1, "Online");
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &right);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        lab.nodes[0].wait_members(2, "Online");
    });
}

#[test]
fn a_wrong_password_leaves_both_sides_as_they_were() {
    with(&ADDRESSES[..2], |lab| {
        lab.start_all();
        assert!(lab.nodes[0].run_with(&["init", "--preseed"], BOOTSTRAP).status.success());
        let right = join_text(lab, 1);
        let wrong = right.replace("cluster_password: sekret", "cluster_password: guess");
        let before = lab.nodes[0].get("/1.0/certificates");
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &wrong);
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{talk}");
        assert!(!talk.contains("guess"), "the password is in the message: {talk}");
        assert_eq!(lab.nodes[0].get("/1.0/certificates"), before);
        let config = lab.nodes[1].get("/1.0").expect("the joiner's configuration");
        assert_eq!(config["config"].get("core.https_address"), None, "the joiner kept an address");
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &right);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    });
}

#[test]
fn a_certificate_of_somebody_else_is_refused_before_any_password_is_shown() {
    with(&ADDRESSES[..2], |lab| {
        lab.start_all();
        assert!(lab.nodes[0].run_with(&["init", "--preseed"], BOOTSTRAP).status.success());
        let right = join_text(lab, 1);
        let (ours, theirs) = (lab.nodes[0].certificate_doubled(), lab.nodes[1].certificate_doubled());
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &right.replace(&ours, &theirs));
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{talk}");
        assert!(talk.contains("certificate") && talk.contains("10.55.60.171:8443"), "{talk}");
        lab.nodes[0].wait_members(1, "Online");
        let out = lab.nodes[1].run_with(&["init", "--preseed"], &right);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    });
}
