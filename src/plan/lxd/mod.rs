//! LXD's two phases for requests of its API: define on each member, then create everywhere.
//!
//! Pure functions from the stored state and a request to one log entry, or to a refusal in LXD's words. Everything is
//! checked first, the members' liveness included; nothing is changed before all of it holds.

mod create;
mod define;
mod delete;
mod guard;
mod holding;
mod names;
mod profiles;
mod rename;
mod update;

use std::collections::BTreeMap;
use std::fmt;

use super::rules::preconditions::Preconditions;
use crate::kinds::Kind;
use crate::model::{
    Change, ClusterState, Command, Config, Key, Liveness, MemberName, Put, Rollout, Spec, Stage, Timestamp, Write,
};

pub use create::{create, create_everywhere};
pub use define::define;
pub use delete::{delete, undelete};
pub use rename::rename;
pub use update::update;

/// A request with what it is judged by.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// What is stored.
    pub state: &'a ClusterState,
    /// Which members answer.
    pub liveness: &'a Liveness,
    /// The member that was asked.
    pub here: &'a MemberName,
    /// The object.
    pub key: &'a Key,
    /// What goes into the log with it.
    pub stamp: Stamp,
}

/// Who asks, when, and under which id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Makes a retry harmless; see [`Write::request`].
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// Who: `unix:0`, a certificate's fingerprint.
    pub by: String,
}

/// Why a request is refused. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status that LXD gives.
    pub status: u16,
    /// What LXD says.
    pub message: String,
    /// What to do about it, where LXD says nothing.
    pub hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None }
    }

    fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl Ask<'_> {
    /// The members that have joined; the one that was asked when there is no record yet.
    fn members(&self) -> Vec<MemberName> {
        let joined = self.state.members();
        if joined.is_empty() { vec![self.here.clone()] } else { joined }
    }

    fn put(&self, kind: &dyn Kind, stage: Stage, spec: Spec, placements: BTreeMap<MemberName, Config>) -> Change {
        let (key, rollout) = (self.key.clone(), kind.rollout());
        Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements })
    }

    /// The log entry, which may have nothing to change: `refers_to` are the objects that what it changes refers to.
    fn command(&self, changes: Vec<Change>, refers_to: Vec<Key>) -> Command {
        let mut terms = Preconditions::on(self.state);
        refers_to.iter().for_each(|key| terms.refer(key));
        for change in &changes {
            terms.change(change);
            match change {
                Change::Put(put) if put.rollout == Rollout::EveryMember => terms.touch(&Key::membership()),
                _ => {}
            }
        }
        let Stamp { request, at, by } = self.stamp.clone();
        Command::Write(Write { request, at, by, origin: None, expect: terms.expect(), changes })
    }
}
