//! Saved plans: what somebody has looked at, to be carried out once and exactly so. Records of the cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Change, Expect, Key, Timestamp};

/// No more plans than these are kept.
pub const PLANS_MAX: usize = 50;
/// How long a plan is good when nobody says.
pub const EXPIRES_MS: u64 = 3_600_000;

/// One plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedPlan {
    /// What it was made from, as its heading.
    pub title: String,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// The plan as it is shown, without secrets.
    pub plan: Value,
    /// What it commits; nothing once it was used.
    pub work: Option<SavedWork>,
    /// Who has used it.
    pub used: Option<Used>,
}

/// What a plan commits. Holds values, secrets included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedWork {
    /// What must hold.
    pub expect: Vec<Expect>,
    /// What is done.
    pub changes: Vec<Change>,
}

/// Who has carried out a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

// Values may be secrets.
impl std::fmt::Debug for SavedWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SavedWork({} changes)", self.changes.len())
    }
}

impl SavedPlan {
    /// The kind of these records.
    pub const KIND: &'static str = "saved-plan";

    /// The record of this name.
    pub fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }

    /// `good`, `used` or `expired`.
    pub fn standing(&self, now: Timestamp) -> &'static str {
        match &self.used {
            Some(_) => "used",
            None if self.expires_at <= now => "expired",
            None => "good",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_good_until_it_is_used_or_its_time_is_over() {
        let plan = SavedPlan { expires_at: Timestamp(10), ..SavedPlan::default() };
        assert_eq!((plan.standing(Timestamp(9)), plan.standing(Timestamp(10))), ("good", "expired"));
        let used = SavedPlan { used: Some(Used { at: Timestamp(5), by: "unix:0".to_owned() }), ..plan };
        assert_eq!(used.standing(Timestamp(20)), "used");
    }
}
