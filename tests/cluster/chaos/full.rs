//! A member whose disk is full: it ends, says why, and goes on when it is started again.

use std::time::Duration;

use serde_json::json;

use super::{PATIENCE, heal, with_disks};
use crate::lab::wait_for;

#[test]
fn a_member_whose_disk_is_full_ends_and_has_everything_when_it_is_started_again() {
    with_disks(|lab, disks| {
        lab.form();
        disks[2].fill();
        let mut made = Vec::new();
        let mut code = None;
        wait_for("the member with the full disk to end", PATIENCE, || {
            let name = format!("large-{}", made.len());
            let body = json!({ "name": name, "description": "x".repeat(200_000) });
            let (status, why) = lab.nodes[0].request("POST", "/1.0/profiles", Some(&body));
            assert!(status < 300, "the others go on: {status} {why}");
            made.push(name);
            code = lab.nodes[2].ended();
            code.is_some()
        });
        let log = lab.nodes[2].log();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("full") && log.contains("the daemon ends"), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        disks[2].free();
        heal(lab);
        wait_for("everything on the member that was away", Duration::from_secs(60), || {
            made.iter().all(|name| lab.nodes[2].get(&format!("/1.0/profiles/{name}")).is_some())
        });
    });
}
