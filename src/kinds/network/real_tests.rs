//! Networks on the real machine, as root, each test in a network namespace of its own.

#![cfg(target_os = "linux")]

use std::fs;
use std::future::Future;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::NetworkSpec;
use super::node::NetworkNode;
use crate::host::{BridgeFacts, BridgeMedium, Host, Lasting, Link, Reach, linux};
use crate::kinds::registry::actuator::{ActOutcome, Actuator, AnyActuator, Intent, Local, Work};
use crate::model::{Config, Key, Revision, Spec};

static COUNT: AtomicU32 = AtomicU32::new(0);

const NAT: &[(&str, &str)] = &[("ipv4.address", "10.213.7.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none")];
const NONE: &[(&str, &str)] = &[("ipv4.address", "none"), ("ipv6.address", "none")];

/// A network namespace that goes with everything in it, also when a test fails.
struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let this = Self(format!("sbnet-{}-{count}", std::process::id()));
        run("ip", &["netns", "add", &this.0]);
        this
    }

    fn enter(&self) {
        let file = fs::File::open(Path::new("/run/netns").join(&self.0)).expect("the namespace has a file");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let pids = attempt("ip", &["netns", "pids", &self.0]);
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            attempt("kill", &["-9", pid]);
        }
        attempt("ip", &["netns", "del", &self.0]);
    }
}

fn attempt(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().expect("the program is installed")
}

fn run(program: &str, args: &[&str]) -> String {
    let output = attempt(program, args);
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a process runs no more; what is left of it until its parent asks does not count.
fn has_ended(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn lacks() -> Option<&'static str> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let is_root = rustix::process::geteuid().is_root();
    match () {
        () if !is_root => Some("root is needed"),
        () if !has("ip") || !has("nft") || !has("dnsmasq") => Some("ip, nft and dnsmasq are needed"),
        () => None,
    }
}

/// One machine: a state directory, and a daemon that can be started again.
struct Machine {
    state: TempDir,
    host: Host,
}

impl Machine {
    fn restart(&mut self) {
        self.host = linux::host(self.state.path());
    }

    async fn converge(&self, work: &Work) -> ActOutcome {
        NetworkNode.converge(&self.host, work).await
    }

    async fn steps(&self, pairs: &[(&str, &str)]) -> Vec<String> {
        match self.converge(&work(pairs, Intent::Present)).await {
            ActOutcome::Converged { steps, .. } => steps,
            other => panic!("it should converge: {other:?}"),
        }
    }

    async fn reason(&self, pairs: &[(&str, &str)]) -> &'static str {
        match self.converge(&work(pairs, Intent::Present)).await {
            ActOutcome::Failed(error) => error.reason,
            other => panic!("it should fail: {other:?}"),
        }
    }

    async fn remove(&self) {
        let outcome = self.converge(&work(NONE, Intent::Absent)).await;
        assert!(matches!(outcome, ActOutcome::Gone), "{outcome:?}");
    }

    async fn facts(&self) -> BridgeFacts {
        let local = typed(NONE);
        match NetworkNode.observe(&self.host, &local).await.expect("it can be looked at") {
            Some(super::node::Observed::Bridge(seen)) => match seen.medium {
                BridgeMedium::Ours(facts) => facts,
                other => panic!("it should be ours: {other:?}"),
            },
            _ => panic!("there should be a bridge"),
        }
    }

    async fn link(&self, name: &str) -> Option<Link> {
        self.host.network.link(name).await.expect("netlink works")
    }

    fn server(&self) -> String {
        let pid = self.state.path().join("networks/br0/dnsmasq.pid");
        fs::read_to_string(pid).expect("a server runs").trim().to_owned()
    }
}

fn typed(pairs: &[(&str, &str)]) -> Local<NetworkSpec> {
    let spec = NetworkSpec { config: pairs.iter().copied().collect(), ..NetworkSpec::default() };
    let key = Key::new("network", "br0");
    Local { key, uid: Revision(7), member: "m1".into(), spec, config: Config::default(), known: false }
}

fn work(pairs: &[(&str, &str)], intent: Intent) -> Work {
    let Local { key, uid, member, spec, config, known } = typed(pairs);
    let value = serde_json::to_value(spec).expect("JSON");
    let spec = Spec(value.as_object().expect("an object").clone());
    Work { local: Local { key, uid, member, spec, config, known }, intent }
}

/// Runs a test in a namespace of its own, where there is nothing but a loopback interface.
fn on_a_machine<F: Future<Output = ()>>(test: fn(Machine) -> F) {
    if let Some(lack) = lacks() {
        crate::host::skip(lack);
        return;
    }
    let namespace = Namespace::new();
    let thread = std::thread::scope(|scope| {
        let body = || {
            namespace.enter();
            let state = TempDir::new().expect("a directory");
            let host = linux::host(state.path());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(test(Machine { state, host }));
        };
        scope.spawn(body).join()
    });
    drop(namespace);
    if let Err(panic) = thread {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_bridge_is_made_adopted_changed_and_removed() {
    on_a_machine(|mut machine| async move {
        let steps = machine.steps(NAT).await;
        assert_eq!(steps.first().map(String::as_str), Some("make the bridge"));
        assert_eq!(machine.steps(NAT).await, [""; 0], "a second pass has nothing to do");
        let bridge = machine.link("br0").await.expect("it stands");
        assert!(bridge.up && bridge.kind == "bridge" && bridge.mtu == 1500, "{bridge:?}");
        assert!(bridge.alias.as_deref().is_some_and(|alias| alias.starts_with("seedbed:7@")), "{bridge:?}");
        let rules = run("nft", &["list", "table", "inet", "seedbed.br0"]);
        assert!(rules.contains("ip saddr 10.213.7.0/24 ip daddr != 10.213.7.0/24 masquerade"), "{rules}");
        assert_eq!(fs::read_to_string("/proc/sys/net/ipv4/ip_forward").expect("a setting"), "1\n");

        let server = machine.server();
        machine.restart();
        assert_eq!(machine.steps(NAT).await, [""; 0], "a restarted daemon adopts what stands");
        assert_eq!(machine.server(), server);

        let mac = bridge.hwaddr;
        let changed =
            [("ipv4.address", "10.213.8.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none"), ("bridge.mtu", "1400")];
        machine.steps(&changed).await;
        let bridge = machine.link("br0").await.expect("it stands");
        assert_eq!((bridge.mtu, bridge.hwaddr), (1400, mac), "changed in place");
        assert_eq!(machine.facts().await.addresses, ["10.213.8.1/24".parse().expect("an address")]);
        assert_ne!(machine.server(), server, "the server listens on another address now");
        assert!(run("nft", &["list", "table", "inet", "seedbed.br0"]).contains("10.213.8.0/24"));

        let server = machine.server();
        machine.remove().await;
        assert_eq!(machine.link("br0").await, None);
        assert!(has_ended(&server), "the server is gone");
        assert_eq!(run("nft", &["list", "ruleset"]), "");
        assert!(!machine.state.path().join("networks/br0").exists());
        machine.remove().await;
    });
}

#[test]
fn both_families_with_routes_and_a_server_that_answers() {
    on_a_machine(|machine| async move {
        let pairs = [
            ("ipv4.address", "10.213.7.1/24"),
            ("ipv4.routes", "192.0.2.0/24"),
            ("ipv6.address", "fd42:213:7::1/64"),
            ("ipv6.nat", "true"),
            ("ipv6.routes", "2001:db8:7::/64"),
            ("raw.dnsmasq", "host-record=here.lxd,10.213.7.9\n"),
        ];
        machine.steps(&pairs).await;
        assert_eq!(machine.steps(&pairs).await, [""; 0]);
        assert_eq!(fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding").expect("a setting"), "1\n");
        let facts = machine.facts().await;
        assert_eq!((facts.addresses.len(), facts.routes.len(), facts.ipv6), (2, 2, true), "{facts:?}");
        assert!(run("ip", &["route"]).contains("192.0.2.0/24 dev br0 proto 183 scope link"));
        run("ip", &["link", "set", "lo", "up"]);
        for (name, address) in [("_gateway.lxd", [10, 213, 7, 1]), ("here.lxd", [10, 213, 7, 9])] {
            assert_eq!(resolve("10.213.7.1:53", name), address, "{name}");
        }

        machine.steps(&pairs[..1].iter().chain(&NONE[1..]).copied().collect::<Vec<_>>()).await;
        let facts = machine.facts().await;
        assert_eq!((facts.addresses.len(), facts.routes.len(), facts.ipv6), (1, 0, false), "{facts:?}");
        machine.steps(NONE).await;
        assert_eq!(run("nft", &["list", "ruleset"]), "");
        machine.remove().await;
    });
}

#[test]
fn what_was_changed_behind_the_daemons_back_is_noticed_and_mended() {
    on_a_machine(|machine| async move {
        machine.steps(NAT).await;
        run("nft", &["flush", "chain", "inet", "seedbed.br0", "postrouting"]);
        assert_eq!(machine.steps(NAT).await, ["load the packet rules"]);
        run("nft", &["delete", "table", "inet", "seedbed.br0"]);
        assert_eq!(machine.steps(NAT).await, ["load the packet rules"]);
        run("ip", &["addr", "add", "10.99.0.1/24", "dev", "br0"]);
        assert_eq!(machine.steps(NAT).await, [""; 0], "addresses of others are theirs");
        run("ip", &["addr", "del", "10.213.7.1/24", "dev", "br0"]);
        assert_eq!(machine.steps(NAT).await, ["add the address 10.213.7.1/24"]);
        run("kill", &["-9", &machine.server()]);
        while !has_ended(&machine.server()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(machine.steps(NAT).await, ["start the DHCP and DNS server"]);
        assert_eq!(machine.steps(NAT).await, [""; 0]);
        run("kill", &["-9", &machine.server()]);
        machine.host.network.disturbed().await;
        assert_eq!(machine.steps(NAT).await, ["start the DHCP and DNS server"], "a dead server is told of at once");
        run("ip", &["link", "delete", "br0"]);
        let steps = machine.steps(NAT).await;
        assert!(steps.contains(&"start the DHCP and DNS server".to_owned()), "{steps:?}");
        assert_eq!(machine.steps(NAT).await, [""; 0]);
        machine.remove().await;
    });
}

#[test]
fn a_server_that_cannot_listen_says_why_and_is_tried_again() {
    on_a_machine(|machine| async move {
        let other = UdpSocket::bind("0.0.0.0:53").expect("a free port");
        let ActOutcome::Failed(error) = machine.converge(&work(NAT, Intent::Present)).await else {
            panic!("the port is taken");
        };
        assert!(error.to_string().contains("Address already in use; another DNS or DHCP server"), "{error}");
        drop(other);
        assert_eq!(machine.steps(NAT).await, ["start the DHCP and DNS server"]);
        machine.remove().await;
    });
}

#[test]
fn a_setting_that_the_server_does_not_take_leaves_the_one_that_runs_alone() {
    on_a_machine(|machine| async move {
        machine.steps(NAT).await;
        let server = machine.server();
        let other = [("ipv4.address", "10.213.8.1/24"), ("ipv6.address", "none"), ("raw.dnsmasq", "domain=x\nno-such")];
        let wanted = work(&other, Intent::Present);
        let unfit =
            NetworkNode.judge(&machine.host, &wanted.local, None).await.expect("a judgement").expect("it is wrong");
        assert_eq!(unfit.to_string(), "raw.dnsmasq was not taken: dnsmasq: bad option `no-such` (line 2)");
        let ActOutcome::Failed(error) = machine.converge(&wanted).await else { panic!("the setting is wrong") };
        assert_eq!((error.reason, error.lasting), ("SettingRefused", Lasting::UntilMended), "{error}");
        // Neither its addresses nor its server were touched.
        assert_eq!(machine.steps(NAT).await, [""; 0]);
        assert_eq!(machine.server(), server);
        assert_eq!(
            NetworkNode.judge(&machine.host, &work(NAT, Intent::Present).local, None).await.expect("a judgement"),
            None
        );
        machine.remove().await;
    });
}

#[test]
fn a_server_that_cannot_start_otherwise_goes_on_as_it_was() {
    on_a_machine(|machine| async move {
        let without_names = [NAT, &[("dns.mode", "none")]].concat();
        machine.steps(&without_names).await;
        let other = UdpSocket::bind("0.0.0.0:53").expect("a free port");
        let ActOutcome::Failed(error) = machine.converge(&work(NAT, Intent::Present)).await else {
            panic!("the port is taken");
        };
        assert_eq!(error.reason, "ServiceFailed", "{error}");
        assert!(!has_ended(&machine.server()), "addresses are given out as before");
        assert_eq!(machine.steps(&without_names).await, ["load the packet rules"]);
        drop(other);
        assert_eq!(machine.steps(NAT).await, ["load the packet rules", "start the DHCP and DNS server"]);
        machine.remove().await;
    });
}

#[test]
fn two_daemons_on_one_machine_leave_each_others_bridges_alone() {
    on_a_machine(|mut machine| async move {
        machine.steps(NONE).await;
        let other = TempDir::new().expect("a directory");
        let host = std::mem::replace(&mut machine.host, linux::host(other.path()));
        assert_eq!(machine.reason(NONE).await, "InterfaceTaken");
        machine.remove().await;
        machine.host = host;
        assert_eq!(machine.steps(NONE).await, [""; 0]);
        let spelled = machine.state.path().join("../").join(machine.state.path().file_name().expect("a name"));
        machine.host = linux::host(&spelled);
        assert_eq!(machine.steps(NONE).await, [""; 0], "the same directory, however it is spelled");
        machine.remove().await;
    });
}

#[test]
fn an_interface_of_somebody_else_is_left_alone() {
    on_a_machine(|machine| async move {
        run("ip", &["link", "add", "br0", "type", "bridge"]);
        assert_eq!(machine.reason(NAT).await, "InterfaceTaken");
        machine.remove().await;
        assert_eq!(machine.link("br0").await.expect("it stands").alias, None);
        run("ip", &["link", "set", "br0", "alias", "seedbed:6@00000000"]);
        assert_eq!(machine.reason(NAT).await, "InterfaceTaken");
        machine.remove().await;
        assert!(machine.link("br0").await.is_some());
        assert_eq!(run("nft", &["list", "ruleset"]), "");
    });
}

#[test]
fn interfaces_of_the_machine_are_attached_and_detached() {
    on_a_machine(|mut machine| async move {
        run("ip", &["link", "add", "eth1", "type", "veth", "peer", "name", "far1"]);
        run("ip", &["link", "add", "eth2", "mtu", "1300", "type", "veth", "peer", "name", "far2"]);
        run("ip", &["link", "add", "guest", "type", "veth", "peer", "name", "far3"]);
        let with = |ports: &'static str| [NONE, &[("bridge.external_interfaces", ports)]].concat();
        machine.steps(&with("eth1,eth2")).await;
        let bridge = machine.link("br0").await.expect("it stands");
        assert_eq!(bridge.mtu, 1500, "a port with smaller packets does not shrink the bridge");
        for port in ["eth1", "eth2"] {
            assert_eq!(machine.link(port).await.expect("a port").controller, Some(bridge.index));
        }
        run("ip", &["link", "set", "guest", "master", "br0"]);
        machine.restart();
        assert_eq!(machine.steps(&with("eth1,eth2")).await, [""; 0]);
        assert_eq!(machine.steps(&with("eth2")).await, ["detach the interface eth1"]);
        assert_eq!(machine.link("eth1").await.expect("it stands").controller, None);
        assert_eq!(machine.link("guest").await.expect("it stands").controller, Some(bridge.index));

        assert_eq!(machine.reason(&with("eth2,eth9")).await, "InterfaceMissing");
        run("ip", &["addr", "add", "192.0.2.9/24", "dev", "eth1"]);
        assert_eq!(machine.reason(&with("eth1")).await, "InterfaceInUse");
        run("ip", &["addr", "flush", "dev", "eth1"]);
        run("ip", &["link", "add", "br9", "type", "bridge"]);
        run("ip", &["link", "set", "eth1", "master", "br9"]);
        assert_eq!(machine.reason(&with("eth1")).await, "InterfaceInUse");
        machine.remove().await;
        assert_eq!(machine.link("eth2").await.expect("it outlives the bridge").controller, None);
    });
}

#[test]
fn clients_get_addresses_and_leases_are_listed() {
    on_a_machine(|machine| async move {
        run("ip", &["link", "add", "eth1", "type", "veth", "peer", "name", "far1"]);
        let pairs =
            [NAT, &[("bridge.external_interfaces", "eth1"), ("ipv4.dhcp.ranges", "10.213.7.40-10.213.7.40")]].concat();
        machine.steps(&pairs).await;
        let far = Namespace::new();
        run("ip", &["link", "set", "far1", "netns", &far.0]);
        run("ip", &["-n", &far.0, "link", "set", "far1", "up"]);
        run("ip", &["-n", &far.0, "route", "add", "255.255.255.255", "dev", "far1"]);
        let offered = std::thread::scope(|scope| {
            let ask = || {
                far.enter();
                discover([0x00, 0x16, 0x3e, 1, 2, 3], "guest")
            };
            scope.spawn(ask).join().expect("the client ends")
        });
        assert_eq!(offered, [10, 213, 7, 40]);
        let leases = machine.host.network.leases("br0").await.expect("leases");
        let shown: Vec<String> =
            leases.iter().map(|lease| format!("{} {} {}", lease.hostname, lease.hwaddr, lease.address)).collect();
        assert_eq!(shown, ["guest 00:16:3e:01:02:03 10.213.7.40"]);
        machine.remove().await;
    });
}

#[test]
fn a_missing_program_is_named_and_the_bridge_stands_all_the_same() {
    on_a_machine(|mut machine| async move {
        machine.host =
            linux::host_with(machine.state.path(), std::sync::Arc::new(linux::Recorded::default().missing()));
        assert_eq!(machine.reason(NAT).await, "MissingTool");
        assert!(machine.link("br0").await.expect("it stands").up);
        machine.restart();
        assert_eq!(machine.steps(NAT).await, ["load the packet rules", "start the DHCP and DNS server"]);
        machine.remove().await;
    });
}

#[test]
fn all_interfaces_of_the_machine_are_listed() {
    on_a_machine(|machine| async move {
        run("ip", &["link", "set", "lo", "up"]);
        run("ip", &["link", "add", "eth1", "type", "veth", "peer", "name", "far1"]);
        machine.steps(NAT).await;
        let links = machine.host.network.links().await.expect("netlink works");
        let shown: Vec<(&str, &str)> = links.iter().map(|link| (link.name.as_str(), link.kind.as_str())).collect();
        assert_eq!(shown, [("br0", "bridge"), ("eth1", "unknown"), ("far1", "unknown"), ("lo", "loopback")]);
        let local = |link: &&Link| link.addresses.iter().any(|address| address.scope == Reach::Local);
        assert_eq!(links.iter().find(local).map(|link| link.name.as_str()), Some("lo"));
        machine.remove().await;
    });
}

/// Asks a name server for the IPv4 address of a name.
fn resolve(server: &str, name: &str) -> [u8; 4] {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).expect("a short label"));
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    socket.send_to(&question, server).expect("it is sent");
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).expect("an answer");
    answer[length - 4..length].try_into().expect("four bytes")
}

/// Asks for an address in one exchange, and returns the one that was given.
fn discover(mac: [u8; 6], name: &str) -> [u8; 4] {
    let socket = UdpSocket::bind("0.0.0.0:68").expect("a socket");
    socket.set_broadcast(true).expect("broadcasts");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let mut packet = vec![0; 240];
    packet[..4].copy_from_slice(&[1, 1, 6, 0]);
    packet[4..8].copy_from_slice(&[1, 2, 3, 4]);
    packet[10] = 0x80;
    packet[28..34].copy_from_slice(&mac);
    packet[236..240].copy_from_slice(&[99, 130, 83, 99]);
    packet.extend([53, 1, 1, 80, 0, 12, u8::try_from(name.len()).expect("a short name")]);
    packet.extend(name.as_bytes());
    packet.push(255);
    socket.send_to(&packet, "255.255.255.255:67").expect("it is sent");
    let mut answer = [0; 1500];
    socket.recv(&mut answer).expect("an answer");
    answer[16..20].try_into().expect("four bytes")
}

#[test]
fn any_number_of_looks_at_the_same_time_see_what_is_there() {
    on_a_machine(|machine| async move {
        for number in 0..40 {
            run("ip", &["link", "add", &format!("look{number}"), "type", "bridge"]);
            run("ip", &["addr", "add", &format!("10.214.{number}.1/24"), "dev", &format!("look{number}")]);
        }
        let look = |number: usize| {
            let network = &machine.host.network;
            async move {
                let name = format!("look{}", number % 40);
                // One that is given up in the middle must not disturb those that come after it.
                let _given_up = tokio::time::timeout(Duration::from_micros(50), network.links()).await;
                let link = network.link(&name).await.expect("it can be looked at").expect("it is there");
                assert_eq!(link.addresses.len(), 1, "{link:?}");
                assert_eq!(network.links().await.expect("a list").len(), 41);
            }
        };
        futures_util::future::join_all((0..200).map(look)).await;
    });
}

#[test]
fn a_bridge_that_is_taken_away_or_switched_off_is_told_of_at_once() {
    on_a_machine(|machine| async move {
        machine.steps(NONE).await;
        for lose in [&["link", "del", "br0"][..], &["link", "set", "br0", "down"]] {
            let disturbed = machine.host.network.disturbed();
            let lost = async {
                // The kernel is listened to once somebody waits.
                tokio::time::sleep(Duration::from_millis(100)).await;
                run("ip", lose);
            };
            let told = async { tokio::join!(disturbed, lost) };
            tokio::time::timeout(Duration::from_secs(10), told).await.expect("it is told of");
            assert!(!machine.steps(NONE).await.is_empty(), "{lose:?}");
        }
        // What is told of twice is looked at twice: that does no harm.
        let soon = Duration::from_millis(300);
        while tokio::time::timeout(soon, machine.host.network.disturbed()).await.is_ok() {}
        // What it takes away itself is nothing new.
        machine.remove().await;
        let silence = tokio::time::timeout(Duration::from_millis(600), machine.host.network.disturbed()).await;
        assert!(silence.is_err(), "a removal is no disturbance");
    });
}
