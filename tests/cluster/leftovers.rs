//! What an earlier life of a state directory has left on the machine.

use std::time::Duration;

use crate::lab::{wait_for, with};

/// The daemon's disk is replaced while its DHCP server runs: the server is its own, and is not called somebody else's.
#[test]
fn a_dhcp_server_that_an_earlier_daemon_left_is_replaced() {
    with(&["10.93.0.1"], |lab| {
        let file = lab.write(
            "net.yaml",
            "networks: [{name: br7, type: bridge, config: {ipv4.address: 10.97.0.1/24, ipv6.address: none}}]\n",
        );
        lab.start_all();
        lab.nodes[0].run_ok(&["apply", "--yes", &file]);
        // The brackets keep the shell that looks out of what it finds.
        let state_dir = lab.nodes[0].state_dir.display().to_string();
        let count = format!("pgrep -fc -- '--pid-file={state_dir}[/]networks/br7/'");
        let node = &mut lab.nodes[0];
        node.kill9();
        std::fs::remove_dir_all(&node.state_dir).expect("replace the disk");
        node.shell("ip link del br7");
        node.start();
        node.wait_ready();
        node.run_ok(&["apply", "--yes", &file]);
        wait_for("the network", Duration::from_secs(30), || {
            lab.nodes[0].get("/1.0/networks/br7").is_some_and(|network| network["status"] == "Created")
        });
        assert_eq!(lab.nodes[0].shell(&count).trim(), "1");
    });
}
