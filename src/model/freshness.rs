//! How old a member's copy of the state is: what stands under every read. Nobody shows old data as the present.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::MemberName;
use super::number::Timestamp;

/// A copy that was not confirmed for longer is old, and a member that was not heard for longer does not answer.
/// Heartbeats come several times a second, and an election takes about a second.
pub const SILENT_MS_MAX: u64 = 1_500;

/// What a member lacks to know the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lack {
    /// A leader: it follows, and hears none.
    Leader,
    /// Most voters: it leads, and does not hear them.
    Quorum,
    /// Entries: it hears a leader, and does not get what that one has.
    Entries,
    /// A store that works: it has failed.
    Store,
}

/// A member whose copy is old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outdated {
    /// The member.
    pub member: MemberName,
    /// What it lacks.
    pub lack: Lack,
    /// For how long, in milliseconds: since its copy was last known to be the present, or since it has started.
    pub age_ms: u64,
    /// When its copy was last known to be the present, by its own clock; `None` when that was before it started.
    pub as_of: Option<Timestamp>,
    /// The members that vote, as far as it knows.
    pub voters: Vec<MemberName>,
}

impl Outdated {
    /// What is to happen for the copy to be the present again; true also for those who cannot read the header.
    pub fn remedy(&self) -> String {
        let voters: Vec<&str> = self.voters.iter().map(MemberName::as_str).collect();
        match (self.lack, voters.as_slice()) {
            (Lack::Store, _) => format!("the daemon of {} must be started again", self.member),
            (Lack::Entries, _) => format!("{} catches up by itself, or its daemon must be started again", self.member),
            (Lack::Leader | Lack::Quorum, []) => "most voters must be up and reach each other".to_owned(),
            (Lack::Leader | Lack::Quorum, [only]) => format!("the only voter must be up and be reached: {only}"),
            (Lack::Leader | Lack::Quorum, several) => {
                let needed = several.len() / 2 + 1;
                format!("{needed} of the voters must be up and reach each other: {}", several.join(", "))
            }
        }
    }
}

/// What is lacking, without for how long: as the message of a member has it.
impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, lack, as_of, .. } = self;
        match (lack, as_of) {
            (Lack::Leader, Some(_)) => write!(f, "{member} has heard no leader"),
            (Lack::Leader, None) => write!(f, "{member} has started and heard no leader yet"),
            (Lack::Quorum, _) => write!(f, "{member} leads and has not heard most voters"),
            (Lack::Entries, Some(_)) => write!(f, "{member} hears the leader and has not got what that one has"),
            (Lack::Entries, None) => write!(f, "{member} has started and catches up with the leader"),
            (Lack::Store, _) => write!(f, "the store of {member} has stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_happen_counts_the_voters() {
        let lonely = |voters: &[&str]| Outdated {
            member: "node3".into(),
            lack: Lack::Leader,
            age_ms: 67_000,
            as_of: Some(Timestamp(0)),
            voters: voters.iter().map(|name| MemberName::from(*name)).collect(),
        };
        assert_eq!(lonely(&["node1"]).remedy(), "the only voter must be up and be reached: node1");
        assert_eq!(
            lonely(&["node1", "node2", "node3"]).remedy(),
            "2 of the voters must be up and reach each other: node1, node2, node3"
        );
        assert_eq!(lonely(&[]).to_string(), "node3 has heard no leader");
    }
}
