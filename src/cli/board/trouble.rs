//! What stands in the way, since when, and what to do about it.

use super::{Board, Cell, Moment, Row, State};
use crate::model::{MemberName, Phase};

impl Board {
    /// The lines under the table: first what members say, then who is silent.
    pub fn troubles(&self, moment: &Moment) -> Vec<String> {
        let mut lines: Vec<String> = self.rows.iter().flat_map(|row| self.row_troubles(row)).collect();
        for (member, heard) in &self.silent {
            lines.extend(self.silence(member, &moment.since(*heard)));
        }
        lines
    }

    fn row_troubles(&self, row: &Row) -> Vec<String> {
        if row.phase == Phase::Pending && !row.is_record {
            return self.only_defined(row).into_iter().collect();
        }
        let said = row.cells.iter().filter(|(_, cell)| cell.state != State::Offline);
        said.filter_map(|(member, cell)| complaint(row, member, cell)).collect()
    }

    // A definition that a silent member holds up needs no words of its own: see `silence`.
    fn only_defined(&self, row: &Row) -> Option<String> {
        if row.cells.values().any(|cell| cell.state == State::Offline) {
            return None;
        }
        let missing: Vec<&str> =
            self.members.iter().filter(|member| !row.cells.contains_key(*member)).map(MemberName::as_str).collect();
        Some(if missing.is_empty() {
            format!("{} is defined on every member: create it, without --target", row.key)
        } else {
            format!("{} is not defined on {}: define it there, then create it", row.key, missing.join(", "))
        })
    }

    fn silence(&self, member: &MemberName, since: &str) -> Vec<String> {
        let waiting = self.rows.iter().filter(|row| row.cells.get(member).is_some_and(|cell| !cell.is_settled)).count();
        let what = match waiting {
            0 => "Nothing here waits for it.".to_owned(),
            1 => "1 object waits for it and goes on by itself when it is back.".to_owned(),
            _ => format!("{waiting} objects wait for it and go on by themselves when it is back."),
        };
        vec![
            format!("{member} has been silent for {since}. {what}"),
            format!("  To go on without it: seedbed cluster remove {member} --force"),
        ]
    }
}

fn complaint(row: &Row, member: &MemberName, cell: &Cell) -> Option<String> {
    if cell.message.is_empty() {
        return None;
    }
    Some(format!("{} on {member}: {} ({})", row.key, cell.message, cell.reason))
}
