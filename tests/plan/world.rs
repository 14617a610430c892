//! A cluster in memory: the rules of the log, and members that do what they are told.

use std::collections::BTreeMap;

use seedbed::kinds::Rng;
use seedbed::manifest::{self, Options, Source};
use seedbed::model::{
    Change, Claim, ClusterState, Command, Condition, Config, Declared, Desired, Finding, Key, LastSeen, Liveness,
    MemberName, PlacementPhase, PlacementReport, Put, Reply, Report, Revision, Rollout, Spec, Stage, Timestamp, Write,
};
use seedbed::plan::lxd::{self, Ask, Stamp};
use seedbed::plan::{Context, Mode, Plan, plan, read_set};
use seedbed::store::MemoryState;
use serde_json::json;

/// A repeatable sequence of numbers.
pub struct Lcg(pub u64);

impl Rng for Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub struct World {
    pub ledger: MemoryState,
    pub liveness: Liveness,
    pub here: MemberName,
    pub dice: Lcg,
    revision: u64,
}

pub fn name(text: &str) -> MemberName {
    MemberName::from(text)
}

impl World {
    /// A cluster of `node1` to `nodeN`, asked through `node1`.
    pub fn with_members(count: u64) -> Self {
        let mut world = Self {
            ledger: MemoryState::default(),
            liveness: Liveness { at: Timestamp(100_000), members: BTreeMap::new() },
            here: name("node1"),
            dice: Lcg(7),
            revision: 0,
        };
        for number in 1..=count {
            world.join(number);
        }
        for (kind, key) in [("project", "default"), ("profile", "default")] {
            world.put(&Key::new(kind, key), Rollout::RecordOnly, json!({"config": {}}));
        }
        world
    }

    pub fn join(&mut self, number: u64) {
        let member = name(&format!("node{number}"));
        let address = format!("10.93.0.{number}:8443");
        self.put(&Key::member(&member), Rollout::RecordOnly, json!({"id": number, "address": address, "config": {}}));
        self.put(&Key::membership(), Rollout::RecordOnly, json!({"enabled": true}));
        let seen = LastSeen { heard: self.liveness.at, reachable: true };
        self.liveness.members.insert(member, seen);
    }

    pub fn put(&mut self, key: &Key, rollout: Rollout, spec: serde_json::Value) {
        let serde_json::Value::Object(spec) = spec else { panic!("a spec is an object") };
        let put = Put {
            key: key.clone(),
            rollout,
            stage: Stage::Live,
            spec: Spec(spec),
            applied: None,
            management: None,
            placements: BTreeMap::new(),
        };
        let request = format!("setup-{}", self.revision);
        let (at, by) = (Timestamp(1), "test".to_owned());
        self.commit(&Command::Write(Write {
            request,
            at,
            by,
            origin: None,
            expect: Vec::new(),
            changes: vec![Change::Put(put)],
        }));
    }

    pub fn state(&self) -> &ClusterState {
        &self.ledger.state
    }

    /// Puts a command into the log, which may refuse it.
    pub fn try_commit(&mut self, command: &Command) -> Reply {
        self.revision += 1;
        self.ledger.apply(Revision(self.revision), command)
    }

    /// Commits a command that must not be refused.
    pub fn commit(&mut self, command: &Command) {
        let reply = self.try_commit(command);
        assert!(matches!(reply, Reply::Applied { .. }), "{reply:?} for {command:?}");
    }

    /// Sends a whole configuration for an object, as `PUT` does; what is refused is left.
    pub fn send(&mut self, key: &Key, config: &Config) {
        let mut spec = Spec::default();
        spec.set_config(config);
        let stamp = Stamp { request: format!("put-{}", self.revision), at: Timestamp(2), by: "test".to_owned() };
        let state = self.ledger.state.part(&|known| read_set::of_request(key, &spec, false, known));
        let ask = Ask { state: &state, liveness: &self.liveness, here: &self.here, key, stamp };
        match lxd::update(&ask, &spec, None, &mut Lcg(self.dice.0)) {
            Ok(Command::Write(write)) if !write.changes.is_empty() => self.commit(&Command::Write(write)),
            Ok(_) | Err(_) => {}
        }
    }

    /// `member` stops answering, 38 s ago.
    pub fn lose(&mut self, member: &str) {
        let heard = Timestamp(self.liveness.at.0 - 38_000);
        self.liveness.members.insert(name(member), LastSeen { heard, reachable: false });
    }

    pub fn find(&mut self, member: &str) {
        let heard = self.liveness.at;
        self.liveness.members.insert(name(member), LastSeen { heard, reachable: true });
    }

    pub fn plan(&mut self, desired: &Desired, mode: Mode) -> Result<Plan, Vec<Finding>> {
        self.plan_as(&Claim::default(), desired, mode)
    }

    /// What plans depend on beside the state, in nobody's name.
    pub fn context(&self, mode: Mode) -> Context<'_> {
        Context { here: &self.here, liveness: &self.liveness, mode, claim: None }
    }

    /// Plans in the name of somebody.
    pub fn plan_as(&mut self, claim: &Claim, desired: &Desired, mode: Mode) -> Result<Plan, Vec<Finding>> {
        let context = Context { here: &self.here, liveness: &self.liveness, mode, claim: Some(claim) };
        let part = self.ledger.state.part(&|known| read_set::of_plan(desired, mode, claim, known));
        let on_part = plan(desired, &part, &context, &mut Lcg(self.dice.0));
        let on_all = plan(desired, &self.ledger.state, &context, &mut self.dice);
        assert_eq!(on_part, on_all, "a plan must not depend on what it does not ask for");
        on_part
    }

    /// Plans and commits; members have not acted yet.
    pub fn apply(&mut self, desired: &Desired, mode: Mode) -> Plan {
        self.apply_as(&Claim::default(), desired, mode)
    }

    /// The same in the name of somebody.
    pub fn apply_as(&mut self, claim: &Claim, desired: &Desired, mode: Mode) -> Plan {
        let plan = self.plan_as(claim, desired, mode).unwrap_or_else(|findings| panic!("{findings:#?}"));
        let request = format!("apply-{}", self.revision);
        self.commit(&plan.write(request, Timestamp(2), "test".to_owned()));
        plan
    }

    /// Every member that answers has done what it was told.
    pub fn settle(&mut self) {
        let members: Vec<MemberName> = self.liveness.members.keys().cloned().collect();
        for member in members {
            if self.liveness.is_reachable(&member) {
                self.report(&member, PlacementPhase::Created);
            }
        }
    }

    /// One member reports the same of everything that it has to do.
    pub fn report(&mut self, member: &MemberName, phase: PlacementPhase) {
        let due = |object: &&seedbed::model::Object| seedbed::store::needs_action(object, member);
        let entries: Vec<PlacementReport> = self
            .ledger
            .state
            .objects
            .values()
            .filter(due)
            .map(|object| PlacementReport {
                key: object.key.clone(),
                uid: object.uid,
                member: member.clone(),
                generation: object.generation,
                phase: (object.phase != seedbed::model::Phase::Deleting).then_some(phase),
                condition: Condition::ready(Timestamp(3)),
                learned: BTreeMap::new(),
            })
            .collect();
        self.commit(&Command::Report(Report { at: Timestamp(3), entries }));
    }

    /// What a member has worked out itself.
    pub fn learn(&mut self, key: &str, member: &str, learned: Config) {
        let object = &self.ledger.state.objects[&key.parse::<Key>().expect("a key")];
        let entry = PlacementReport {
            key: object.key.clone(),
            uid: object.uid,
            member: name(member),
            generation: object.generation,
            phase: Some(PlacementPhase::Created),
            condition: Condition::ready(Timestamp(3)),
            learned: learned.0,
        };
        self.commit(&Command::Report(Report { at: Timestamp(3), entries: vec![entry] }));
    }

    pub fn config(&self, key: &str) -> Config {
        self.object(key).spec.config()
    }

    pub fn object(&self, key: &str) -> &seedbed::model::Object {
        &self.ledger.state.objects[&key.parse::<Key>().expect("a key")]
    }

    pub fn own(&self, key: &str, member: &str) -> &Config {
        &self.object(key).placements[&name(member)].config
    }
}

/// The desired state of a manifest, which must be right.
pub fn manifest(text: &str) -> Desired {
    let source = Source { path: "site.yaml".to_owned(), text: text.to_owned() };
    let loaded = manifest::load(&[source], &Options::default());
    assert!(loaded.is_usable(), "{:#?}", loaded.findings);
    loaded.desired
}

/// One object, declared without a file.
pub fn declared(spec: serde_json::Value, members: &[(&str, Config)]) -> Declared {
    let serde_json::Value::Object(spec) = spec else { panic!("a spec is an object") };
    let members = members.iter().map(|(member, config)| (name(member), config.clone())).collect();
    Declared { spec: Spec(spec), members, ..Declared::default() }
}
