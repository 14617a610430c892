//! One simulated member: a machine that lasts, a copy of the state that lags, and a loop that can die.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use seedbed::model::{ClusterState, MemberName, Object, PlacementReport, Timestamp};
use seedbed::reconcile::{Memory, PassScope, pass};
use seedbed::store::needs_action;

use crate::bugs::Bug;
use crate::dice::Seeded;
use crate::log::Log;
use crate::machine::{Machine, poll_once};

/// One member of the simulated cluster.
pub struct Member {
    pub name: MemberName,
    pub machine: Machine,
    /// The state as this member has applied it.
    pub replica: ClusterState,
    n_applied: usize,
    /// It does nothing before it has applied so many entries: what the cluster knew when it started.
    n_needed: usize,
    mind: State,
    has_looked_at_all: bool,
    seed: u64,
    n_starts: u64,
    /// How often it died in the middle of a pass.
    pub n_torn: u64,
}

/// What is lost in a crash.
struct Mind {
    memory: Memory,
    dice: Seeded,
}

type Running = Pin<Box<dyn Future<Output = (Mind, Vec<PlacementReport>)>>>;

enum State {
    /// The daemon does not run.
    Down,
    /// Between two passes.
    Idle(Mind),
    /// Somewhere within a pass.
    Busy(Running),
}

impl Member {
    pub fn new(name: &MemberName, seed: u64) -> Self {
        Self {
            name: name.clone(),
            machine: Machine::new(),
            replica: ClusterState::default(),
            n_applied: 0,
            n_needed: 0,
            mind: State::Down,
            has_looked_at_all: false,
            seed,
            n_starts: 0,
            n_torn: 0,
        }
    }

    pub fn is_up(&self) -> bool {
        !matches!(self.mind, State::Down)
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.mind, State::Busy(_))
    }

    /// Starts the daemon with nothing in mind. First it asks the cluster how far the log is.
    pub fn start(&mut self, log: &Log) {
        self.n_needed = log.len();
        self.n_starts += 1;
        let dice = Seeded::new(self.seed, &format!("{} {}", self.name, self.n_starts));
        self.mind = State::Idle(Mind { memory: Memory::default(), dice });
        self.has_looked_at_all = false;
    }

    /// Kills it, wherever it is. What it did to its machine stays.
    pub fn crash(&mut self) {
        self.n_torn += u64::from(self.is_busy());
        self.mind = State::Down;
    }

    /// The power fails: the last entries that were applied were not on disk yet, and mounts and bridges are gone.
    pub fn lose_power(&mut self, log: &Log, n_entries: usize, now: Timestamp) {
        self.crash();
        let n_applied = self.n_applied.saturating_sub(n_entries);
        (self.replica, self.n_applied) = (ClusterState::default(), 0);
        self.catch_up(log, n_applied);
        self.machine.fake.reboot();
        self.machine.rebooted_at = Some(now);
    }

    /// Applies some entries of the log.
    pub fn catch_up(&mut self, log: &Log, n_entries: usize) {
        for entry in log.after(self.n_applied).iter().take(n_entries) {
            entry.apply_to(&mut self.replica);
            self.n_applied += 1;
        }
    }

    /// Runs the loop a little: starts a pass, or takes it a step further. Returns what it has to report.
    pub fn run(&mut self, look: PassScope, bug: &'static Bug) -> Vec<PlacementReport> {
        match std::mem::replace(&mut self.mind, State::Down) {
            State::Down => Vec::new(),
            State::Idle(mind) if self.n_applied < self.n_needed && !bug.hasty => {
                self.mind = State::Idle(mind);
                Vec::new()
            }
            State::Idle(mind) => {
                self.mind = State::Busy(self.begin(look, mind, bug));
                Vec::new()
            }
            State::Busy(mut running) => match poll_once(&mut running) {
                Poll::Pending => {
                    self.mind = State::Busy(running);
                    Vec::new()
                }
                Poll::Ready((mind, reports)) => {
                    self.mind = State::Idle(mind);
                    reports
                }
            },
        }
    }

    /// The reports were not taken, and the member knows.
    pub fn not_sent(&mut self, reports: &[PlacementReport]) {
        if let State::Idle(mind) = &mut self.mind {
            mind.memory.not_sent(reports);
        }
    }

    fn begin(&mut self, look: PassScope, mut mind: Mind, bug: &'static Bug) -> Running {
        let look = if self.has_looked_at_all { look } else { PassScope::AtAll };
        self.has_looked_at_all = true;
        let objects = self.objects(look, &mind.memory);
        let seen = (bug.objects)(objects.clone());
        let (host, me) = (self.machine.host(bug.covets), self.name.clone());
        Box::pin(async move {
            let reports = match bug.acts {
                true => pass(&host, &me, &seen, look, &mut mind.memory, &mut mind.dice).await,
                false => Vec::new(),
            };
            let reports = (bug.reports)(&me, &objects, reports);
            (mind, reports)
        })
    }

    /// What [`seedbed::reconcile::run_member`] reads from the store.
    fn objects(&self, look: PassScope, memory: &Memory) -> Vec<Object> {
        let failing: Vec<_> = memory.failing().collect();
        let is_wanted = |object: &&Object| match look {
            PassScope::AtAll => object.placements.contains_key(&self.name),
            PassScope::AtWork => needs_action(object, &self.name) || failing.contains(&&object.key),
        };
        self.replica.objects.values().filter(is_wanted).cloned().collect()
    }
}
