//! The board for programs: all that the screen shows, with times as RFC 3339.

use serde_json::{Map, Value, json};

use super::time::rfc3339;
use super::{Cell, Moment, Notice, Row, StatusView, Waves};
use crate::model::Outdated;

impl StatusView {
    /// The board as JSON, as it stands at a moment.
    pub fn json(&self, moment: &Moment) -> Value {
        let member = |name: &crate::model::MemberName| {
            let silent_since = self.silent.get(name).map(|heard| rfc3339(*heard));
            let is_known = self.outdated.as_ref().is_none_or(|outdated| outdated.member == *name);
            let reachable = is_known.then_some(silent_since.is_none());
            let mut value = json!({ "name": name, "reachable": reachable, "silent_since": silent_since });
            if let Some(trouble) = self.log_troubles.get(name) {
                value["log_trouble"] = json!(trouble);
            }
            value
        };
        let mut value = json!({
            "format_version": 1,
            "revision": self.revision,
            "converged": self.is_converged(),
            "members": self.members.iter().map(member).collect::<Vec<_>>(),
            "objects": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "notices": self.notices_at(moment).flat_map(Notice::json).collect::<Vec<_>>(),
        });
        if let Some(Outdated { member, lack, age_ms, as_of, voters }) = &self.outdated {
            let as_of = as_of.map(rfc3339);
            value["outdated"] =
                json!({"member": member, "lack": lack, "age_ms": age_ms, "as_of": as_of, "voters": voters});
        }
        value
    }
}

impl Row {
    fn json(&self) -> Value {
        let members: Map<String, Value> =
            self.cells.iter().map(|(member, cell)| (member.to_string(), cell.json())).collect();
        let mut value = json!({
            "key": self.key.to_string(),
            "status": self.status(),
            "generation": self.generation,
            "converged": self.is_converged,
            "members": members,
        });
        if let Some(Waves { order, id: _, wave, max_failures, failed, is_stopped }) = &self.waves {
            value["waves"] = json!({
                "order": order,
                "wave": wave,
                "max_failures": max_failures,
                "failed": failed,
                "stopped": is_stopped,
            });
        }
        value
    }
}

impl Cell {
    fn json(&self) -> Value {
        let Self { state, is_settled, reason, message, since } = self;
        json!({
            "state": state.word(),
            "converged": is_settled,
            "reason": reason,
            "message": message,
            "since": rfc3339(*since),
        })
    }
}
