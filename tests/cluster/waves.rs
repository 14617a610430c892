//! Changes that come to the members in waves, with real daemons and real bridges: what fails on the first member does
//! not come to the others.

use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(90);

fn bridge(mtu: u32, members: &str) -> String {
    let network = format!("{{bridge.mtu: {mtu}, ipv4.address: none, ipv6.address: none}}");
    format!("networks:\n- name: br7\n  type: bridge\n  config: {network}\n  members: {{{members}}}\n")
}

/// The MTU of the bridge as the machine has it; empty when there is no bridge.
fn mtu(node: &Node) -> String {
    node.shell("cat /sys/class/net/br7/mtu 2>/dev/null").trim().to_owned()
}

fn mtus(lab: &Lab) -> Vec<String> {
    lab.nodes.iter().map(mtu).collect()
}

/// What the object says of its waves.
fn waves(node: &Node) -> Value {
    let status = node.run(&["status", "network/br7", "--format", "json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    status["objects"][0]["waves"].clone()
}

#[test]
fn what_fails_on_the_first_member_leaves_the_others_as_they_are_and_goes_on_once_mended() {
    with_three(|lab| {
        lab.form();
        let good = lab.write("good.yaml", &bridge(1500, ""));
        lab.nodes[0].run_ok(&["apply", &good]);
        assert_eq!(mtus(lab), ["1500", "1500", "1500"]);

        // Only on node1 it is an interface that the kernel attaches to no bridge, so that only it can fail.
        lab.nodes[0].shell("ip link add ext9 type bridge");
        let broken = lab.write("broken.yaml", &bridge(1400, "node1: {bridge.external_interfaces: ext9}"));
        let planned = lab.nodes[2].run_exit(&["plan", &broken, "--canary"], 2);
        assert!(planned.contains("in waves: node1, then node2, then node3; it stops when a member fails"), "{planned}");
        let said = lab.nodes[2].run_exit(&["apply", &broken, "--canary"], 4);
        assert!(
            said.contains("network/br7 stopped after 1 failure on node1; node2, node3 keep what they have."),
            "{said}"
        );
        for node in &lab.nodes {
            wait_for(&format!("{} to see it", node.name), PATIENCE, || waves(node)["stopped"] == true);
            assert_eq!(waves(node)["failed"], serde_json::json!(["node1"]));
        }
        assert_eq!(mtus(lab)[1..], ["1500", "1500"], "nobody else has begun");
        // What they have is kept up, too: a bridge does not outlive a reboot.
        lab.nodes[2].kill9();
        lab.nodes[2].shell("ip link del br7");
        lab.nodes[2].start();
        lab.nodes[2].wait_ready();
        wait_for("node3 to have its bridge again", PATIENCE, || mtu(&lab.nodes[2]) == "1500");

        // A mended manifest comes in the same order, asked for again or not.
        let mended = lab.write("mended.yaml", &bridge(1450, ""));
        let again = lab.nodes[0].run_ok(&["apply", &mended, "--timeout", "90s"]);
        assert!(again.contains("in waves: node1, then node2, then node3"), "{again}");
        assert_eq!(mtus(lab), ["1450", "1450", "1450"]);
        assert_eq!(waves(&lab.nodes[0]), Value::Null, "it has come to all of them");
    });
}

#[test]
fn what_has_stopped_goes_back_or_goes_on_in_spite_of_the_failure_or_when_the_member_is_mended() {
    with_three(|lab| {
        lab.form();
        let good = lab.write("good.yaml", &bridge(1500, ""));
        lab.nodes[0].run_ok(&["apply", &good]);
        let history = lab.nodes[0].run_ok(&["history", "--format", "json"]);
        let history: Value = serde_json::from_str(&history).expect("a list");
        let before = history[0]["revision"].to_string();
        let broken = lab.write("broken.yaml", &bridge(1400, "node2: {bridge.external_interfaces: ext9}"));
        lab.nodes[1].shell("ip link add ext9 type bridge");
        lab.nodes[0].run_exit(&["apply", &broken, "--canary=node2"], 4);
        assert_eq!([mtu(&lab.nodes[0]), mtu(&lab.nodes[2])], ["1500", "1500"]);

        lab.nodes[1].run_ok(&["apply", "--revision", &before, "--timeout", "90s"]);
        assert_eq!(mtus(lab), ["1500", "1500", "1500"]);
        assert_eq!(waves(&lab.nodes[1]), Value::Null, "the way back is taken by all at once");

        lab.nodes[0].run_exit(&["apply", &broken, "--canary=node2"], 4);
        lab.nodes[0].run_exit(&["apply", &broken, "--resume"], 4);
        wait_for("the others to take it up", PATIENCE, || [mtu(&lab.nodes[0]), mtu(&lab.nodes[2])] == ["1400", "1400"]);
        lab.nodes[1].shell("ip link del ext9 && ip link add ext9 type veth peer name ext9-peer");
        wait_for("node2 to take it up, too", PATIENCE, || waves(&lab.nodes[1]) == Value::Null);
        assert_eq!(mtus(lab), ["1400", "1400", "1400"]);
    });
}
