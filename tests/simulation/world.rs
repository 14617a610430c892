//! The simulated cluster: one log, members that lag behind it, messages that are lost, and a clock that jumps.

use std::collections::BTreeMap;

use seedbed::kinds::Rng;
use seedbed::model::{Command, LastSeen, Liveness, MemberName, PlacementReport, Report, Timestamp};
use seedbed::reconcile::PassScope;

use crate::bugs::Bug;
use crate::dice::Seeded;
use crate::faults;
use crate::invariants::{self, Moment, Violation};
use crate::log::Log;
use crate::member::Member;
use crate::people::{Known, People};
use crate::tally::Tally;

/// So many things happen before the faults stop.
const STEPS: u32 = 300;

/// So many rounds a cluster without faults gets to come to rest. Waits grow up to a minute, a round is 20 s.
const ROUNDS_MAX: u32 = 30;
const ROUND_MS: i64 = 20_000;

/// The simulated cluster.
pub struct World {
    pub log: Log,
    pub members: BTreeMap<MemberName, Member>,
    pub now: Timestamp,
    bug: &'static Bug,
    people: People,
    schedule: Seeded,
    network: Seeded,
    faults: Seeded,
    /// Proposals on their way to the log.
    under_way: Vec<Command>,
    /// What has arrived, and may arrive again much later.
    arrived: Vec<Command>,
    n_joined: u64,
    /// Passes that died with members that have left since.
    n_torn: u64,
    seed: u64,
}

impl World {
    /// Runs one seed to its end: steps with faults, then rest.
    pub fn run(seed: u64, bug: &'static Bug) -> Result<Tally, Violation> {
        let mut world = Self {
            log: Log::default(),
            members: BTreeMap::new(),
            now: Timestamp(1_000_000),
            bug,
            people: People::new(seed),
            schedule: Seeded::new(seed, "schedule"),
            network: Seeded::new(seed, "network"),
            faults: Seeded::new(seed, "faults"),
            under_way: Vec::new(),
            arrived: Vec::new(),
            n_joined: 0,
            n_torn: 0,
            seed,
        };
        world.live()?;
        Ok(Tally::of(&world.log, world.n_torn + world.members.values().map(|member| member.n_torn).sum::<u64>()))
    }

    fn live(&mut self) -> Result<(), Violation> {
        for _ in 0..3 {
            self.join()?;
        }
        faults::strew(&mut self.members, &mut self.faults);
        for _ in 0..STEPS {
            self.step()?;
        }
        faults::stop(&mut self.members, &self.log);
        self.come_to_rest()
    }

    fn step(&mut self) -> Result<(), Violation> {
        match self.schedule.below(1_000) {
            0..440 => self.run_a_member(),
            440..640 => self.let_one_catch_up(),
            640..860 => return self.deliver_one(),
            860..935 => self.ask(),
            935..970 => faults::strike(&mut self.members, &self.log, self.now, &mut self.faults),
            970..990 => self.pass_some_time(),
            _ => return self.change_members(),
        }
        Ok(())
    }

    fn run_a_member(&mut self) {
        let names: Vec<MemberName> = self.members.keys().cloned().collect();
        let Some(name) = self.schedule.pick(&names).cloned() else { return };
        let look = if self.schedule.percent(10) { PassScope::AtAll } else { PassScope::AtWork };
        for _ in 0..1 + self.schedule.below(8) {
            self.run_member(&name, look);
        }
    }

    fn run_member(&mut self, name: &MemberName, look: PassScope) {
        let Some(member) = self.members.get_mut(name) else { return };
        let entries = member.run(look, self.bug);
        if !entries.is_empty() {
            self.send(name, entries);
        }
    }

    /// A report may be lost with or without its sender knowing.
    fn send(&mut self, name: &MemberName, entries: Vec<PlacementReport>) {
        if self.network.percent(5) {
            if let Some(member) = self.members.get_mut(name) {
                member.not_sent(&entries);
            }
        } else if !self.network.percent(5) {
            self.under_way.push(Command::Report(Report { at: self.now, entries }));
        }
    }

    fn let_one_catch_up(&mut self) {
        let names: Vec<MemberName> = self.members.keys().cloned().collect();
        let Some(member) = self.schedule.pick(&names).and_then(|name| self.members.get_mut(name)) else { return };
        let n_entries = 1 + self.schedule.index(8);
        if member.is_up() {
            member.catch_up(&self.log, n_entries);
        }
    }

    /// Proposals arrive in any order, and some of them twice.
    fn deliver_one(&mut self) -> Result<(), Violation> {
        if self.network.percent(15)
            && let Some(command) = self.again()
        {
            return self.commit(command);
        }
        if self.under_way.is_empty() {
            return Ok(());
        }
        let at = self.network.index(self.under_way.len());
        let command = self.under_way.swap_remove(at);
        if matches!(command, Command::Report(_)) || self.network.percent(20) {
            self.arrived.push(command.clone());
        }
        self.commit(command)
    }

    /// What arrived before, arrives again. Half of the time it is a report that could be taken for one on a newer
    /// object of the same name, if there is one.
    fn again(&mut self) -> Option<Command> {
        let mistakable: Vec<&Command> = self.arrived.iter().filter(|it| self.is_mistakable(it)).collect();
        match self.network.percent(50).then(|| self.network.pick(&mistakable)).flatten() {
            Some(command) => Some((*command).clone()),
            None => self.network.pick(&self.arrived).cloned(),
        }
    }

    fn is_mistakable(&self, command: &Command) -> bool {
        let Command::Report(report) = command else { return false };
        report.entries.iter().any(|entry| {
            let object = self.log.head.get(&entry.key);
            object.is_some_and(|object| object.generation == entry.generation && object.created_at > report.at)
        })
    }

    /// Requests are made on some member, from the newest state or from what that member sees, and arrive later.
    fn ask(&mut self) {
        let names: Vec<MemberName> = self.members.keys().cloned().collect();
        let Some(here) = self.schedule.pick(&names).cloned() else { return };
        let state = match self.schedule.percent(30) {
            true => self.members[&here].replica.clone(),
            false => self.log.head.clone(),
        };
        let liveness = self.liveness();
        let known = Known { state: &state, liveness: &liveness, here: &here, at: self.now };
        let request = match self.schedule.percent(15) {
            true => self.people.finish(&known),
            false => self.people.ask(&known),
        };
        self.under_way.extend(request);
    }

    fn liveness(&self) -> Liveness {
        let seen = |member: &Member| LastSeen { heard: self.now, reachable: member.is_up() };
        let members = self.members.iter().map(|(name, member)| (name.clone(), seen(member))).collect();
        Liveness { at: self.now, members }
    }

    fn pass_some_time(&mut self) {
        let by_ms = i64::try_from(self.schedule.below(8_000)).expect("it is small");
        self.pass_time(by_ms);
    }

    fn pass_time(&mut self, by_ms: i64) {
        self.now.0 += by_ms;
        self.members.values().for_each(|member| member.machine.set_time(self.now));
    }

    fn change_members(&mut self) -> Result<(), Violation> {
        if self.members.len() < 4 && self.schedule.percent(60) {
            return self.join();
        }
        let names: Vec<MemberName> = self.members.keys().cloned().collect();
        match self.schedule.pick(&names) {
            Some(name) if names.len() > 2 => self.leave(&name.clone()),
            _ => Ok(()),
        }
    }

    fn join(&mut self) -> Result<(), Violation> {
        self.n_joined += 1;
        let name = MemberName(format!("node{}", self.n_joined));
        let command = self.people.join(&self.log.head, &name, self.now);
        let mut member = Member::new(&name, self.seed);
        member.machine.set_time(self.now);
        member.start(&self.log);
        self.members.insert(name, member);
        self.commit(command)
    }

    fn leave(&mut self, name: &MemberName) -> Result<(), Violation> {
        let command = self.people.leave(&self.log.head, name, self.now);
        self.n_torn += self.members.remove(name).map_or(0, |member| member.n_torn);
        self.commit(command)
    }

    fn commit(&mut self, command: Command) -> Result<(), Violation> {
        self.pass_time(1);
        self.log.commit(command, self.bug);
        let entry = self.log.after(self.log.len() - 1).first().expect("it was just committed");
        invariants::check(&Moment { entry, log: &self.log, members: &self.members })
    }

    /// Without faults everything converges, and then nothing is written any more.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        let mut rounds = 0;
        while rounds < ROUNDS_MAX && (rounds < 2 || !self.is_at_rest()) {
            self.round()?;
            rounds += 1;
        }
        invariants::check_end(&self.log.head, &self.members)?;
        self.still_to_do()?;
        let before = self.log.len();
        for _ in 0..2 {
            self.round()?;
        }
        invariants::check_quiet(self.log.after(before))
    }

    fn somebody(&self) -> MemberName {
        self.members.keys().next().expect("there are always two members").clone()
    }

    fn is_at_rest(&mut self) -> bool {
        let is_converged = invariants::check_end(&self.log.head, &self.members).is_ok();
        self.under_way.is_empty() && is_converged && self.still_to_do().is_ok()
    }

    /// What applying the manifest once more would change.
    fn still_to_do(&mut self) -> Result<(), Violation> {
        let (state, liveness, here) = (self.log.head.clone(), self.liveness(), self.somebody());
        let known = Known { state: &state, liveness: &liveness, here: &here, at: self.now };
        self.people.still_to_do(&known).map_err(|detail| Violation { invariant: "idempotence", detail })
    }

    fn round(&mut self) -> Result<(), Violation> {
        self.pass_time(ROUND_MS);
        let (state, liveness, here) = (self.log.head.clone(), self.liveness(), self.somebody());
        let known = Known { state: &state, liveness: &liveness, here: &here, at: self.now };
        let requests = [self.people.apply(&known), self.people.finish(&known)];
        self.under_way.extend(requests.into_iter().flatten());
        for command in std::mem::take(&mut self.under_way) {
            self.commit(command)?;
        }
        let names: Vec<MemberName> = self.members.keys().cloned().collect();
        for name in names {
            let member = self.members.get_mut(&name).expect("nobody leaves now");
            member.catch_up(&self.log, usize::MAX);
            self.run_to_the_end(&name, PassScope::AtWork);
            self.run_to_the_end(&name, PassScope::AtAll);
        }
        for command in std::mem::take(&mut self.under_way) {
            self.commit(command)?;
        }
        self.members.values_mut().for_each(|member| member.catch_up(&self.log, usize::MAX));
        Ok(())
    }

    fn run_to_the_end(&mut self, name: &MemberName, look: PassScope) {
        loop {
            let member = self.members.get_mut(name).expect("nobody leaves now");
            let entries = member.run(look, self.bug);
            if !entries.is_empty() {
                self.under_way.push(Command::Report(Report { at: self.now, entries }));
            }
            if !self.members[name].is_busy() {
                return;
            }
        }
    }
}
