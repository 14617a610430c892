//! What people ask for: manifests applied as a whole, LXD's requests object by object, joins and leaves. The program's
//! own planners turn each into a log entry, from a state that may be old by the time it arrives.

use std::collections::BTreeMap;

use seedbed::kinds::{self, Rng};
use seedbed::model::{
    Canary, Change, Claim, ClusterState, Command, Declared, Desired, Expect, Finding, Key, Liveness, MemberName, Phase,
    Put, Rollout, Spec, Stage, Timestamp, Write,
};
use seedbed::plan::lxd::{self, Ask, Refusal, Stamp};
use seedbed::plan::{self, Context, Mode, Plan, read_set};
use serde_json::{Value, json};

use crate::dice::Seeded;

/// Those who ask. They have one manifest, which changes over time, and some objects beside it.
pub struct People {
    dice: Seeded,
    n_requests: u64,
    pub manifest: Desired,
    /// Requests that the planners refused.
    pub n_refusals: u64,
}

/// What somebody knows when they ask.
pub struct Known<'a> {
    pub state: &'a ClusterState,
    pub liveness: &'a Liveness,
    pub here: &'a MemberName,
    pub at: Timestamp,
}

const IN_THE_MANIFEST: &[(&str, &str)] =
    &[("storage-pool", "data"), ("storage-pool", "fast"), ("network", "lan"), ("profile", "web"), ("project", "lab")];
const BESIDE_IT: &[(&str, &str)] = &[("storage-pool", "extra"), ("network", "dmz"), ("profile", "ops")];

/// Everything that people ever ask for.
pub fn objects() -> impl Iterator<Item = Key> {
    IN_THE_MANIFEST.iter().chain(BESIDE_IT).map(|(kind, name)| Key::new(kind, name))
}

impl People {
    pub fn new(seed: u64) -> Self {
        let manifest = Desired::default();
        Self { dice: Seeded::new(seed, "people"), n_requests: 0, manifest, n_refusals: 0 }
    }

    /// Some request that makes sense to somebody who knows this.
    pub fn ask(&mut self, known: &Known<'_>) -> Option<Command> {
        match self.dice.below(10) {
            0..2 => {
                self.edit_manifest();
                self.apply(known)
            }
            2..4 => {
                self.edit_manifest();
                self.apply_in_waves(known)
            }
            4..7 => self.ask_for_one(known),
            _ => self.delete_something(known),
        }
    }

    fn planned(&mut self, known: &Known<'_>, claim: &Claim) -> Result<Plan, Vec<Finding>> {
        let context =
            Context { here: known.here, liveness: known.liveness, mode: Mode::Declarative, claim: Some(claim) };
        let part = known.state.part(&|known| read_set::of_plan(&self.manifest, context.mode, claim, known));
        plan::plan(&self.manifest, &part, &context, &mut self.dice)
    }

    /// Applies the manifest as it is. `None` when nothing is to do, or when it cannot be done now.
    pub fn apply(&mut self, known: &Known<'_>) -> Option<Command> {
        self.apply_as(known, &Claim::default())
    }

    /// The same, and members take it up in waves. Now and then what has stopped goes on in spite of the failures.
    fn apply_in_waves(&mut self, known: &Known<'_>) -> Option<Command> {
        let waves = self.dice.pick(&["1", "2", "1,50%", "1,2"]).copied().unwrap_or("1").to_owned();
        let canary = Canary { waves, max_failures: self.dice.index(2) };
        let canary = (!self.dice.percent(20)).then_some(canary);
        let resume = canary.is_none();
        self.apply_as(known, &Claim { canary, resume, ..Claim::default() })
    }

    fn apply_as(&mut self, known: &Known<'_>, claim: &Claim) -> Option<Command> {
        match self.planned(known, claim) {
            Ok(plan) if plan.is_empty() => None,
            Ok(plan) => {
                let Stamp { request, at, by } = self.stamp(known);
                Some(plan.write(request, at, by))
            }
            Err(_) => {
                self.n_refusals += 1;
                None
            }
        }
    }

    /// What a second apply would still change, or why it is refused.
    pub fn still_to_do(&mut self, known: &Known<'_>) -> Result<(), String> {
        match self.planned(known, &Claim::default()) {
            Ok(plan) if plan.is_empty() => Ok(()),
            Ok(plan) => Err(format!("applying the manifest again would change {:?}", plan.changes)),
            Err(findings) => Err(format!("the manifest cannot be applied again: {findings:?}")),
        }
    }

    fn edit_manifest(&mut self) {
        let Some((kind, name)) = self.dice.pick(IN_THE_MANIFEST).copied() else { return };
        let key = Key::new(kind, name);
        let mut spec = self.spec(&key);
        if kind == "profile" && self.manifest.objects.contains_key(&Key::new("storage-pool", "data")) {
            self.use_of(&mut spec, "data", None);
        }
        let declared = Declared { spec, ..Declared::default() };
        self.manifest.objects.insert(key, declared);
    }

    /// Half of all profiles use a pool, some a network, too.
    fn use_of(&mut self, profile: &mut Spec, pool: &str, network: Option<&str>) {
        if self.dice.percent(50) {
            let mut devices = serde_json::Map::new();
            devices.insert("root".to_owned(), json!({"type": "disk", "path": "/", "pool": pool}));
            if let Some(network) = network.filter(|_| self.dice.percent(50)) {
                devices.insert("eth0".to_owned(), json!({"type": "nic", "network": network}));
            }
            profile.0.insert("devices".to_owned(), Value::Object(devices));
        }
    }

    fn ask_for_one(&mut self, known: &Known<'_>) -> Option<Command> {
        let (kind, name) = *self.dice.pick(BESIDE_IT)?;
        let key = Key::new(kind, name);
        let stamp = self.stamp(known);
        let stored = known.state.get(&key);
        let is_record = kinds::find(kind)?.rollout() == Rollout::RecordOnly;
        let missing = |member: &MemberName| !stored.is_some_and(|object| object.placements.contains_key(member));
        let undefined: Vec<MemberName> = known.state.members().into_iter().filter(missing).collect();
        let reply = match stored.map(|object| object.phase) {
            Some(Phase::Created) => {
                let spec = self.spec_beside(&key, known.state);
                request(known, &key, &spec, stamp, |ask| lxd::update(ask, &spec, None, &mut self.dice))
            }
            None | Some(Phase::Pending) if !is_record && !undefined.is_empty() => {
                let target = self.dice.pick(&undefined)?.clone();
                let spec = self.definition(&key);
                request(known, &key, &spec, stamp, |ask| lxd::define(ask, &spec, &target))
            }
            None | Some(_) => {
                let spec = self.spec_beside(&key, known.state);
                request(known, &key, &spec, stamp, |ask| lxd::create(ask, &spec, &mut self.dice))
            }
        };
        self.n_refusals += u64::from(reply.is_err());
        reply.ok()
    }

    fn delete_something(&mut self, known: &Known<'_>) -> Option<Command> {
        let of_people = |key: &&Key| {
            IN_THE_MANIFEST.iter().chain(BESIDE_IT).any(|it| (key.kind.as_str(), key.name.as_str()) == *it)
        };
        let keys: Vec<Key> = known.state.objects.keys().filter(of_people).cloned().collect();
        let key = self.dice.pick(&keys)?.clone();
        let stamp = self.stamp(known);
        let part = known.state.part(&|known| read_set::of_removal(&key, known));
        let ask = Ask { state: &part, liveness: known.liveness, here: known.here, key: &key, stamp };
        let reply = lxd::delete(&ask);
        self.n_refusals += u64::from(reply.is_err());
        reply.ok()
    }

    /// What the leader does about definitions that waited for a member.
    pub fn finish(&mut self, known: &Known<'_>) -> Option<Command> {
        let finish = plan::finish(&known.state.part(&|_| read_set::of_finish()), known.here, known.liveness)?;
        let Stamp { request, at, .. } = self.stamp(known);
        Some(Command::Write(finish.write(request, at, "reconciler".to_owned())))
    }

    /// A member joins: its record, and a place in everything that every member has.
    pub fn join(&mut self, state: &ClusterState, member: &MemberName, at: Timestamp) -> Command {
        let part = state.part(&|_| read_set::of_admission());
        let admission = plan::join::admit(member, &Desired::default(), &part).expect("it brings no keys of its own");
        let mut expects = vec![expect(state, &Key::member(member)), expect(state, &Key::membership())];
        let mut changes = vec![record(&Key::member(member), json!({"address": "10.0.0.1:8443"})), members_changed()];
        expects.extend(admission.expect);
        changes.extend(admission.changes);
        self.write(at, expects, changes)
    }

    /// A member leaves for good.
    pub fn leave(&mut self, state: &ClusterState, member: &MemberName, at: Timestamp) -> Command {
        let expects = vec![expect(state, &Key::member(member)), expect(state, &Key::membership())];
        let forget = Change::ForgetMember { member: member.clone() };
        let delete = Change::Delete { key: Key::member(member) };
        self.write(at, expects, vec![forget, delete, members_changed()])
    }

    fn write(&mut self, at: Timestamp, expect: Vec<Expect>, changes: Vec<Change>) -> Command {
        Command::Write(Write { request: self.request(), at, by: "people".to_owned(), origin: None, expect, changes })
    }

    fn stamp(&mut self, known: &Known<'_>) -> Stamp {
        Stamp { request: self.request(), at: known.at, by: "people".to_owned() }
    }

    fn request(&mut self) -> String {
        self.n_requests += 1;
        format!("request {}", self.n_requests)
    }

    fn spec(&mut self, key: &Key) -> Spec {
        let description = format!("number {}", self.dice.below(100));
        let spec = match (key.kind.as_str(), key.name.as_str()) {
            ("storage-pool", "fast") => json!({"driver": "btrfs", "description": description}),
            ("storage-pool", _) => json!({"driver": "dir", "description": description}),
            ("network", name) => json!({"type": "bridge", "config": {
                "ipv4.address": format!("10.{}.{}.1/24", name.len(), self.dice.below(5)),
                "ipv6.address": "none",
                "bridge.mtu": (1400 + self.dice.below(50)).to_string(),
            }}),
            _ => json!({"description": description}),
        };
        spec_of(spec)
    }

    /// Profiles use what somebody has made beside the manifest.
    fn spec_beside(&mut self, key: &Key, state: &ClusterState) -> Spec {
        let mut spec = self.spec(key);
        let is_there = |key: Key| state.get(&key).is_some_and(|object| object.phase == Phase::Created);
        if key.kind.as_str() == "profile" && is_there(Key::new("storage-pool", "extra")) {
            let network = is_there(Key::new("network", "dmz")).then_some("dmz");
            self.use_of(&mut spec, "extra", network);
        }
        spec
    }

    /// The part of a spec that a definition for one member has.
    fn definition(&mut self, key: &Key) -> Spec {
        match key.kind.as_str() {
            "storage-pool" if self.dice.percent(50) => {
                spec_of(json!({"driver": "dir", "config": {"source": "/srv/extra"}}))
            }
            "storage-pool" => spec_of(json!({"driver": "dir"})),
            _ => spec_of(json!({"type": "bridge"})),
        }
    }
}

/// Decides on as much of the state as the program reads.
fn request(
    known: &Known<'_>,
    key: &Key,
    spec: &Spec,
    stamp: Stamp,
    decide: impl FnOnce(&Ask<'_>) -> Result<Command, Refusal>,
) -> Result<Command, Refusal> {
    // Who the members are is asked for whether the request names one or not.
    let part = known.state.part(&|known| read_set::of_request(key, spec, true, known));
    decide(&Ask { state: &part, liveness: known.liveness, here: known.here, key, stamp })
}

fn members_changed() -> Change {
    record(&Key::membership(), json!({"enabled": true}))
}

fn record(key: &Key, spec: Value) -> Change {
    let (rollout, stage, placements) = (Rollout::RecordOnly, Stage::Live, BTreeMap::new());
    Change::Put(Put {
        key: key.clone(),
        rollout,
        stage,
        spec: spec_of(spec),
        applied: None,
        management: None,
        placements,
    })
}

fn spec_of(value: Value) -> Spec {
    match value {
        Value::Object(map) => Spec(map),
        other => panic!("a spec is an object, not {other}"),
    }
}

fn expect(state: &ClusterState, key: &Key) -> Expect {
    Expect::at(key.clone(), state.get(key).map(|object| object.generation))
}
