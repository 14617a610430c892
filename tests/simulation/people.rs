//! What clients ask for: definitions member by member and the create, as LXD's clients do it; updates and removals;
//! members that join and leave. Each request is made from a state that may be old, and says what it relied on.

use std::collections::BTreeMap;

use seedbed::kinds::{self, Dice};
use seedbed::model::{
    Change, ClusterState, Command, Config, Expect, Key, MemberName, Object, Phase, Put, Rollout, Spec, Stage,
    Timestamp, Write,
};
use serde_json::{Map, Value, json};

use crate::dice::Seeded;

/// Makes requests, each with an id of its own.
pub struct People {
    pub dice: Seeded,
    n_requests: u64,
    pub at: Timestamp,
}

/// The objects that people care about.
const OBJECTS: &[(&str, &str)] =
    &[("storage-pool", "data"), ("storage-pool", "fast"), ("network", "lan"), ("network", "dmz"), ("profile", "web")];

impl People {
    pub fn new(seed: u64) -> Self {
        Self { dice: Seeded::new(seed, "people"), n_requests: 0, at: Timestamp(0) }
    }

    /// Some request that makes sense in this state.
    pub fn ask(&mut self, state: &ClusterState) -> Option<Command> {
        let (kind, name) = *self.dice.pick(OBJECTS)?;
        let key = Key::new(kind, name);
        let rollout = kinds::find(kind)?.rollout();
        let object = state.get(&key).cloned();
        match object {
            None if rollout == Rollout::RecordOnly || self.dice.percent(60) => self.create(state, &key, None),
            None => self.define(state, &key, None),
            Some(object) if object.phase == Phase::Deleting => match self.dice.percent(30) {
                // Somebody changes their mind before the members have acted, or while they do.
                true => self.create(state, &key, Some(&object)),
                false => None,
            },
            Some(object) if self.dice.percent(20) => Some(self.delete(&object)),
            Some(object) if object.phase == Phase::Pending => match is_defined_everywhere(state, &object) {
                true => self.create(state, &key, Some(&object)),
                false => self.define(state, &key, Some(&object)),
            },
            Some(object) => self.update(state, &object),
        }
    }

    /// One member's definition, as `--target` makes it.
    fn define(&mut self, state: &ClusterState, key: &Key, old: Option<&Object>) -> Option<Command> {
        let mut placements = old.map(configs).unwrap_or_default();
        let missing: Vec<MemberName> = state.members().into_iter().filter(|it| !placements.contains_key(it)).collect();
        let member = self.dice.pick(&missing)?.clone();
        placements.insert(member, self.member_keys(key));
        let spec = old.map_or_else(|| self.spec(key), |old| old.spec.clone());
        let put = self.put(key, Stage::Define, spec, placements);
        // It names the placements of all others too, and one of them may have left.
        Some(self.write(vec![expect(state, key), expect(state, &Key::membership())], vec![Change::Put(put)]))
    }

    /// The global create, or a whole object at once as a manifest declares it.
    fn create(&mut self, state: &ClusterState, key: &Key, old: Option<&Object>) -> Option<Command> {
        let mut placements = old.map(configs).unwrap_or_default();
        for member in state.members() {
            let keys = self.member_keys(key);
            placements.entry(member).or_insert(keys);
        }
        let spec = old.map_or_else(|| self.spec(key), |old| old.spec.clone());
        let put = self.put(key, Stage::Live, spec, placements);
        Some(self.write(vec![expect(state, key), expect(state, &Key::membership())], vec![Change::Put(put)]))
    }

    fn update(&mut self, state: &ClusterState, object: &Object) -> Option<Command> {
        let spec = self.changed(object);
        let put = self.put(&object.key, Stage::Live, spec, configs(object));
        Some(self.write(vec![expect(state, &object.key), expect(state, &Key::membership())], vec![Change::Put(put)]))
    }

    fn delete(&mut self, object: &Object) -> Command {
        let expect = Expect { key: object.key.clone(), generation: Some(object.generation) };
        self.write(vec![expect], vec![Change::Delete { key: object.key.clone() }])
    }

    /// A member joins: its record, and a place in everything that every member has.
    pub fn join(&mut self, state: &ClusterState, member: &MemberName) -> Command {
        let mut expects = vec![expect(state, &Key::member(member)), expect(state, &Key::membership())];
        let mut changes = vec![self.member_record(member), self.membership()];
        for object in state.objects.values().filter(|it| it.rollout == Rollout::EveryMember) {
            if object.phase == Phase::Deleting {
                continue;
            }
            let stage = if object.phase == Phase::Pending { Stage::Define } else { Stage::Live };
            let mut placements = configs(object);
            placements.insert(member.clone(), self.member_keys(&object.key));
            changes.push(Change::Put(self.put(&object.key, stage, object.spec.clone(), placements)));
            expects.push(expect(state, &object.key));
        }
        self.write(expects, changes)
    }

    /// A member leaves for good.
    pub fn leave(&mut self, state: &ClusterState, member: &MemberName) -> Command {
        let expects = vec![expect(state, &Key::member(member)), expect(state, &Key::membership())];
        let forget = Change::ForgetMember { member: member.clone() };
        let delete = Change::Delete { key: Key::member(member) };
        let changes = vec![forget, delete, self.membership()];
        self.write(expects, changes)
    }

    fn member_record(&mut self, member: &MemberName) -> Change {
        let spec = json!({"address": format!("{member}:8443")});
        Change::Put(self.put(&Key::member(member), Stage::Live, object(spec), BTreeMap::new()))
    }

    fn membership(&mut self) -> Change {
        let spec = object(json!({"enabled": true}));
        Change::Put(self.put(&Key::membership(), Stage::Live, spec, BTreeMap::new()))
    }

    fn put(&mut self, key: &Key, stage: Stage, spec: Spec, placements: BTreeMap<MemberName, Config>) -> Put {
        let rollout = kinds::find(key.kind.as_str()).map_or(Rollout::RecordOnly, |kind| kind.rollout());
        let placements = if rollout == Rollout::RecordOnly { BTreeMap::new() } else { placements };
        let spec = match kinds::find(key.kind.as_str()) {
            Some(kind) => kind.normalise(&spec).expect("people write what the kind understands"),
            None => spec,
        };
        Put { key: key.clone(), rollout, stage, spec, applied: None, placements }
    }

    fn write(&mut self, expect: Vec<Expect>, changes: Vec<Change>) -> Command {
        self.n_requests += 1;
        let request = format!("request {}", self.n_requests);
        Command::Write(Write { request, at: self.at, by: "people".to_owned(), expect, changes })
    }

    fn spec(&mut self, key: &Key) -> Spec {
        object(match key.kind.as_str() {
            "storage-pool" => json!({"driver": if self.dice.percent(50) { "dir" } else { "btrfs" }, "config": {}}),
            "network" => json!({"type": "bridge", "config": {
                "ipv4.address": format!("10.{}.{}.1/24", self.dice.below(9), key.name.len()),
                "ipv6.address": "none",
            }}),
            _ => json!({"description": format!("number {}", self.dice.below(100))}),
        })
    }

    fn changed(&mut self, old: &Object) -> Spec {
        let mut spec = old.spec.clone();
        match old.key.kind.as_str() {
            "network" => {
                let mut config = spec.config();
                config.insert("bridge.mtu".to_owned(), (1400 + self.dice.below(100)).to_string());
                spec.set_config(&config);
            }
            _ => {
                let text = format!("number {}", self.dice.below(100));
                spec.0.insert("description".to_owned(), Value::String(text));
            }
        }
        spec
    }

    fn member_keys(&mut self, key: &Key) -> Config {
        match key.kind.as_str() {
            "storage-pool" if self.dice.percent(30) => Config::from([("source", "/srv/pool")]),
            _ => Config::default(),
        }
    }
}

fn object(value: Value) -> Spec {
    match value {
        Value::Object(map) => Spec(map),
        _ => Spec(Map::new()),
    }
}

fn configs(object: &Object) -> BTreeMap<MemberName, Config> {
    object.placements.iter().map(|(member, placement)| (member.clone(), placement.config.clone())).collect()
}

fn expect(state: &ClusterState, key: &Key) -> Expect {
    Expect { key: key.clone(), generation: state.get(key).map(|object| object.generation) }
}

fn is_defined_everywhere(state: &ClusterState, object: &Object) -> bool {
    state.members().iter().all(|member| object.placements.contains_key(member))
}
