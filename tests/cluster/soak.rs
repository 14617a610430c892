//! Half an hour of an operator's life in a minute, from a seed: files, hosts, other clients and members change at random
//! under a source, and at the end the cluster is what the last good set says, with nothing else touched and everything
//! that was put right in the audit log of every member.
//!
//! `SEEDBED_SOAK_SECONDS` makes it longer and `SEEDBED_SOAK_SEED` repeats a run; `make soak` takes half an hour and a seed of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::chaos::Dice;
use crate::lab::{Lab, Node, wait_for, with_three};

const PATIENCE: Duration = Duration::from_secs(120);
/// How long a run is when nobody says.
const SECONDS: u64 = 45;
/// The seed when nobody says: the same in every run, so that a change is what makes it fail.
const SEED: u64 = 2026;

/// What the files may declare; what they do not declare at the end has to go.
const PROFILES: [&str; 4] = ["p0", "p1", "p2", "p3"];

/// A change that was stamped so long before a bridge was taken away may have been brought about only after it.
const STAMPED_BEFORE_MS: i64 = 30_000;

/// A bridge that was taken away on a member that had made it as it is to be.
#[derive(Clone, Debug)]
struct Harm {
    network: String,
    member: usize,
    at: i64,
}

/// What the files declare.
#[derive(Clone, Debug, Default)]
struct Set {
    /// `limits.cpu` of each profile.
    profiles: BTreeMap<String, usize>,
    /// The description of each bridge.
    networks: BTreeMap<String, String>,
    /// Whether the protected profile has left the files.
    is_unguarded: bool,
}

impl Set {
    fn text(&self) -> String {
        let mut text = String::from("profiles:\n- {name: lasting}\n");
        if !self.is_unguarded {
            text.push_str("- {name: guarded, protect: true}\n");
        }
        for (name, cpus) in &self.profiles {
            let _ = writeln!(text, "- {{name: {name}, config: {{limits.cpu: {cpus}}}}}");
        }
        text.push_str("networks:\n");
        for (name, description) in &self.networks {
            let _ = writeln!(
                text,
                "- {{name: {name}, type: bridge, description: {description}, config: {{ipv4.address: none, ipv6.address: none}}}}"
            );
        }
        text
    }
}

/// One run: the laboratory, what was done to it, and what must hold at the end.
struct Soak<'a> {
    lab: &'a mut Lab,
    dice: Dice,
    site: PathBuf,
    reader: usize,
    /// The last good set.
    good: Set,
    /// What other clients made: name and description.
    strangers: BTreeMap<String, String>,
    /// The declared bridges that were taken away behind the daemon's back.
    harms: Vec<Harm>,
    /// When members were killed: what one has put right just before, it may not have told.
    kills: Vec<(usize, i64)>,
    round: usize,
}

impl Soak<'_> {
    /// A checkout is swapped in whole, as git-sync does it.
    fn publish(&mut self, text: &str) {
        let dir = self.site.with_file_name(format!("site.{}", self.round));
        fs::create_dir_all(&dir).expect("a directory");
        fs::write(dir.join("site.yaml"), text).expect("a file");
        let link = self.site.with_file_name("next");
        std::os::unix::fs::symlink(&dir, &link).expect("a link");
        fs::rename(&link, &self.site).expect("swapped");
    }

    /// Any member that runs, other than the one whose cable may be out.
    fn via(&mut self) -> usize {
        let running: Vec<usize> = (0..3).filter(|number| self.lab.nodes[*number].is_running()).collect();
        running[self.dice.below(running.len())]
    }

    fn edit(&mut self) {
        let round = self.round;
        let profile = PROFILES[self.dice.below(PROFILES.len())].to_owned();
        let network = format!("sbk{}", self.dice.below(2));
        if self.dice.below(4) == 0 {
            self.good.profiles.remove(&profile);
        } else {
            self.good.profiles.insert(profile, 1 + self.dice.below(8));
        }
        self.good.networks.insert(network, format!("r{round}"));
        let text = self.good.text();
        self.publish(&text);
        println!("  {round}: a good set: {:?}", self.good);
    }

    fn spoil(&mut self) {
        let mut bad = self.good.clone();
        bad.profiles.insert("never".to_owned(), 1);
        let wrong = ["- {nam: x}\n", "- name: [\n", "- {name: x, type: brigde}\n"][self.dice.below(3)];
        self.publish(&(bad.text() + wrong));
        println!("  {}: a bad set", self.round);
    }

    /// Somebody takes a declared bridge away on a host.
    fn take_bridge(&mut self) {
        let number = self.via();
        let node = &self.lab.nodes[number];
        let names: Vec<&String> = self.good.networks.keys().collect();
        if names.is_empty() {
            return;
        }
        let name = names[self.round % names.len()].clone();
        let is_made = is_made(node, &name) && has_link(node, &name);
        let harm = Harm { network: name.clone(), member: number, at: now_ms() };
        node.shell(&format!("ip link del {name}"));
        println!("  {}: {name} taken away on {}", self.round, node.name);
        // Two that are taken away before one look make one entry, which comes after both.
        if is_made {
            self.harms.push(harm);
        }
    }

    /// Another client changes what the files declare.
    fn meddle(&mut self) {
        let number = self.via();
        let Some(name) = self.good.profiles.keys().next().cloned() else { return };
        let body = json!({ "config": { "limits.cpu": "99" } });
        let (status, _) = self.lab.nodes[number].request("PATCH", &format!("/1.0/profiles/{name}"), Some(&body));
        println!("  {}: profile {name} edited by another client ({status})", self.round);
    }

    /// Another client makes something of its own.
    fn visit(&mut self) {
        let number = self.via();
        let (name, description) = (format!("stranger{}", self.round), format!("made in round {}", self.round));
        let body = json!({ "name": name, "description": description });
        let (status, _) = self.lab.nodes[number].request("POST", "/1.0/profiles", Some(&body));
        if matches!(status, 200 | 201) {
            self.strangers.insert(name, description);
        }
    }

    /// At most one member is away at a time: two of three decide.
    fn kill_or_start(&mut self) {
        if let Some(down) = (0..3).find(|number| !self.lab.nodes[*number].is_running()) {
            self.lab.nodes[down].start();
            self.lab.nodes[down].wait_ready();
            println!("  {}: node{} is back", self.round, down + 1);
        } else {
            let number = self.dice.below(3);
            self.lab.nodes[number].kill9();
            self.kills.push((number, now_ms()));
            println!("  {}: node{} killed", self.round, number + 1);
        }
    }

    fn step(&mut self) {
        self.round += 1;
        match self.dice.below(12) {
            0..=3 => self.edit(),
            4 => self.spoil(),
            5 | 6 => self.take_bridge(),
            7 => self.meddle(),
            8 => self.visit(),
            9 | 10 => self.kill_or_start(),
            _ => {}
        }
        let pause_ms = [10, 100, 400, 1500][self.dice.below(4)];
        std::thread::sleep(Duration::from_millis(pause_ms));
    }

    /// Everything runs again, and a last good set is there.
    fn settle(&mut self) {
        for node in &mut self.lab.nodes {
            if !node.is_running() {
                node.start();
                node.wait_ready();
            }
        }
        self.round += 1;
        self.good.is_unguarded = true;
        self.edit();
    }

    fn check(&self) {
        for node in &self.lab.nodes {
            for (name, cpus) in &self.good.profiles {
                let wanted = cpus.to_string();
                wait_for(&format!("profile {name} with {wanted} on {}", node.name), PATIENCE, || {
                    let shown = node.get(&format!("/1.0/profiles/{name}"));
                    shown.is_some_and(|profile| profile["config"]["limits.cpu"] == wanted.as_str())
                });
            }
            for (name, description) in &self.good.networks {
                wait_for(&format!("bridge {name} on {}", node.name), PATIENCE, || {
                    let shown = node.get(&format!("/1.0/networks/{name}")).unwrap_or_default();
                    shown["description"] == description.as_str() && shown["status"] == "Created" && has_link(node, name)
                });
            }
            for name in PROFILES.iter().filter(|name| !self.good.profiles.contains_key(**name)) {
                wait_for(&format!("profile {name} to go from {}", node.name), PATIENCE, || {
                    node.request("GET", &format!("/1.0/profiles/{name}"), None).0 == 404
                });
            }
            for (name, description) in &self.strangers {
                let shown = node.get(&format!("/1.0/profiles/{name}")).unwrap_or_default();
                assert_eq!(shown["description"], description.as_str(), "{name} on {} was touched", node.name);
            }
            assert!(node.get("/1.0/profiles/never").is_none(), "a part of a bad set came into force");
            assert!(node.get("/1.0/profiles/guarded").is_some(), "what is protected was deleted");
        }
        let told = self.lab.nodes[self.reader].run_ok(&["source", "show", "site"]);
        assert!(told.contains("Ready"), "{told}");
    }

    /// Every harm of the run is told by an entry that came after it, unless the bridge was made anew for another reason:
    /// its object was changed, or its member was killed, which may have had no time to tell.
    fn check_harms(&self) {
        let (mut told, mut excused) = (0, 0);
        for harm in &self.harms {
            let (log, member) = (&self.lab.nodes[self.reader], &self.lab.nodes[harm.member].name);
            let was_killed = self.kills.iter().any(|(member, at)| *member == harm.member && *at >= harm.at);
            let entries = entries(log, &harm.network);
            let is_changed = entries.iter().any(|(entry, at)| is_change(entry) && *at >= harm.at - STAMPED_BEFORE_MS);
            if is_told(log, &harm.network, member, harm.at) {
                told += 1;
            } else if was_killed || is_changed {
                excused += 1;
            } else {
                told += 1;
                wait_for(&format!("an entry on {harm:?}"), PATIENCE, || is_told(log, &harm.network, member, harm.at));
            }
        }
        println!("{} bridges taken away: {told} told, {excused} made anew otherwise", self.harms.len());
    }

    /// Once nothing moves any more, every bridge that is taken away is told as put right, without an excuse.
    fn harm_in_quiet(&self) {
        let mut harms = Vec::new();
        for (member, node) in self.lab.nodes.iter().enumerate() {
            for network in self.good.networks.keys() {
                wait_for(&format!("{network} to be as made on {}", node.name), PATIENCE, || {
                    is_made(node, network) && has_link(node, network)
                });
                harms.push(Harm { network: network.clone(), member, at: now_ms() });
                node.shell(&format!("ip link del {network}"));
            }
        }
        for Harm { network, member, at } in &harms {
            let node = &self.lab.nodes[*member];
            wait_for(&format!("{network} on {} to be told as put right", node.name), PATIENCE, || {
                is_told(&self.lab.nodes[self.reader], network, &node.name, *at) && has_link(node, network)
            });
        }
        for node in &self.lab.nodes {
            wait_for(&format!("{} to find the audit log whole", node.name), PATIENCE, || {
                node.run(&["audit", "verify"]).status.success()
            });
        }
    }
}

/// The deeds on a network that the audit log of a member has, each with its time.
fn entries(node: &Node, network: &str) -> Vec<(Value, i64)> {
    let list = node.get(&format!("/1.0/seedbed/audit?object=network/{network}")).unwrap_or_default();
    let mut found = Vec::new();
    for record in list.as_array().into_iter().flatten() {
        let key = format!("network/{network}");
        let deeds = record["what"].as_array().into_iter().flatten().filter(|deed| deed["key"] == key.as_str());
        found.extend(deeds.map(|deed| (deed.clone(), record["at"].as_i64().unwrap_or(0))));
    }
    found
}

fn is_change(deed: &Value) -> bool {
    ["create", "change", "delete"].iter().any(|did| deed["did"] == *did)
}

/// Whether what a member put right since then is in the log.
fn is_told(node: &Node, network: &str, member: &str, since: i64) -> bool {
    let is_it = |(deed, at): &(Value, i64)| deed["member"] == member && !is_change(deed) && *at >= since;
    entries(node, network).iter().any(is_it)
}

/// Whether a member has made a network as the cluster wants it now.
fn is_made(node: &Node, network: &str) -> bool {
    let reply = node.get(&format!("/1.0/seedbed/objects?key=network/{network}")).unwrap_or_default();
    let of_it = |object: &&Value| object["key"]["kind"] == "network";
    let Some(object) = reply["objects"].as_array().and_then(|list| list.iter().find(of_it).cloned()) else {
        return false;
    };
    let placement = &object["placements"][&node.name];
    placement["realised"] == object["generation"] && placement["condition"]["state"] == "ready"
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn has_link(node: &Node, name: &str) -> bool {
    node.shell(&format!("ip -o link show dev {name}")).contains(&format!("{name}:"))
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says how long, and repeats a run by its seed")]
pub fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_happens_the_cluster_ends_in_the_last_good_set() {
    with_three(|lab| {
        let seed = number_of("SEEDBED_SOAK_SEED").unwrap_or(SEED);
        println!("SEEDBED_SOAK_SEED={seed}");
        lab.form();
        let site = lab.dir.path().join("site");
        let reader = 1;
        let dice = Dice(seed);
        let (good, strangers) = (Set::default(), BTreeMap::new());
        let mut soak = Soak {
            lab,
            dice,
            site: site.clone(),
            reader,
            good,
            strangers,
            harms: Vec::new(),
            kills: Vec::new(),
            round: 0,
        };
        soak.edit();
        soak.lab.nodes[reader].run_ok(&["source", "add", "site", "--path", &site.to_string_lossy(), "--prune"]);
        let end = Instant::now() + Duration::from_secs(number_of("SEEDBED_SOAK_SECONDS").unwrap_or(SECONDS));
        while Instant::now() < end {
            soak.step();
        }
        soak.settle();
        soak.check();
        soak.check_harms();
        soak.harm_in_quiet();
        let Soak { round, strangers, .. } = &soak;
        println!("{round} rounds, {} objects of others", strangers.len());
    });
}
