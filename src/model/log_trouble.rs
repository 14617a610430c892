//! What is wrong with the log of a member, as the leader sees it: the disk was put back, or nothing is taken in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::MemberName;

/// Why a member does not follow as it should although it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTrouble {
    /// It has lost entries that it had confirmed: its disk was put back to an old copy.
    PutBack {
        /// When that was seen, in milliseconds before now.
        age_ms: u64,
        /// Whether it was sent all of them again.
        is_healed: bool,
    },
    /// It refuses what it is sent.
    Refused {
        /// What it says.
        why: String,
    },
    /// It answers, and has taken in nothing for a while.
    Stuck {
        /// For how long, in milliseconds.
        age_ms: u64,
    },
}

impl LogTrouble {
    /// For so long it is told that a member was put back, though it has caught up since: somebody has to look.
    pub const PUT_BACK_TOLD_MS: u64 = 600_000;

    /// The same a while later; `None` when it is not told any more.
    pub fn later(&self, ms: u64) -> Option<Self> {
        match self {
            Self::PutBack { age_ms, is_healed } => {
                let age_ms = age_ms.saturating_add(ms);
                (age_ms < Self::PUT_BACK_TOLD_MS).then_some(Self::PutBack { age_ms, is_healed: *is_healed })
            }
            Self::Refused { why } => Some(Self::Refused { why: why.clone() }),
            Self::Stuck { age_ms } => Some(Self::Stuck { age_ms: age_ms.saturating_add(ms) }),
        }
    }

    /// Whether two of them say the same but for how long ago it was.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PutBack { is_healed: one, .. }, Self::PutBack { is_healed: two, .. }) => one == two,
            (Self::Refused { why: one }, Self::Refused { why: two }) => one == two,
            (Self::Stuck { .. }, Self::Stuck { .. }) => true,
            (Self::PutBack { .. } | Self::Refused { .. } | Self::Stuck { .. }, _) => false,
        }
    }

    /// What to do about it, when it is this member's.
    pub fn remedy(&self, member: &MemberName) -> String {
        match self {
            Self::PutBack { .. } => format!(
                "Whether anything was lost: seedbed audit verify. If its disk is not to be trusted: seedbed cluster remove \
                 {member}, and let it join again"
            ),
            Self::Refused { .. } | Self::Stuck { .. } => format!(
                "Start its daemon again; if that does not help: seedbed cluster remove {member} --force, and let it join \
                 again"
            ),
        }
    }
}

/// It follows the member's name and a colon.
impl fmt::Display for LogTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PutBack { age_ms, is_healed } => {
                let healed = if *is_healed { "it has everything again" } else { "it is sent what it has lost" };
                write!(f, "its disk was put back to an old copy {}s ago: {healed}", age_ms / 1000)
            }
            Self::Refused { why } => write!(f, "it takes in nothing of the log: {why}"),
            Self::Stuck { age_ms } => write!(f, "it has taken in nothing of the log for {}s", age_ms / 1000),
        }
    }
}
