//! What stands in the way, since when, and what to do about it.

use std::collections::BTreeSet;

use super::{Cell, Moment, Row, State, StatusView};
use crate::cli::input::plural;
use crate::model::{MemberName, Phase, Revision};

impl StatusView {
    /// The lines under the table: first what members say, then who is silent, then whose log is in trouble.
    pub fn troubles(&self, moment: &Moment) -> Vec<String> {
        // What was in the way then is old like the rest; and nothing can be done about it now.
        if self.outdated.is_some() {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.rows.iter().flat_map(|row| self.row_troubles(row)).collect();
        lines.extend(self.stops());
        for (member, heard) in &self.silent {
            lines.extend(self.silence(member, &moment.since(*heard)));
        }
        for (member, trouble) in &self.log_troubles {
            lines.extend([format!("{member}: {trouble}."), format!("  {}", trouble.remedy(member))]);
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

    /// What has stopped, once for all objects of one change.
    fn stops(&self) -> Vec<String> {
        let mut told: BTreeSet<Revision> = BTreeSet::new();
        let mut lines = Vec::new();
        for row in &self.rows {
            let Some(waves) = row.waves.as_ref().filter(|waves| waves.is_stopped && told.insert(waves.id)) else {
                continue;
            };
            let of_it = |other: &&Row| other.waves.as_ref().is_some_and(|other| other.id == waves.id);
            let keys: Vec<String> = self.rows.iter().filter(of_it).map(|row| row.key.to_string()).collect();
            let is_kept = |member: &&MemberName| {
                let has_stopped = |row: &Row| row.cells.get(*member).is_some_and(|cell| cell.state == State::Stopped);
                self.rows.iter().filter(of_it).any(has_stopped)
            };
            let kept: Vec<&str> = self.members.iter().filter(is_kept).map(MemberName::as_str).collect();
            let (failures, failed) = (plural(waves.failed.len(), "failure"), names(&waves.failed));
            let keep = if kept.len() == 1 { "keeps what it has" } else { "keep what they have" };
            let kept = if kept.is_empty() { String::new() } else { format!("; {} {keep}", kept.join(", ")) };
            lines.push(format!("{} stopped after {failures} on {failed}{kept}.", keys.join(", ")));
            lines
                .push(format!("  It goes on when {failed} can do it: apply again with a mended manifest, or mend it."));
            lines.push(
                "  To go on in spite of it: seedbed apply --resume PATH · to go back: seedbed history".to_owned(),
            );
        }
        lines
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

fn names(members: &[MemberName]) -> String {
    members.iter().map(MemberName::as_str).collect::<Vec<_>>().join(", ")
}
