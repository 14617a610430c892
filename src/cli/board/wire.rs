//! The board for programs: all that the screen shows, with times as RFC 3339.

use serde_json::{Map, Value, json};

use super::moment::rfc3339;
use super::{Board, Cell, Moment, Notice, Row, Waves};

impl Board {
    /// The board as JSON, as it stands at a moment.
    pub fn json(&self, moment: &Moment) -> Value {
        let member = |name: &crate::model::MemberName| {
            let silent_since = self.silent.get(name).map(|heard| rfc3339(*heard));
            json!({ "name": name, "reachable": silent_since.is_none(), "silent_since": silent_since })
        };
        json!({
            "format_version": 1,
            "revision": self.revision,
            "converged": self.is_converged(),
            "members": self.members.iter().map(member).collect::<Vec<_>>(),
            "objects": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "notices": self.notices_at(moment).flat_map(Notice::json).collect::<Vec<_>>(),
        })
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
