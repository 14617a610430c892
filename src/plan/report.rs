//! The plan as a value: what users read, what programs parse, and the write that carries it out.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diff::object::variant;
use super::impact::effect::Impact;
use super::rollout::PlannedWaves;
use crate::model::{
    Change, Command, Expect, Finding, Generation, Key, MemberName, Object, Place, Revision, Timestamp, Write,
};

/// The version of the plan's JSON: the first number grows when a reader must change.
pub const FORMAT_VERSION: &str = "1.2";

/// What to change, in the order in which it is done.
///
/// The JSON form never holds a secret: it says only that one changes. That is also why a plan that was read from
/// JSON can be shown and compared, but not carried out; what carries it out is the same input planned again, with
/// the same [`digest`](Plan::digest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The version of this form.
    pub format_version: String,
    /// Identifies the plan: see [`Plan::digest`].
    pub digest: String,
    /// The revision of the state that it was made against.
    pub base: Revision,
    /// The changes, in the order in which they are done.
    pub changes: Vec<PlannedChange>,
    /// How many declared objects are as they should be.
    pub unchanged: usize,
    /// The members that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offline: Vec<OfflineMember>,
    /// What is worth knowing but stops nothing, such as a declared member that has not joined yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Finding>,
    /// What is in the way: with any of these nothing of the plan can be carried out, and it only shows what else it would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<Finding>,
    /// What is declared and was not asked for: nothing of it is touched or unset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Key>,
    /// In which order members take up what changes; `null` for all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<PlannedWaves>,
    /// The changes counted.
    pub summary: Summary,
    /// What is committed. Holds values, secrets included, and therefore never leaves the process.
    #[serde(skip)]
    pub(super) work: Work,
}

/// What a plan commits.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub expect: Vec<Expect>,
    pub changes: Vec<Change>,
    /// What gives the chosen values again.
    pub seed: Option<u64>,
}

// Values may be secrets.
impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({} changes)", self.changes.len())
    }
}

/// One object's part of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedChange {
    /// The object.
    pub key: Key,
    /// What is done.
    pub action: Action,
    /// What sort of object it is: the driver of a pool, the type of a network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The generation that the object must still have; `null` when it must not exist.
    pub precondition: Option<Generation>,
    /// What changes for all members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What changes for one member each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberRow>,
    /// The members that do not answer and that the change waits for. What is created waits with all members, as a
    /// definition; an update waits only where it has to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<MemberName>,
    /// The changed objects that come before this one because it needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Key>,
    /// The objects that brought this one along, where only some were asked for and not this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<Key>,
    /// What it means for what runs.
    #[serde(default)]
    pub impact: Impact,
    /// What stops for a moment, in words; without it the change is made while everything runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub restarts: String,
    /// Which members it may cut off, and by what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts_off: Vec<String>,
    /// The objects that use this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<Key>,
    /// Whether it goes because what made it is taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undone: bool,
    /// What is in the way of what is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<String>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
}

impl PlannedChange {
    /// A change of a stored object of which nothing else is known yet.
    pub(super) fn of(object: &Object, action: Action) -> Self {
        let precondition = Some(object.generation);
        Self { precondition, ..Self::new(object.key.clone(), action, variant(&object.spec)) }
    }

    /// A change that looks at nothing and stops nothing.
    pub(super) fn new(key: Key, action: Action, variant: String) -> Self {
        Self {
            key,
            action,
            variant,
            precondition: None,
            fields: Vec::new(),
            members: Vec::new(),
            waits_for: Vec::new(),
            depends_on: Vec::new(),
            needed_by: Vec::new(),
            impact: Impact::Live,
            restarts: String::new(),
            cuts_off: Vec::new(),
            used_by: Vec::new(),
            is_undone: false,
            barred: Vec::new(),
            at: None,
        }
    }
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It is defined; what is missing is added, and it is created.
    Resume,
    /// It could not be made everywhere; what is missing is tried again.
    Retry,
    /// It exists and changes.
    Update,
    /// It exists and is as declared; from now on the manifest owns it.
    Adopt,
    /// Its source declares it no more, or what made it is taken back.
    Delete,
    /// It exists and could only become as declared if it were made anew, which nobody does by itself: refused.
    Recreate,
    /// It cannot become as declared: refused.
    Refused,
}

/// One value that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The path within the object: `config.ipv4.address`.
    pub path: String,
    /// The value so far; `null` when there was none. Left out when it is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value from now on; `null` when it is unset. Left out when it is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the values must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Whether the system chose the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub computed: bool,
}

/// What changes for one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRow {
    /// The member.
    pub member: MemberName,
    /// Its keys that change; empty when the object only becomes one that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Whether it does not answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
}

/// A member that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfflineMember {
    /// The member.
    pub member: MemberName,
    /// For how long, in milliseconds; `null` when it was never heard.
    pub silent_ms: Option<u64>,
}

/// The changes counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Objects that appear.
    pub create: usize,
    /// Objects that are defined already, or failed, and go on.
    pub resume: usize,
    /// Objects that change.
    pub update: usize,
    /// Objects that the manifest takes over as they are.
    pub adopt: usize,
    /// Objects that go.
    #[serde(default)]
    pub delete: usize,
    /// Objects that cannot become as declared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub barred: usize,
    /// How many of all these wait for a member.
    pub waiting: usize,
    /// On how many members something is done.
    pub members: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Identifies what the plan does: the same objects at the same generations, changed in the same way, at once or as
    /// soon as the same members answer.
    ///
    /// What the system chooses itself, such as an address, takes part where the choice can be made again: the digest then
    /// ends with the seed that it takes, so that whoever has seen the plan gets just that.
    pub fn digest(&self) -> String {
        let seed = self.work.seed.or_else(|| super::digest::seed_of(&self.digest));
        super::digest::digest(&self.changes, self.waves.as_ref(), seed)
    }

    /// Whether nothing is asked for but another try of what failed.
    pub fn only_retries(&self) -> bool {
        !self.is_empty() && self.changes.iter().all(|change| change.action == Action::Retry)
    }

    /// The changes that wait for a member that does not answer.
    pub fn blocked(&self) -> impl Iterator<Item = &PlannedChange> {
        self.changes.iter().filter(|change| change.is_blocked())
    }

    /// The one log entry that carries out the whole plan.
    ///
    /// A plan that was read from JSON has nothing to carry out: see [`Plan`].
    pub fn write(&self, request: String, at: Timestamp, by: String) -> Command {
        let Work { expect, changes, seed: _ } = self.work.clone();
        Command::Write(Write { request, at, by, origin: None, expect, changes })
    }
}

impl PlannedChange {
    /// Whether the object stays a definition until a member is back.
    pub fn is_blocked(&self) -> bool {
        let is_new = matches!(self.action, Action::Create | Action::Resume);
        is_new && !self.waits_for.is_empty()
    }
}

// serde hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
