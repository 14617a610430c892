//! What goes into the Raft log, and what comes back.
//!
//! The enums are closed: no resource kind adds a variant. The encoding is self-describing JSON and pinned by
//! golden files, because members of different versions replay it. Nothing that varies is read when a command
//! is applied: the proposer stamps times and ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::audit::Origin;
use super::condition::Condition;
use super::config::Config;
use super::key::Key;
use super::management::Management;
use super::name::MemberName;
use super::number::{Generation, Revision, Timestamp};
use super::object::{Object, PlacementPhase, Rollout, Spec};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Changes objects, all of them or none.
    Write(Write),
    /// Records what members observed. Never refused: what is out of date in it is ignored.
    Report(Report),
}

/// Changes under preconditions: a whole plan is one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Makes a retry harmless: the store answers a known id with its first reply.
    pub request: String,
    /// When the proposer made it.
    pub at: Timestamp,
    /// Who asked for it, for the audit trail: `unix:0`, a certificate's fingerprint, `reconciler`.
    pub by: String,
    /// From where it came, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What must hold of the objects that it touches or relies on.
    pub expect: Vec<Expect>,
    /// What it does, in order.
    pub changes: Vec<Change>,
}

/// A precondition on one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// The object.
    pub key: Key,
    /// Its generation, or `None` when it must not exist.
    pub generation: Option<Generation>,
    /// Whether the entry may make another object refer to this one, or live in it: this one then remembers the entry in
    /// [`Object::referred`](super::Object::referred).
    #[serde(default, skip_serializing_if = "is_false")]
    pub refers: bool,
    /// The object's [`referred`](super::Object::referred), where the entry was decided on who refers to the object: a
    /// removal holds only while nobody has begun to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Revision>,
}

impl Expect {
    /// That there is no such object.
    pub fn absent(key: Key) -> Self {
        Self { key, generation: None, refers: false, referred: None }
    }

    /// That the object is of this generation, or that there is none.
    pub fn at(key: Key, generation: Option<Generation>) -> Self {
        Self { generation, ..Self::absent(key) }
    }

    /// That the object is as it was read.
    pub fn unchanged(object: &Object) -> Self {
        Self::at(object.key.clone(), Some(object.generation))
    }

    /// The same for an entry that may make another object refer to this one.
    #[must_use]
    pub fn referring(self) -> Self {
        Self { refers: true, ..self }
    }

    /// The same for an entry that was decided on who refers to the object, as it was read.
    #[must_use]
    pub fn unreferred_since(self, object: Option<&Object>) -> Self {
        Self { referred: object.map(|object| object.referred), ..self }
    }

    /// Both, of one object and one generation.
    pub fn join(&mut self, other: Self) {
        self.refers |= other.refers;
        self.referred = self.referred.or(other.referred);
    }
}

// serde hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Creates the object or replaces its spec and its placements' configuration.
    Put(Put),
    /// Starts the removal: members take it down, the last report drops the record.
    /// What was never realised is dropped at once.
    Delete {
        /// The object.
        key: Key,
    },
    /// Drops the record and its placements without asking any member.
    Forget {
        /// The object.
        key: Key,
    },
    /// Drops all placements of a member that has gone.
    ForgetMember {
        /// The member.
        member: MemberName,
    },
    /// Stores, in a record, what objects were before this entry. The entry needs not to carry what every member has.
    Remember {
        /// The record.
        key: Key,
        /// The objects, each with what the entry does with it in the proposer's words.
        objects: Vec<(Key, String)>,
    },
    /// Moves all placements of a member to its new name.
    RenameMember {
        /// The name so far.
        from: MemberName,
        /// The name from now on.
        to: MemberName,
    },
}

/// The whole content of an object after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// The object.
    pub key: Key,
    /// On which members it is realised.
    pub rollout: Rollout,
    /// Whether this is a definition or the global create.
    pub stage: Stage,
    /// What all members share.
    pub spec: Spec,
    /// What a manifest declared; `None` keeps what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Spec>,
    /// How it is managed from now on; `None` keeps what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
    /// The member-specific keys of every placement. Placements of members that are not named are dropped.
    pub placements: BTreeMap<MemberName, Config>,
}

/// Which of the two phases a [`Put`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Only a definition: the object is (or stays) Pending.
    Define,
    /// The object is to be real: members act on it.
    Live,
}

/// What members observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When the reporter made it.
    pub at: Timestamp,
    /// One entry for each placement that changed.
    pub entries: Vec<PlacementReport>,
}

/// What one member observed of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementReport {
    /// The object.
    pub key: Key,
    /// The object's [`uid`](super::Object::uid): a report on an earlier object of the same name is ignored.
    pub uid: Revision,
    /// The member that speaks.
    pub member: MemberName,
    /// The generation it speaks of: reports on older ones are ignored.
    pub generation: Generation,
    /// Where the member stands; `None` when it has removed the object.
    pub phase: Option<PlacementPhase>,
    /// What it says.
    pub condition: Condition,
    /// Member-specific keys that the member has worked out itself, such as the source of a pool.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, String>,
}

/// What applying a command gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The command changed the state.
    Applied {
        /// The index of its entry.
        revision: Revision,
    },
    /// A precondition did not hold: nothing was changed.
    Refused {
        /// Every precondition that failed.
        faults: Vec<Fault>,
    },
    /// The entry carried no command (a Raft entry of its own).
    Nothing,
}

/// A precondition that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What was expected.
    pub expected: Expect,
    /// The generation that was found. The expected one when it is only that others have begun to refer to the object.
    pub found: Option<Generation>,
}
