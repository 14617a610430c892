//! What must hold after every entry of the log, and what must hold at the end. One file for each property.

mod conditions;
mod convergence;
mod created;
mod deletion;
mod foreign;
mod generations;
mod leftovers;
mod membership;
mod preconditions;
mod references;
mod reports;
mod waves;

use std::collections::BTreeMap;

use seedbed::model::{ClusterState, MemberName};

pub use convergence::{check_end, check_quiet};

use crate::log::{Entry, Log};
use crate::member::Member;

/// Right after an entry.
pub struct Moment<'a> {
    pub entry: &'a Entry,
    pub log: &'a Log,
    pub members: &'a BTreeMap<MemberName, Member>,
}

impl Moment<'_> {
    pub fn state(&self) -> &ClusterState {
        &self.log.head
    }
}

/// A property that does not hold.
#[derive(Debug)]
pub struct Violation {
    pub invariant: &'static str,
    pub detail: String,
}

type Invariant = fn(&Moment<'_>) -> Result<(), String>;

/// Those that compare an entry with its own words come first: what they find explains what others would see later.
const ALL: &[(&str, Invariant)] = &[
    ("preconditions", preconditions::check),
    ("reports", reports::check),
    ("conditions", conditions::check),
    ("created", created::check),
    ("deletion", deletion::check),
    ("foreign", foreign::check),
    ("generations", generations::check),
    ("leftovers", leftovers::check),
    ("membership", membership::check),
    ("references", references::check),
    ("waves", waves::check),
];

/// Checks every property, and names the first that does not hold.
pub fn check(moment: &Moment<'_>) -> Result<(), Violation> {
    for (invariant, check) in ALL {
        check(moment).map_err(|detail| {
            let revision = moment.entry.revision;
            Violation { invariant, detail: format!("at revision {revision}: {detail}") }
        })?;
    }
    Ok(())
}
