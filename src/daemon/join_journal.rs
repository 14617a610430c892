//! What a join leaves on disk, so that it can be brought to its end whenever the daemon was stopped in the middle.
//!
//! Everything new is prepared in `database.joining`. One file there says how far the join has come:
//!
//! | file | the join | at the next start |
//! |---|---|---|
//! | none | has asked the cluster for nothing that binds it | is dropped |
//! | `prepared` | may be committed by the cluster at any moment | the cluster is asked, see `form::undecided` |
//! | `committed` | is committed: this is a member | is finished, by [`StateDir::finish`] |
//!
//! Each change of that file is one durable rename or removal, and every step after it can be repeated.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::durable;
use super::error::DaemonError;
use super::state_dir::{Belongs, StateDir};
use crate::api::PeerInfo;
use crate::model::{Config, MemberName};

const PREPARED: &str = "prepared";
const COMMITTED: &str = "committed";

/// What a joiner needs to find out how its join ended, and to go on as a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Who it will be.
    pub belongs: Belongs,
    /// Whom to ask, and where to listen.
    pub contacts: Contacts,
}

/// The part of it that has no file of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    /// The name that this member gets.
    pub name: MemberName,
    /// The keys that say where this member listens while it joins; its own configuration is still that of one that stands
    /// alone.
    pub listen: Config,
    /// The members that were there.
    pub members: Vec<PeerInfo>,
}

type Step = fn(&StateDir) -> Result<(), DaemonError>;

/// What brings a directory into order, in this order. Each step finds by itself whether it has been done.
const FINISH: [Step; 5] = [
    |dir| if_committed(dir, |dir| durable::remove_tree(&dir.database())),
    |dir| if_committed(dir, |dir| durable::rename(&dir.joining(), &dir.database())),
    |dir| durable::remove(&dir.database().join(COMMITTED)),
    |dir| if dir.joining().join(PREPARED).exists() { Ok(()) } else { durable::remove_tree(&dir.joining()) },
    |dir| durable::remove_tree(&dir.dropped()),
];

fn if_committed(dir: &StateDir, step: Step) -> Result<(), DaemonError> {
    if dir.joining().join(COMMITTED).exists() { step(dir) } else { Ok(()) }
}

impl StateDir {
    /// The database of a join that is under way.
    pub fn joining(&self) -> PathBuf {
        self.path("database.joining")
    }

    /// Writes down that a join may be committed from now on.
    pub fn prepare(&self, prepared: &Prepared) -> Result<(), DaemonError> {
        self.drop_joining()?;
        let (dir, path) = (self.joining(), self.joining().join(PREPARED));
        self.set_belongs(&dir, &prepared.belongs)?;
        let text = serde_json::to_string(&prepared.contacts)
            .map_err(|cause| DaemonError::Unreadable { path: path.clone(), detail: cause.to_string() })?;
        durable::write(&path, &text, 0o600)
    }

    /// The join of which it is not known how it ended.
    pub fn prepared(&self) -> Result<Option<Prepared>, DaemonError> {
        let (dir, path) = (self.joining(), self.joining().join(PREPARED));
        let Some(text) = durable::read(&path)? else { return Ok(None) };
        let unreadable = |detail: String| DaemonError::Unreadable { path: path.clone(), detail };
        let contacts = serde_json::from_str(&text).map_err(|cause| unreadable(cause.to_string()))?;
        let missing = || unreadable("files beside it are missing".to_owned());
        let belongs = self.belongs(&dir)?.ok_or_else(missing)?;
        Ok(Some(Prepared { belongs, contacts }))
    }

    /// The cluster has committed the join: from here on this is a member, whatever happens.
    pub fn commit(&self) -> Result<(), DaemonError> {
        durable::rename(&self.joining().join(PREPARED), &self.joining().join(COMMITTED))
    }

    /// Brings the directory into order: what was decided is finished, and what nobody needs goes.
    pub fn finish(&self) -> Result<(), DaemonError> {
        FINISH.iter().try_for_each(|step| step(self))
    }

    /// The join was not committed. What was asked for last is forgotten first.
    pub fn drop_joining(&self) -> Result<(), DaemonError> {
        durable::remove(&self.joining().join(PREPARED))?;
        durable::remove_tree(&self.joining())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::MemberId;

    const ALONE: u64 = 1;
    const MEMBER: u64 = 7;

    fn belongs(id: u64) -> Belongs {
        Belongs { id: MemberId(id), address: "a:1".to_owned(), name: Some("node".into()), listen: Config::default() }
    }

    fn prepared() -> Prepared {
        Prepared {
            belongs: belongs(MEMBER),
            contacts: Contacts {
                name: "node".into(),
                listen: Config::from([("core.https_address", "a:1")]),
                members: Vec::new(),
            },
        }
    }

    fn alone(place: &Path) -> StateDir {
        let dir = StateDir::open(place).expect("a state directory");
        dir.set_belongs(&dir.database(), &belongs(ALONE)).expect("written");
        dir
    }

    /// What the next start finds.
    fn found(place: &Path) -> (u64, bool) {
        let dir = StateDir::open(place).expect("a state directory");
        let belongs = dir.belongs(&dir.database()).expect("readable").expect("a database");
        let prepared = dir.prepared().expect("readable").is_some();
        assert_eq!(dir.joining().exists(), prepared, "leftovers");
        (belongs.id.0, prepared)
    }

    type TestStep = Box<dyn Fn(&StateDir)>;

    /// The steps of a whole join, each as durable as it is.
    fn join_steps() -> Vec<TestStep> {
        let joining = |name: &'static str| {
            Box::new(move |dir: &StateDir| durable::write(&dir.joining().join(name), name, 0o600).expect("written"))
        };
        let mut steps: Vec<TestStep> = vec![
            Box::new(|dir| durable::make_dir(&dir.joining()).expect("made")),
            Box::new(|dir| dir.set_belongs(&dir.joining(), &belongs(MEMBER)).expect("written")),
            Box::new(|dir| dir.prepare(&prepared()).expect("written")),
            joining("raft-log.db"),
            Box::new(|dir| dir.commit().expect("renamed")),
        ];
        for step in FINISH {
            steps.push(Box::new(move |dir| step(dir).expect("done")));
        }
        steps
    }

    #[test]
    fn a_join_that_stops_anywhere_is_dropped_asked_about_or_finished() {
        let alone_as_before = (ALONE, false);
        let to_be_asked = (ALONE, true);
        let member = (MEMBER, false);
        let steps = join_steps();
        for stopped_after in 0..=steps.len() {
            let place = tempfile::tempdir().expect("a directory");
            let dir = alone(place.path());
            steps.iter().take(stopped_after).for_each(|step| step(&dir));
            drop(dir);
            let wanted = match stopped_after {
                0..=2 => alone_as_before,
                3..=4 => to_be_asked,
                _ => member,
            };
            assert_eq!(found(place.path()), wanted, "stopped after {stopped_after} steps");
            assert_eq!(found(place.path()), wanted, "the second start, stopped after {stopped_after} steps");
        }
    }

    #[test]
    fn a_join_that_is_dropped_is_dropped_also_when_that_stops_in_the_middle() {
        for left in [&["member.json"][..], &[]] {
            let place = tempfile::tempdir().expect("a directory");
            let dir = alone(place.path());
            dir.prepare(&prepared()).expect("written");
            durable::remove(&dir.joining().join(PREPARED)).expect("removed");
            if left.is_empty() {
                durable::remove(&dir.joining().join("member.json")).expect("removed");
            }
            drop(dir);
            assert_eq!(found(place.path()), (ALONE, false), "left: {left:?}");
        }
    }

    #[test]
    fn what_was_prepared_is_read_back() {
        let place = tempfile::tempdir().expect("a directory");
        let dir = alone(place.path());
        dir.prepare(&prepared()).expect("written");
        assert_eq!(dir.prepared().expect("readable"), Some(prepared()));
    }

    #[test]
    fn leaving_that_stops_in_the_middle_leaves_no_half_database() {
        let place = tempfile::tempdir().expect("a directory");
        let dir = alone(place.path());
        durable::rename(&dir.database(), &dir.dropped()).expect("renamed");
        durable::remove(&dir.dropped().join("member.json")).expect("removed");
        drop(dir);
        let dir = StateDir::open(place.path()).expect("a state directory");
        assert!(!dir.database().exists() && !dir.dropped().exists());
    }
}
