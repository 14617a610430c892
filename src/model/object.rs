//! Objects as the store keeps them, and what each member holds of them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::config::Config;
use super::key::Key;
use super::management::Management;
use super::name::MemberName;
use super::number::{Generation, Revision, Timestamp};

/// The part of an object that all members share, as its kind writes it: a JSON object.
///
/// The store never looks inside. Kinds read it as their own type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Spec(pub Map<String, Value>);

impl Spec {
    /// The stored form of a kind's own type.
    ///
    /// # Errors
    /// When the type is not written as a map with texts for keys.
    pub fn of(typed: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(typed)?)
    }

    /// The kind's own type.
    ///
    /// # Errors
    /// When this is no such type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        // Of a value of its own, as types are read everywhere else: a second way would double the code of each type.
        serde_json::from_value(Value::Object(self.0.clone()))
    }

    /// The `config` map inside, empty when there is none.
    pub fn config(&self) -> Config {
        self.config_entries().collect()
    }

    /// The keys and values of the `config` map inside, in the order of the keys.
    pub fn config_entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let map = self.0.get("config").and_then(Value::as_object);
        map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// Replaces the `config` map inside.
    pub fn set_config(&mut self, config: &Config) {
        let map = config.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
        self.0.insert("config".to_owned(), Value::Object(map));
    }

    /// A text field, empty when it is absent.
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// One thing that a manifest declares or a client made, with its placements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Object {
    /// Its identity.
    pub key: Key,
    /// The revision that made it: tells two objects of one name apart.
    pub uid: Revision,
    /// Grows with every change of the spec or of a placement's configuration.
    pub generation: Generation,
    /// Where it stands in the two phases.
    pub phase: Phase,
    /// On which members it is realised.
    pub rollout: Rollout,
    /// What all members share.
    pub spec: Spec,
    /// What the last applied manifest declared; keys that left the manifest since are unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Spec>,
    /// Who it belongs to, and what may be done with it.
    #[serde(default, skip_serializing_if = "Management::is_default")]
    pub management: Management,
    /// The last entry that may have made another object refer to this one, or live in it; 0 when none has. It is no
    /// change of this object: a removal expects it, so that nobody is left referring to nothing.
    #[serde(default, skip_serializing_if = "Revision::is_zero")]
    pub referred: Revision,
    /// When it appeared.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What each member holds of it.
    #[serde(default)]
    pub placements: BTreeMap<MemberName, Placement>,
}

impl Object {
    /// An object of which nothing is known but its name: made by nobody, on no member.
    pub fn blank(key: Key) -> Self {
        Self {
            key,
            uid: Revision::default(),
            generation: Generation::default(),
            phase: Phase::Pending,
            rollout: Rollout::RecordOnly,
            spec: Spec::default(),
            applied: None,
            management: Management::default(),
            referred: Revision::default(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            placements: BTreeMap::new(),
        }
    }
}

/// One object as it was before an entry: what [`Change::Remember`](super::Change::Remember) stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was {
    /// The object.
    pub key: Key,
    /// What was done with it: `create`, `update` and so on, as plans say it.
    pub action: String,
    /// What was stored; `None` when it did not exist.
    pub object: Option<Object>,
}

/// What one member holds of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// The member-specific keys.
    pub config: Config,
    /// Where the member stands, in LXD's words.
    pub phase: PlacementPhase,
    /// The generation that the condition speaks of; 0 before the first report.
    pub observed: Generation,
    /// The last generation that the member reported as Created; 0 when it never did. It outlives failures: what a
    /// member once made and does not find again is lost, and must not be made anew over somebody's data.
    #[serde(default)]
    pub realised: Generation,
    /// What the member last said.
    pub condition: Condition,
}

/// Where an object stands in the two phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Defined on some members; nothing exists on any host.
    Pending,
    /// The global create was committed; members are at work. Shown as Pending.
    Creating,
    /// Every member has made it.
    Created,
    /// At least one member could not make it yet. It tries on.
    Errored,
    /// Members are removing it.
    Deleting,
}

/// Where one member stands with an object, in LXD's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PlacementPhase {
    /// Nothing exists on the member's host.
    Pending,
    /// The member made it.
    Created,
    /// The member tried and failed.
    Errored,
}

/// On which members an object is realised. Stored, so that the log needs to know no kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Rollout {
    /// A record: Created as soon as it is committed, realised nowhere.
    RecordOnly,
    /// Realised on every member.
    EveryMember,
    /// Realised on the members that it has placements on.
    PlacedMembers,
}

impl Object {
    /// The generation that `member` has realised, or `None` where it has no placement.
    pub fn observed_by(&self, member: &MemberName) -> Option<Generation> {
        self.placements.get(member).map(|placement| placement.observed)
    }

    /// Whether every member has realised the newest generation, or there is nothing to realise.
    pub fn is_converged(&self) -> bool {
        let settled =
            |placement: &Placement| placement.observed == self.generation && placement.phase == PlacementPhase::Created;
        match self.rollout {
            Rollout::RecordOnly => self.phase == Phase::Created,
            Rollout::EveryMember | Rollout::PlacedMembers => {
                self.phase == Phase::Created && self.placements.values().all(settled)
            }
        }
    }
}

impl Phase {
    /// The status that LXD's API shows.
    pub fn status(self) -> &'static str {
        match self {
            Self::Pending | Self::Creating => "Pending",
            Self::Created => "Created",
            Self::Errored => "Errored",
            Self::Deleting => "Deleting",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.status())
    }
}

impl PlacementPhase {
    /// The status that LXD's API shows for one member.
    pub fn status(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Created => "Created",
            Self::Errored => "Errored",
        }
    }
}
