//! What no host can do is refused before it is stored, and what serves goes on.

use std::time::Duration;

use crate::lab::{Node, wait_for, with, with_three};

fn server(node: &Node, network: &str) -> String {
    let file = node.state_dir.join("networks").join(network).join("dnsmasq.pid");
    let pid = std::fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    assert!(std::path::Path::new("/proc").join(&pid).exists() && !pid.is_empty(), "{}: no server runs", node.name);
    pid
}

#[test]
fn a_setting_that_no_server_takes_is_refused_and_the_servers_go_on() {
    with_three(|lab| {
        lab.form();
        let network = |raw: &str| {
            format!("networks:\n- name: br1\n  config: {{ipv4.address: 10.60.1.1/24, ipv6.address: none{raw}}}\n")
        };
        let file = lab.write("net.yaml", &network(""));
        lab.nodes[0].run_ok(&["apply", &file]);
        let servers: Vec<String> = lab.nodes.iter().map(|node| server(node, "br1")).collect();

        let said = lab.nodes[0].run_exit(&["network", "set", "br1", "raw.dnsmasq=nonsense"], 1);
        let wanted = "raw.dnsmasq was not taken: dnsmasq on node1, node2, node3: bad option `nonsense` (line 1). \
                      Nothing was changed; br1 serves as before on all members";
        assert!(said.contains(wanted), "{said}");
        let file = lab.write("wrong.yaml", &network(", raw.dnsmasq: nonsense"));
        let said = lab.nodes[1].run_exit(&["apply", &file], 1);
        assert!(said.contains(wanted), "{said}");
        for (key, value) in [("bridge.driver", "openvswitch"), ("bridge.mode", "fan"), ("tunnel.a.protocol", "gre")] {
            let said = lab.nodes[2].run_exit(&["network", "set", "br1", &format!("{key}={value}")], 1);
            assert!(said.contains("not supported"), "{said}");
        }

        for (node, pid) in lab.nodes.iter().zip(&servers) {
            let stored = node.get("/1.0/networks/br1").expect("the network");
            assert_eq!(stored["config"]["raw.dnsmasq"], serde_json::Value::Null);
            assert_eq!(server(node, "br1"), *pid, "{}: its server was started anew", node.name);
        }
        lab.nodes[0].run_ok(&["network", "set", "br1", "dns.domain=foo.test"]);
        lab.nodes[0].run_ok(&["status"]);
    });
}

#[test]
fn interfaces_and_sources_that_one_member_cannot_give_are_named_before_anything_is_stored() {
    with_three(|lab| {
        lab.form();
        lab.nodes[2].shell("ip link add br5 type veth peer name br5-peer");
        lab.nodes[1].shell("ip link add ext7 type veth peer name ext7-peer && ip addr add 192.0.2.7/24 dev ext7");
        let disk = lab.nodes[0].state_dir.with_file_name("mine").display().to_string();
        lab.nodes[0].shell(&format!("mkdir {disk} && echo mine > {disk}/letters.txt"));
        let network = |name: &str, members: &str| {
            let config = "{ipv4.address: none, ipv6.address: none}";
            format!("networks:\n- {{name: {name}, type: bridge, config: {config}, members: {{{members}}}}}\n")
        };
        let cases = [
            (
                network("br7", "node2: {bridge.external_interfaces: ext9}"),
                "network/br7 on node2: there is no interface `ext9` (bridge.external_interfaces); plug it in, or take it \
                 out of bridge.external_interfaces of this member. Nothing was changed",
            ),
            (
                network("br7", "node2: {bridge.external_interfaces: ext7}"),
                "network/br7 on node2: `ext7` has the address 192.0.2.7/24 (bridge.external_interfaces)",
            ),
            (network("br5", ""), "network/br5 on node3: `br5` exists already: an interface of kind "),
            (
                format!("storage_pools:\n- {{name: data, driver: dir, members: {{node1: {{source: {disk}}}}}}}\n"),
                "is not empty: it holds `letters.txt` (",
            ),
        ];
        for (text, wanted) in &cases {
            let file = lab.write("wrong.yaml", &(text.clone() + "profiles:\n- {name: web}\n"));
            let said = lab.nodes[0].run_exit(&["apply", &file], 1);
            assert!(said.contains(wanted), "{wanted}\n{said}");
        }
        let said = lab.nodes[1].run_exit(&["network", "create", "br5"], 1);
        assert!(said.contains("network/br5 on node3: `br5` exists already"), "{said}");
        for node in &lab.nodes {
            for object in ["networks/br7", "networks/br5", "storage-pools/data", "profiles/web"] {
                let stored = node.get(&format!("/1.0/{object}")).filter(|found| found["managed"] != false);
                assert_eq!(stored, None, "{}: {object}", node.name);
            }
        }

        // What it had and lost keeps nothing else from being changed.
        let good = lab.write("good.yaml", &network("br7", "node2: {bridge.external_interfaces: ext8}"));
        lab.nodes[1].shell("ip link add ext8 type veth peer name ext8-peer");
        lab.nodes[0].run_ok(&["apply", &good]);
        lab.nodes[1].shell("ip link del ext8");
        lab.nodes[0].run(&["network", "set", "br7", "user.note=1"]);
        let stored = lab.nodes[0].get("/1.0/networks/br7").expect("the network");
        assert_eq!(stored["config"]["user.note"], "1");
    });
}

#[test]
fn the_last_member_can_leave_when_nothing_would_be_lost() {
    with(&["10.93.0.1"], |lab| {
        lab.form();
        let node = &lab.nodes[0];
        node.run_ok(&["storage", "create", "data", "dir"]);
        let said = node.run_exit(&["cluster", "remove", "node1", "--yes"], 1);
        assert!(said.contains("leaving would lose what this member has: delete storage-pool/data first"), "{said}");
        node.run_ok(&["storage", "delete", "data"]);
        node.run_ok(&["cluster", "remove", "node1", "--yes"]);
        wait_for("the member to stand alone", Duration::from_secs(60), || {
            node.get("/1.0/cluster").is_some_and(|cluster| cluster["enabled"] == false)
        });
    });
}
