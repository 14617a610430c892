//! Faults on a real cluster while clients use it, with everything checked that they were told.
//!
//! Three daemons in network namespaces, each with its state on an ext4 image of its own. In every round clients read and
//! write registers and make things through all members, something happens to the cluster, and then must hold:
//!
//! - every register is linearizable ([`register`]), with `If-Match` as compare-and-set;
//! - nothing whose creation was acknowledged is missing on any member;
//! - no member has ended that was not ended, but for one whose disk was full, which ends with an error;
//! - all members answer and hear each other again, and their audit logs are equal.

mod clients;
mod dice;
mod disk;
mod faults;
mod full;
mod history;
mod register;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use self::clients::Round;
pub use self::dice::Dice;
use self::disk::Disk;
use self::faults::{Fault, Whom};
use self::history::History;
use crate::lab::{Lab, wait_for, with_three};
use crate::soak::number_of;

/// How long `make test` lets it run.
const SECONDS: u64 = 50;
/// What the first rounds have, so that the short run has something of everything.
const FIRST: [Fault; 6] = [
    Fault::StopAndCutPower(Whom::All),
    Fault::Kill(Whom::Leader),
    Fault::CutPower(Whom::Leader),
    Fault::Fill(Whom::Leader),
    Fault::Unplug(Whom::Leader),
    Fault::Freeze(Whom::One(1)),
];
/// The seed when nobody says: the same in every run, so that a change is what makes it fail.
const SEED: u64 = 2026;
/// How long all may take to be as they should be after the faults.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs `test` with three machines whose state lies on disks of their own.
fn with_disks(test: impl FnOnce(&mut Lab, &mut [Disk])) {
    if !disk::can_run() {
        return;
    }
    with_three(|lab| {
        let root = lab.dir.path().to_owned();
        let mount = |node: &crate::lab::Node| Disk::mounted(root.join(format!("{}.img", node.name)), &node.state_dir);
        let mut disks: Vec<Disk> = lab.nodes.iter().map(mount).collect();
        test(lab, &mut disks);
        lab.nodes.iter_mut().for_each(|node| node.kill9());
    });
}

/// Starts whoever does not run and waits until all answer and hear each other.
fn heal(lab: &mut Lab) {
    for node in &mut lab.nodes {
        if !node.is_running() {
            node.start();
        }
    }
    for node in &lab.nodes {
        node.wait_ready();
        node.wait_members(3, "Online");
    }
}

/// Daemons do not end by themselves, but for those whose disk was full.
fn none_has_died(lab: &mut Lab, fault: Fault) {
    for node in &mut lab.nodes {
        if let Some(code) = node.ended() {
            let may = matches!(fault, Fault::Fill(_)) && code == 1;
            assert!(may, "{} ended with {code} after {fault:?}:\n{}", node.name, node.log());
        }
    }
}

fn play(lab: &mut Lab, disks: &mut [Disk], number: usize, fault: Fault, dice: &mut Dice) {
    for name in clients::profiles(number) {
        let body = json!({ "name": name });
        let (status, why) = lab.nodes[0].request("POST", "/1.0/profiles", Some(&body));
        assert!(status < 300, "{name}: {status} {why}");
        for node in &lab.nodes {
            wait_for(&format!("{name} on {}", node.name), PATIENCE, || {
                node.get(&format!("/1.0/profiles/{name}")).is_some()
            });
        }
    }
    let (history, stop) = (History::new(), AtomicBool::new(false));
    let sockets = lab.nodes.iter().map(|node| node.state_dir.join("unix.socket")).collect();
    let round = Round { number, sockets, history: &history, stop: &stop };
    let [before, length, after] = [200 + dice.below(500), 500 + dice.below(2500), 300 + dice.below(700)]
        .map(|milliseconds| Duration::from_millis(milliseconds as u64));
    let seeds: Vec<u64> = (0..5).map(|_| dice.below(usize::MAX) as u64).collect();
    std::thread::scope(|scope| {
        // Also when something fails: the clients would never end.
        let _stops = StopOnDrop(&stop);
        for (client, seed) in seeds.into_iter().enumerate() {
            let round = &round;
            scope.spawn(move || match client {
                0 => clients::make_things(round, client, Dice(seed)),
                _ => clients::use_registers(round, client, Dice(seed)),
            });
        }
        std::thread::sleep(before);
        fault.happen(lab, disks, length);
        none_has_died(lab, fault);
        heal(lab);
        std::thread::sleep(after);
    });
    none_has_died(lab, fault);
    heal(lab);
    for (node, socket) in lab.nodes.iter().zip(&round.sockets) {
        for name in clients::profiles(number) {
            wait_for(&format!("a reading of {name} on {}", node.name), PATIENCE, || {
                clients::read(&history, socket, &name, &format!("at the end, on {}", node.name))
            });
        }
    }
    verify(lab, number, fault, &history);
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn verify(lab: &Lab, number: usize, fault: Fault, history: &History) {
    let (operations, open) = history.verify().unwrap_or_else(|why| panic!("round {number}, {fault:?}: {why}"));
    let created = history.all_created();
    for node in &lab.nodes {
        let there = node.get("/1.0/profiles").unwrap_or_default();
        let there: Vec<&str> = there.as_array().into_iter().flatten().filter_map(|path| path.as_str()).collect();
        for name in &created {
            let path = format!("/1.0/profiles/{name}");
            assert!(there.contains(&path.as_str()), "round {number}, {fault:?}: {name} is lost on {}", node.name);
        }
        wait_for(&format!("equal audit logs, seen from {}", node.name), PATIENCE, || {
            node.run(&["audit", "verify"]).status.success()
        });
    }
    println!("  {number}: {fault:?}: {operations} operations, {open} open; {} things made", created.len());
}

#[test]
fn whatever_happens_nothing_acknowledged_is_lost_and_no_member_dies_of_it() {
    with_disks(|lab, disks| {
        let seed = number_of("SEEDBED_CHAOS_SEED").unwrap_or(SEED);
        let seconds = number_of("SEEDBED_CHAOS_SECONDS").unwrap_or(SECONDS);
        println!("SEEDBED_CHAOS_SEED={seed}");
        let mut dice = Dice(seed);
        lab.form();
        let pool = lab.write("pool.yaml", "storage_pools:\n- {name: young, driver: dir}\n");
        lab.nodes[0].run_ok(&["apply", &pool]);
        // The power goes before anything was written by itself: right after forming, and right after a good stop.
        Fault::CutPower(Whom::All).happen(lab, disks, Duration::ZERO);
        heal(lab);
        lab.nodes[1].request("DELETE", "/1.0/storage-pools/young", None);
        for node in &lab.nodes {
            wait_for(&format!("the pool to go from {}", node.name), PATIENCE, || {
                node.request("GET", "/1.0/storage-pools/young", None).0 == 404
                    && !node.state_dir.join("storage-pools/young").exists()
            });
        }
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut number = 0;
        while Instant::now() < end {
            let fault = FIRST.get(number).copied().unwrap_or_else(|| Fault::any(&mut dice));
            play(lab, disks, number, fault, &mut dice);
            number += 1;
        }
        for node in &mut lab.nodes {
            node.stop();
            let log = node.log();
            let errors: Vec<&str> = log.lines().filter(|line| line.contains("openraft")).collect();
            assert_eq!(errors, [""; 0], "{}: what ends in good order is no error", node.name);
        }
    });
}
