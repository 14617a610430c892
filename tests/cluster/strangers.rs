//! What strangers on the network can cost, measured on real daemons: connections, memory, log lines; and what somebody
//! who was trusted still hears.

use std::fs;
use std::time::Duration;

use crate::lab::{Lab, Node, wait_for, with_three};

/// The resident memory of a member's daemon, in MiB.
fn memory(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// A key with its certificate for a client of one's own, as files of the laboratory; and the fingerprint.
fn identity(lab: &Lab, name: &str) -> (String, String, String) {
    let (key, certificate) = (lab.write(&format!("{name}.key"), ""), lab.write(&format!("{name}.crt"), ""));
    lab.nodes[1].shell(&format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {key} -out {certificate} 2>/dev/null"
    ));
    let print = lab.nodes[1].shell(&format!("openssl x509 -in {certificate} -outform DER | sha256sum | cut -c1-64"));
    (key, certificate, print.trim().to_owned())
}

#[test]
fn a_crowd_that_guesses_passwords_takes_little_memory_and_few_lines_and_holds_up_nobody() {
    with_three(|lab| {
        lab.form();
        let (key, certificate, _) = identity(lab, "guesser");
        let (before, leader) = (memory(&lab.nodes[0]), lab.leader());
        let attack = format!(
            "curl -sk -Z --parallel-max 64 --parallel-immediate --max-time 60 --key {key} --cert {certificate} \
             -d '{{\"type\": \"client\", \"password\": \"guess\"}}' -o /dev/null -w '%{{http_code}}\\n' \
             'https://10.93.0.1:8443/1.0/certificates?[1-600]' | sort | uniq -c"
        );
        let codes = lab.nodes[1].shell(&attack);
        lab.nodes[0].run_ok(&["profile", "create", "meanwhile"]);
        let after = memory(&lab.nodes[0]);
        println!("memory: {before} MiB before, {after} MiB after; answers:\n{codes}");
        assert!(codes.contains("429"), "nobody was sent away:\n{codes}");
        assert!(after < before + 40, "{before} MiB before the attack, {after} MiB after it");
        assert_eq!(lab.leader(), leader, "the lead has moved");
        let told = "strangers gave a wrong trust password or token";
        wait_for("the line that tells of it", Duration::from_secs(5), || lab.nodes[0].log().contains(told));
        let log = lab.nodes[0].log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(told)).collect();
        assert!(lines.iter().all(|line| line.contains("10.93.0.2")), "{lines:?}");
        assert!(lines.len() < 60, "one line a second at most: {}", lines.len());
        assert!(!log.contains("guess\""), "a guess is in the log");
    });
}

#[test]
fn connections_that_never_begin_take_no_descriptors_from_the_socket_and_the_members() {
    with_three(|lab| {
        lab.form();
        let open = "exec 2>/dev/null; for i in $(seq 400); do exec {fd}<>/dev/tcp/10.93.0.1/8443; done; sleep 20";
        let file = lab.write("flood.sh", open);
        let mut flood = lab.nodes[1].spawn_program(&["bash", &file]);
        std::thread::sleep(Duration::from_secs(2));
        let held = lab.nodes[0].shell("ss -Htn state established '( sport = :8443 )' dst 10.93.0.2 | wc -l");
        let held: usize = held.trim().parse().expect("a number");
        // A member's machine does not count as a stranger: that is how members get in whatever strangers do.
        assert!(held > 32, "{held}: a member's own address was limited");
        flood.kill().expect("the end of the flood");
        flood.wait().expect("the end of the flood");
        lab.nodes[1].shell("ip addr add 10.93.0.77/24 dev eth0");
        let file = lab.write(
            "flood.py",
            "import socket, time\nkept = []\nfor _ in range(400):\n    s = socket.socket()\n    s.bind(('10.93.0.77', 0))\n    s.connect(('10.93.0.1', 8443))\n    kept.append(s)\ntime.sleep(20)\n",
        );
        let mut flood = lab.nodes[1].spawn_program(&["python3", &file]);
        std::thread::sleep(Duration::from_secs(3));
        let counted = "ss -Htn state established '( sport = :8443 )' dst 10.93.0.77 | wc -l";
        let held: usize = lab.nodes[0].shell(counted).trim().parse().expect("a number");
        assert!(held <= 32, "{held} connections of one stranger are open");
        lab.nodes[0].run_ok(&["profile", "create", "meanwhile"]);
        lab.nodes[2].run_ok(&["profile", "create", "through-another"]);
        wait_for("the end of those that say nothing", Duration::from_secs(15), || {
            lab.nodes[0].shell(counted).trim() == "0"
        });
        assert!(lab.nodes[0].log().contains("strangers have too many open"), "nothing tells of it");
        flood.kill().expect("the end of the flood");
        flood.wait().expect("the end of the flood");
    });
}

#[test]
fn events_end_with_the_trust_in_whoever_listens_and_never_tell_a_tokens_secret() {
    with_three(|lab| {
        lab.form();
        let (key, certificate, print) = identity(lab, "listener");
        lab.nodes[0].run_ok(&["config", "trust", "add", &certificate]);
        let listen = lab.write(
            "listen.sh",
            &format!(
                "exec curl -skN --http1.1 --max-time 60 --key {key} --cert {certificate} -H 'Connection: Upgrade' \
                 -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: c2VlZGJlZC1zZWVkYmVkIQ==' \
                 https://10.93.0.3:8443/1.0/events > {}/events.txt",
                lab.dir.path().display()
            ),
        );
        let mut listener = lab.nodes[1].spawn_program(&["sh", &listen]);
        let heard = || fs::read(lab.dir.path().join("events.txt")).unwrap_or_default();
        let heard = || String::from_utf8_lossy(&heard()).into_owned();
        std::thread::sleep(Duration::from_secs(1));
        lab.nodes[2].run_ok(&["cluster", "add", "node9"]);
        wait_for("the event of the token", Duration::from_secs(20), || heard().contains("serverName"));
        assert!(!heard().contains("\"secret\""), "the secret of a token is in an event");
        lab.nodes[0].run_ok(&["config", "trust", "remove", &print[..12]]);
        wait_for("the end of the events", Duration::from_secs(20), || {
            listener.try_wait().expect("the listener").is_some()
        });
        let so_far = heard().len();
        lab.nodes[2].run_ok(&["cluster", "add", "node8"]);
        assert_eq!(heard().len(), so_far, "events go on");
    });
}

#[test]
fn the_trust_password_is_read_from_standard_input() {
    with_three(|lab| {
        lab.form();
        let out = lab.nodes[0].run_with(&["config", "set", "core.trust_password", "-"], "another\n");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let (key, certificate, _) = identity(lab, "client");
        for (password, code) in [("sekret", "403"), ("another", "201")] {
            let answer = lab.nodes[1].shell(&format!(
                "curl -sk --key {key} --cert {certificate} -d '{{\"type\": \"client\", \"password\": \"{password}\"}}' \
                 -o /dev/null -w '%{{http_code}}' https://10.93.0.1:8443/1.0/certificates"
            ));
            assert_eq!(answer.trim(), code, "{password}");
        }
        let twice = lab.nodes[0].run_with(&["config", "set", "user.a=-", "user.b=-"], "x");
        assert_eq!(twice.status.code(), Some(64), "{}", String::from_utf8_lossy(&twice.stderr));
    });
}
