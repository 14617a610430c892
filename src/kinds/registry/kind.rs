//! What the author of a kind writes, and what the rest of the program sees of it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::actuator::AnyActuator;
use super::admit::drop_empty;
pub use super::need::Need;
use super::problem::Problem;
use super::unknown_fields;
use crate::model::{ClusterState, Config, Key, MemberName, Rollout, Spec};

/// A resource kind with its spec as a type. Everything after `entities` has a default.
pub trait Resource: Send + Sync + 'static {
    /// What all members share of an object: `description`, `config`, `driver` …
    type Spec: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;

    /// Its names in keys, manifests, paths and commands.
    const WORDS: Words;
    /// On which members its objects are realised.
    const ROLLOUT: Rollout;
    /// Whether its objects belong to projects.
    const SCOPE: Scope = Scope::Cluster;
    /// The kinds of the objects that [`Resource::needs`] gives: a name in an object means one of these.
    const NAMES: &'static [&'static str] = &[];
    /// The kinds whose objects [`Resource::complete`] looks at, beside the object itself.
    const LOOKS_AT: &'static [&'static str] = &[];

    /// The entities of the key table that hold the configuration keys of this spec: `["storage-zfs"]`.
    fn entities(&self, spec: &Self::Spec) -> Vec<&'static str>;

    /// The field whose value decides which configuration keys there are, such as `driver`; `None` when all objects of
    /// the kind have the same.
    fn variants(&self) -> Option<Variants> {
        None
    }

    /// What is wrong with the object by itself, beyond what the key table tells. Needs no cluster.
    fn check(&self, key: &Key, spec: &Self::Spec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let _ = (key, spec, members);
        Vec::new()
    }

    /// The objects that must exist before this one; their kinds stand in [`Resource::NAMES`].
    fn needs(&self, key: &Key, spec: &Self::Spec) -> Vec<Need> {
        let _ = (key, spec);
        Vec::new()
    }

    /// Fills in what the system chooses for what is left out, such as an `auto` address: when an object is created, and
    /// each time a manifest is applied to it. What was chosen once stays.
    /// What it fills in is stored, and does not differ from a manifest that leaves it out.
    fn complete(&self, spec: &mut Self::Spec, with: &mut Completion<'_>) {
        let _ = (spec, with);
    }

    /// The keys of `held` that [`Resource::complete`] filled in for an object that was declared as `declared`: they go
    /// when the declaration that they were chosen for goes.
    fn filled_in(&self, key: &Key, declared: &Self::Spec, held: &Self::Spec) -> Vec<String> {
        let _ = (key, declared, held);
        Vec::new()
    }

    /// The keys that [`Resource::complete`] fills in when they are left out, each with the value that says what it means
    /// for a stored object not to have it: a request that replaces the configuration may leave it out.
    fn absent_values(&self, key: &Key, spec: &Self::Spec) -> Vec<(&'static str, &'static str)> {
        let _ = (key, spec);
        Vec::new()
    }

    /// Why an object that exists cannot be changed from `old` to `new`. Empty when it can.
    fn edit(&self, old: &Self::Spec, new: &Self::Spec) -> Vec<Problem> {
        let _ = (old, new);
        Vec::new()
    }

    /// Why one member's own keys cannot be changed from `old` to `new` once it has made the object.
    /// A key that is not in `new` stays as it is on the host.
    fn edit_local(&self, spec: &Self::Spec, old: &Config, new: &Config) -> Vec<Problem> {
        let _ = (spec, old, new);
        Vec::new()
    }

    /// The name under which an object of this kind owns others, whose owner is gone with it: whoever deletes it, they stay
    /// and are nobody's.
    fn owner<'k>(&self, key: &'k Key) -> Option<&'k str> {
        let _ = key;
        None
    }

    /// Why no source may change an object from `old` to `new`, whatever it was given: that is for people. `old` is `None`
    /// for one that is created.
    fn beyond_sources(&self, old: Option<&Self::Spec>, new: &Self::Spec) -> Vec<Problem> {
        let _ = (old, new);
        Vec::new()
    }

    /// What stops for a moment when these configuration keys change on an object that stands; `None` when nothing does.
    fn restarts(&self, keys: &[&str]) -> Option<&'static str> {
        let _ = keys;
        None
    }

    /// Whether only the hosts can tell if such an object can be: they are asked before it is stored. `own` is what
    /// members have of their own; an object that is not created yet `is_new`.
    fn is_judged(&self, spec: &Self::Spec, own: &BTreeMap<MemberName, Config>, is_new: bool) -> bool {
        let _ = (spec, own, is_new);
        false
    }

    /// The half that runs on each member; record-only kinds have none.
    fn node(&self) -> Option<&'static dyn AnyActuator> {
        None
    }
}

/// The names of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// In keys and on screens: `storage-pool`.
    pub kind: &'static str,
    /// The section of a manifest: `storage_pools`. Empty when no manifest declares it.
    pub section: &'static str,
    /// The path below `/1.0/`: `storage-pools`.
    pub collection: &'static str,
    /// The noun of the command line, as in LXD's client: `storage`.
    pub noun: &'static str,
    /// In LXD's messages: `storage pool`.
    pub spoken: &'static str,
}

/// How the objects of a kind differ in their configuration keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants {
    /// The field of the spec: `driver`, `type`.
    pub field: &'static str,
    /// Its values.
    pub values: Vec<&'static str>,
    /// The value that holds when the field is absent; without one the field is required.
    pub default: Option<&'static str>,
}

/// Whether the objects of a kind belong to projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One set for the whole cluster.
    Cluster,
    /// In the project when it has this feature set, in `default` otherwise: `features.networks`.
    Project {
        /// The project's configuration key.
        feature: &'static str,
    },
}

/// What a kind may use to fill in what the system chooses.
pub struct Completion<'a> {
    /// The object in question.
    pub key: &'a Key,
    /// What is stored of it: what was chosen once stays. `None` for a new object.
    pub held: Option<&'a Spec>,
    /// What else is stored or declared of the kinds in [`Resource::LOOKS_AT`]: chosen values must not clash with it.
    pub around: &'a mut dyn Around,
    /// Randomness, given from outside so that a simulation can repeat it.
    pub rng: &'a mut dyn Rng,
}

/// The state around an object, made when somebody asks for it: most completions choose nothing.
pub trait Around {
    /// What is stored, with what is declared.
    fn state(&mut self) -> &ClusterState;
}

impl Around for &ClusterState {
    fn state(&mut self) -> &ClusterState {
        self
    }
}

/// Randomness as an argument.
pub trait Rng {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64;

    /// What gives the same numbers again, where there is such a thing.
    fn seed(&self) -> Option<u64> {
        None
    }
}

/// A kind with its spec type erased: what the registry holds.
pub trait Kind: Send + Sync {
    /// Its names.
    fn words(&self) -> Words;
    /// On which members its objects are realised.
    fn rollout(&self) -> Rollout;
    /// Whether its objects belong to projects.
    fn scope(&self) -> Scope;
    /// See [`Resource::NAMES`].
    fn names(&self) -> &'static [&'static str];
    /// See [`Resource::LOOKS_AT`].
    fn looks_at(&self) -> &'static [&'static str];
    /// The JSON Schema of its spec.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Reads a spec once, for all the questions that follow.
    ///
    /// # Errors
    /// One problem, when the value is no spec of this kind.
    fn read(&self, spec: &Spec) -> Result<Box<dyn Reading + '_>, Problem>;
    /// The stored form of a spec: defaults filled in, empty values of keys left out. Fields that are unknown are refused,
    /// unless `held`, what is stored of the object, has them just so.
    ///
    /// # Errors
    /// One problem, when the value is no spec of this kind.
    fn normalise(&self, spec: &Spec, held: Option<&Spec>) -> Result<Spec, Problem>;
    /// See [`Resource::entities`]; empty for a spec that does not parse.
    fn entities(&self, spec: &Spec) -> Vec<&'static str>;
    /// See [`Resource::variants`].
    fn variants(&self) -> Option<Variants>;
    /// See [`Resource::check`].
    fn check(&self, key: &Key, spec: &Spec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem>;
    /// See [`Resource::needs`]; empty for a spec that does not parse.
    fn needs(&self, key: &Key, spec: &Spec) -> Vec<Need>;
    /// See [`Resource::complete`].
    fn complete(&self, spec: &mut Spec, with: &mut Completion<'_>);
    /// See [`Resource::filled_in`]; empty for specs that do not parse.
    fn filled_in(&self, key: &Key, declared: &Spec, held: &Spec) -> Vec<String>;
    /// See [`Resource::absent_values`]; empty for a spec that does not parse.
    fn absent_values(&self, key: &Key, spec: &Spec) -> Vec<(&'static str, &'static str)>;
    /// See [`Resource::edit`].
    fn edit(&self, old: &Spec, new: &Spec) -> Vec<Problem>;
    /// See [`Resource::edit_local`]. Paths are within the member's keys: `["size"]`.
    fn edit_local(&self, spec: &Spec, old: &Config, new: &Config) -> Vec<Problem>;
    /// See [`Resource::owner`].
    fn owner<'k>(&self, key: &'k Key) -> Option<&'k str>;
    /// See [`Resource::beyond_sources`].
    fn beyond_sources(&self, old: Option<&Spec>, new: &Spec) -> Vec<Problem>;
    /// See [`Resource::restarts`].
    fn restarts(&self, keys: &[&str]) -> Option<&'static str>;
    /// See [`Resource::is_judged`]; false for a spec that does not parse.
    fn is_judged(&self, spec: &Spec, own: &BTreeMap<MemberName, Config>, is_new: bool) -> bool;
    /// See [`Resource::node`].
    fn node(&self) -> Option<&'static dyn AnyActuator>;
}

/// A spec that its kind has read.
pub trait Reading {
    /// See [`Resource::entities`].
    fn entities(&self) -> Vec<&'static str>;
    /// See [`Resource::check`].
    fn check(&self, key: &Key, members: &BTreeMap<MemberName, Config>) -> Vec<Problem>;
    /// See [`Resource::needs`].
    fn needs(&self, key: &Key) -> Vec<Need>;
}

struct Typed<'k, R: Resource> {
    kind: &'k R,
    spec: R::Spec,
}

impl<R: Resource> Reading for Typed<'_, R> {
    fn entities(&self) -> Vec<&'static str> {
        Resource::entities(self.kind, &self.spec)
    }

    fn check(&self, key: &Key, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        Resource::check(self.kind, key, &self.spec, members)
    }

    fn needs(&self, key: &Key) -> Vec<Need> {
        Resource::needs(self.kind, key, &self.spec)
    }
}

fn parse<R: Resource>(spec: &Spec) -> Result<R::Spec, Problem> {
    R::Spec::deserialize(&spec.0).map_err(|cause| Problem::no_spec(R::WORDS.spoken, cause))
}

fn write<S: Serialize>(spec: &S) -> Spec {
    match serde_json::to_value(spec) {
        Ok(serde_json::Value::Object(map)) => Spec(map),
        Ok(_) | Err(_) => Spec::default(),
    }
}

impl<R: Resource> Kind for R {
    fn words(&self) -> Words {
        R::WORDS
    }

    fn rollout(&self) -> Rollout {
        R::ROLLOUT
    }

    fn scope(&self) -> Scope {
        R::SCOPE
    }

    fn names(&self) -> &'static [&'static str] {
        R::NAMES
    }

    fn looks_at(&self) -> &'static [&'static str] {
        R::LOOKS_AT
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<R::Spec>()
    }

    fn read(&self, spec: &Spec) -> Result<Box<dyn Reading + '_>, Problem> {
        Ok(Box::new(Typed { kind: self, spec: parse::<R>(spec)? }))
    }

    fn normalise(&self, spec: &Spec, held: Option<&Spec>) -> Result<Spec, Problem> {
        unknown_fields::refuse::<R::Spec>(R::WORDS, spec, held)?;
        let mut stored = write(&parse::<R>(spec)?);
        drop_empty(&mut stored);
        Ok(stored)
    }

    fn entities(&self, spec: &Spec) -> Vec<&'static str> {
        parse::<R>(spec).map(|typed| Resource::entities(self, &typed)).unwrap_or_default()
    }

    fn variants(&self) -> Option<Variants> {
        Resource::variants(self)
    }

    fn check(&self, key: &Key, spec: &Spec, members: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        match parse::<R>(spec) {
            Ok(typed) => Resource::check(self, key, &typed, members),
            Err(problem) => vec![problem],
        }
    }

    fn needs(&self, key: &Key, spec: &Spec) -> Vec<Need> {
        let needs = parse::<R>(spec).map(|typed| Resource::needs(self, key, &typed)).unwrap_or_default();
        // Whoever looks for the users of an object looks only there.
        debug_assert!(needs.iter().all(|need| R::NAMES.contains(&need.key.kind.as_str())), "{needs:?}");
        needs
    }

    fn complete(&self, spec: &mut Spec, with: &mut Completion<'_>) {
        if let Ok(mut typed) = parse::<R>(spec) {
            Resource::complete(self, &mut typed, with);
            *spec = write(&typed);
        }
    }

    fn filled_in(&self, key: &Key, declared: &Spec, held: &Spec) -> Vec<String> {
        match (parse::<R>(declared), parse::<R>(held)) {
            (Ok(declared), Ok(held)) => Resource::filled_in(self, key, &declared, &held),
            (Err(_), _) | (_, Err(_)) => Vec::new(),
        }
    }

    fn absent_values(&self, key: &Key, spec: &Spec) -> Vec<(&'static str, &'static str)> {
        parse::<R>(spec).map(|typed| Resource::absent_values(self, key, &typed)).unwrap_or_default()
    }

    fn edit(&self, old: &Spec, new: &Spec) -> Vec<Problem> {
        match (parse::<R>(old), parse::<R>(new)) {
            (Ok(old), Ok(new)) => Resource::edit(self, &old, &new),
            (Err(problem), _) | (_, Err(problem)) => vec![problem],
        }
    }

    fn edit_local(&self, spec: &Spec, old: &Config, new: &Config) -> Vec<Problem> {
        match parse::<R>(spec) {
            Ok(typed) => Resource::edit_local(self, &typed, old, new),
            Err(problem) => vec![problem],
        }
    }

    fn owner<'k>(&self, key: &'k Key) -> Option<&'k str> {
        Resource::owner(self, key)
    }

    fn beyond_sources(&self, old: Option<&Spec>, new: &Spec) -> Vec<Problem> {
        match (old.map(parse::<R>).transpose(), parse::<R>(new)) {
            (Ok(old), Ok(new)) => Resource::beyond_sources(self, old.as_ref(), &new),
            (Err(problem), _) | (_, Err(problem)) => vec![problem],
        }
    }

    fn restarts(&self, keys: &[&str]) -> Option<&'static str> {
        Resource::restarts(self, keys)
    }

    fn is_judged(&self, spec: &Spec, own: &BTreeMap<MemberName, Config>, is_new: bool) -> bool {
        parse::<R>(spec).is_ok_and(|typed| Resource::is_judged(self, &typed, own, is_new))
    }

    fn node(&self) -> Option<&'static dyn AnyActuator> {
        Resource::node(self)
    }
}
