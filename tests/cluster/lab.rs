//! A laboratory of network namespaces with real daemons in them. It goes away with its value, also on a panic.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::skip::skip;
use crate::wire;

const PROGRAM: &str = env!("CARGO_BIN_EXE_seedbed");

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Some machines on one network, each a namespace of its own.
pub struct Lab {
    hub: String,
    pub nodes: Vec<Node>,
    pub dir: TempDir,
}

/// One machine of the laboratory.
pub struct Node {
    pub name: String,
    pub address: String,
    pub state_dir: PathBuf,
    space: String,
    log: PathBuf,
    daemon: Option<Child>,
}

/// Whether this machine lets us make namespaces; says so when it does not.
pub fn can_run() -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    let has_ip = Command::new("ip").arg("-V").output().is_ok();
    if !(is_root && has_ip) {
        skip("network namespaces need root and the package iproute2");
    }
    is_root && has_ip
}

/// Runs `test` in a laboratory with a machine for each address, all in one /24.
pub fn with(addresses: &[&str], test: impl FnOnce(&mut Lab)) {
    if can_run() {
        test(&mut Lab::new(addresses));
    }
}

/// Three machines at 10.93.0.1 to .3, which is where `examples/three-members.yaml` puts them.
pub fn with_three(test: impl FnOnce(&mut Lab)) {
    with(&["10.93.0.1", "10.93.0.2", "10.93.0.3"], test);
}

impl Lab {
    fn new(addresses: &[&str]) -> Self {
        let id = format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let hub = format!("sbt{id}-hub");
        let dir = tempfile::Builder::new().prefix("seedbed-lab").tempdir().expect("a scratch directory");
        let mut lab = Self { hub: hub.clone(), nodes: Vec::new(), dir };
        ip(&["netns", "add", &hub]);
        ip(&["-n", &hub, "link", "add", "lab", "type", "bridge"]);
        ip(&["-n", &hub, "link", "set", "lab", "up"]);
        for (index, address) in addresses.iter().enumerate() {
            lab.plug(&id, index + 1, address);
        }
        lab
    }

    fn plug(&mut self, id: &str, number: usize, address: &str) {
        let (space, port) = (format!("sbt{id}-{number}"), format!("v{number}"));
        ip(&["netns", "add", &space]);
        ip(&["-n", &space, "link", "set", "lo", "up"]);
        ip(&["-n", &self.hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &space]);
        ip(&["-n", &self.hub, "link", "set", &port, "master", "lab", "up"]);
        ip(&["-n", &space, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        ip(&["-n", &space, "link", "set", "eth0", "up"]);
        let name = format!("node{number}");
        let state_dir = self.dir.path().join(&name);
        self.nodes.push(Node {
            log: self.dir.path().join(format!("{name}.log")),
            address: (*address).to_owned(),
            name,
            state_dir,
            space,
            daemon: None,
        });
    }

    /// Starts every daemon and waits until each answers.
    pub fn start_all(&mut self) {
        for node in &mut self.nodes {
            node.start();
        }
        for node in &self.nodes {
            node.wait_ready();
        }
    }

    /// The same with daemons that imagine their storage and networks.
    pub fn start_imagined(&mut self) {
        for node in &mut self.nodes {
            node.start_with(&["--host", "fake"]);
        }
        for node in &self.nodes {
            node.wait_ready();
        }
    }

    /// Takes a machine's cable out or puts it back.
    pub fn cable(&self, number: usize, state: &str) {
        ip(&["-n", &self.hub, "link", "set", &format!("v{number}"), state]);
    }

    /// Writes a file for the commands to read.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("write a file of the laboratory");
        path.to_string_lossy().into_owned()
    }

    /// Forms a cluster of all machines from one manifest with `cluster.members`, which it returns.
    pub fn form(&mut self) -> String {
        let all = self.nodes.len();
        self.form_of(all)
    }

    /// Starts all machines and forms a cluster of the first ones; the manifest names them all.
    pub fn form_of(&mut self, count: usize) -> String {
        self.start_all();
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let file = self.list(&names);
        for node in &self.nodes[..count] {
            node.run_ok(&["init", "--preseed", &file]);
        }
        self.nodes[0].wait_members(count, "Online");
        file
    }

    /// Writes a manifest that lists these machines in this order.
    pub fn list(&self, names: &[&str]) -> String {
        let node = |name: &str| self.nodes.iter().find(|node| node.name == name).expect("a machine of the laboratory");
        let entry = |name: &&str| format!("    {name}: {{address: \"{}:8443\"}}\n", node(name).address);
        let members: String = names.iter().map(entry).collect();
        self.write(
            "form.yaml",
            &format!("cluster:\n  enabled: true\n  cluster_password: sekret\n  members:\n{members}"),
        )
    }

    /// The machine that leads, asked of any that answers.
    pub fn leader(&self) -> usize {
        let mut found = None;
        wait_for("a leader", Duration::from_secs(90), || {
            found = self.nodes.iter().filter(|node| node.is_running()).find_map(|node| {
                let members = node.get("/1.0/cluster/members?recursion=1")?;
                let leads = |member: &&Value| {
                    member["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "database-leader"))
                        && member["status"] == "Online"
                };
                let name = members.as_array()?.iter().find(leads)?["server_name"].as_str()?.to_owned();
                self.nodes.iter().position(|node| node.name == name && node.is_running())
            });
            found.is_some()
        });
        found.expect("waited until there was one")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                node.show_log();
            }
        }
        for node in &mut self.nodes {
            node.kill9();
            end_all_in(&node.space);
            let _ = Command::new("ip").args(["netns", "del", &node.space]).status();
        }
        let _ = Command::new("ip").args(["netns", "del", &self.hub]).status();
    }
}

/// Ends what the daemons of this laboratory left in their own namespace, such as dnsmasq.
fn end_all_in(space: &str) {
    let Ok(out) = Command::new("ip").args(["netns", "pids", space]).output() else { return };
    for pid in String::from_utf8_lossy(&out.stdout).split_whitespace() {
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
}

impl Node {
    /// Starts the daemon without waiting for it.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the daemon so that it ends itself, as `kill -9` does, at this instant of a join.
    pub fn start_mortal(&mut self, instant: &str) {
        self.start_with(&["--crash-at", instant]);
    }

    /// Starts the daemon with a clock that is so far from everybody else's, as in `+2h`.
    pub fn start_skewed(&mut self, skew: &str) {
        self.start_as(&["faketime", "-f", skew], &[]);
    }

    /// Starts the daemon with further arguments.
    pub fn start_with(&mut self, arguments: &[&str]) {
        self.start_as(&[], arguments);
    }

    fn start_as(&mut self, around: &[&str], arguments: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(&self.log).expect("open the log");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space]).args(around);
        command.args([PROGRAM, "daemon", "--log", "info", "--state-dir"]);
        command.arg(&self.state_dir).args(arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.daemon = Some(command.spawn().expect("start a daemon"));
    }

    /// Waits until the daemon answers: what it shows may be old, when most others are away.
    pub fn wait_ready(&self) {
        let arguments = ["waitready", "--timeout", "90"];
        let out = self.run(&arguments);
        let code = if out.status.code() == Some(4) { 4 } else { 0 };
        self.must(&arguments, code, out);
    }

    /// `kill -9`, as a power cut of this process alone.
    pub fn kill9(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Whether the daemon has ended by itself by now.
    pub fn has_died(&mut self) -> bool {
        let ended = self.daemon.as_mut().is_none_or(|daemon| daemon.try_wait().is_ok_and(|status| status.is_some()));
        if ended {
            self.daemon = None;
        }
        ended
    }

    /// The exit code of a daemon that has ended by itself by now; -1 where a signal ended it.
    pub fn ended(&mut self) -> Option<i32> {
        let status = self.daemon.as_mut()?.try_wait().expect("its status")?;
        self.daemon = None;
        Some(status.code().unwrap_or(-1))
    }

    /// What its daemons have said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} to {}", self.name);
    }

    /// Stops the daemon as a service manager does, and waits for its end, which must be a good one.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let (name, mut code) = (self.name.clone(), None);
        wait_for(&format!("the end of {name}"), Duration::from_secs(90), || {
            code = code.or_else(|| self.ended());
            code.is_some()
        });
        assert_eq!(code, Some(0), "{name} was stopped");
    }

    /// Waits for the end of a daemon that was started to die.
    pub fn wait_dead(&mut self) {
        let name = self.name.clone();
        wait_for(&format!("the end of {name}"), Duration::from_secs(90), || self.has_died());
    }

    pub fn is_running(&self) -> bool {
        self.daemon.is_some()
    }

    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("a running daemon").id()
    }

    /// Runs `seedbed` with this member's state directory, in this machine's network.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.spawn(arguments);
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("feed the command");
        child.wait_with_output().expect("wait for the command")
    }

    /// The same in a directory, where what the arguments name lies.
    pub fn run_in(&self, dir: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space, PROGRAM]).args(arguments).current_dir(dir);
        command.env("SEEDBED_DIR", &self.state_dir).stdin(Stdio::null()).output().expect("run a command")
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space, PROGRAM]).args(arguments).env("SEEDBED_DIR", &self.state_dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("start a command")
    }

    /// Runs `seedbed`, which must exit with 0, and returns its standard output.
    pub fn run_ok(&self, arguments: &[&str]) -> String {
        self.must(arguments, 0, self.run(arguments))
    }

    /// Runs `seedbed`, which must exit with `code`, and returns both its outputs in one.
    pub fn run_exit(&self, arguments: &[&str], code: i32) -> String {
        let out = self.run(arguments);
        let talk = String::from_utf8_lossy(&out.stderr).into_owned();
        self.must(arguments, code, out) + &talk
    }

    fn must(&self, arguments: &[&str], code: i32, out: Output) -> String {
        let (data, talk) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{}: seedbed {arguments:?}\n{data}\n{talk}", self.name);
        data.into_owned()
    }

    /// Starts any program in this machine's network, without waiting for it.
    pub fn spawn_program(&self, words: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space]).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("start a program")
    }

    /// Runs any program in this machine's network.
    pub fn shell(&self, line: &str) -> String {
        let out = Command::new("ip").args(["netns", "exec", &self.space, "sh", "-c", line]).output().expect("run sh");
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    }

    /// One request to this member's unix socket: the status and the answer's metadata, or its error text.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        wire::request(&self.state_dir.join("unix.socket"), method, path, body)
            .unwrap_or_else(|cause| (0, Value::String(cause.to_string())))
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        match self.request("GET", path, None) {
            (200, value) => Some(value),
            _ => None,
        }
    }

    /// Waits until this member sees `count` members, all with this status.
    pub fn wait_members(&self, count: usize, status: &str) {
        wait_for(&format!("{count} members {status} on {}", self.name), Duration::from_secs(90), || {
            let members = self.get("/1.0/cluster/members?recursion=1");
            let all = members.as_ref().and_then(Value::as_array);
            all.is_some_and(|list| list.len() == count && list.iter().all(|member| member["status"] == status))
        });
    }

    /// Waits until an LXD path shows this status.
    pub fn wait_status(&self, path: &str, status: &str) {
        wait_for(&format!("{path} {status} on {}", self.name), Duration::from_secs(90), || {
            self.get(path).is_some_and(|object| object["status"] == status)
        });
    }

    /// How many entries this member's Raft log has had besides those that an election writes: one a term.
    pub fn entries(&self) -> i64 {
        let state = self.get("/1.0/seedbed/objects").expect("the stored objects");
        let (_, metrics) = self.request("GET", "/1.0/metrics", None);
        let metrics = metrics.as_str().expect("text, not JSON").to_owned();
        let term = metrics.lines().find_map(|line| line.strip_prefix("seedbed_raft_term ")?.parse::<f64>().ok());
        state["last_log_index"].as_i64().expect("a log index") - term.expect("a term") as i64
    }

    /// The same as soon as nothing is written any more for half a second.
    pub fn settled_entries(&self) -> i64 {
        let (mut entries, mut since) = (self.entries(), Instant::now());
        wait_for("the log to come to rest", Duration::from_secs(90), || {
            let now = self.entries();
            if now != entries {
                (entries, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_millis(500)
        });
        entries
    }

    /// Fails when something besides elections was written since there were `before` entries.
    pub fn assert_not_written(&self, before: i64, what: &str) {
        let after = self.entries();
        assert!(after <= before, "{what}: {} entries were written", after - before);
    }

    pub fn certificate_doubled(&self) -> String {
        // A daemon that stands alone answers with its own.
        let shared = self.state_dir.join("cluster.crt");
        let path = if shared.exists() { shared } else { self.state_dir.join("server.crt") };
        fs::read_to_string(path).expect("the certificate that it answers with").replace('\n', "\n\n")
    }

    fn show_log(&self) {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(25).collect();
        println!("---- last lines of {}:", self.name);
        for line in tail.into_iter().rev() {
            println!("{line}");
        }
    }
}

/// Nothing that these tests wait for usually takes longer.
const USUAL: Duration = Duration::from_secs(3);
/// Where waits are written down that took ten times as long: `.ci/run` fails when there are any.
const SLOW_WAITS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/slow-waits.txt");

/// Waits for a condition; fails the test when it does not come.
pub fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed();
    if took > 10 * USUAL {
        let mut file = fs::File::options().create(true).append(true).open(SLOW_WAITS).expect("a file of slow waits");
        writeln!(file, "waited {took:?} for {what}, which usually takes less than {USUAL:?}").expect("a line");
    }
}

/// Whether a path below a member's state directory exists.
pub fn exists(node: &Node, below: &str) -> bool {
    Path::new(&node.state_dir).join(below).exists()
}

fn ip(arguments: &[&str]) {
    let out = Command::new("ip").args(arguments).output().expect("run ip");
    assert!(out.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}
