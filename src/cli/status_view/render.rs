//! The board for people.

use super::{Cell, DEGRADED, Moment, Row, State, StatusView};
use crate::cli::input::plural;
use crate::cli::screen::{Palette, Table};
use crate::model::{MemberName, Phase};

/// More members than this share one column: rows of a hundred words help nobody.
const COLUMNS_MAX: usize = 8;

impl StatusView {
    /// The table, and what stands in the way of each object under it.
    pub fn render(&self, palette: Palette, moment: &Moment) -> String {
        let mut text = self.table(palette).aligned(palette);
        let mut troubles = self.troubles(moment);
        troubles.extend(self.notices_at(moment).flat_map(|notice| notice.lines(moment)));
        if !troubles.is_empty() {
            text.push('\n');
        }
        for line in troubles {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// One row an object, one column a member.
    pub fn table(&self, palette: Palette) -> Table {
        let is_wide = self.members.len() <= COLUMNS_MAX;
        let names = self.members.iter().map(|member| member.as_str().to_uppercase());
        let headers = ["OBJECT".to_owned(), "STATUS".to_owned()].into_iter();
        let mut table =
            if is_wide { Table::new(headers.chain(names)) } else { Table::new(headers.chain(["MEMBERS".to_owned()])) };
        for row in &self.rows {
            let mut cells = vec![row.key.to_string(), paint_phase(row, palette)];
            if is_wide {
                cells.extend(self.members.iter().map(|member| row.word(member, palette)));
            } else {
                cells.push(row.share());
            }
            table.push(cells);
        }
        table
    }

    /// `5 objects: 4 converged, 1 waits · 3 members, 1 offline · revision 12`.
    pub fn summary(&self) -> String {
        if let Some(outdated) = &self.outdated {
            let objects = plural(self.rows.len(), "object");
            let them = if self.rows.len() == 1 { "it" } else { "them" };
            return format!("{objects}, as {} last knew {them} · revision {}", outdated.member, self.revision);
        }
        let open = self.rows.len() - self.converged();
        let mut objects = format!("{}: {} converged", plural(self.rows.len(), "object"), self.converged());
        match open {
            0 => {}
            1 => objects.push_str(", 1 waits"),
            _ => objects.push_str(&format!(", {open} wait")),
        }
        let mut members = plural(self.members.len(), "member");
        if !self.silent.is_empty() {
            members.push_str(&format!(", {} offline", self.silent.len()));
        }
        if !self.log_troubles.is_empty() {
            members.push_str(&format!(", {} degraded", self.log_troubles.len()));
        }
        format!("{objects} · {members} · revision {}", self.revision)
    }
}

impl Row {
    fn word(&self, member: &MemberName, palette: Palette) -> String {
        match self.cells.get(member) {
            Some(Cell { state, .. }) => state.painted(palette),
            None if self.is_record => String::new(),
            None => palette.dim("-"),
        }
    }

    fn share(&self) -> String {
        if self.is_record {
            return String::new();
        }
        let ready = self.cells.values().filter(|cell| cell.state == State::Ready).count();
        format!("{ready}/{} ready", self.cells.len())
    }
}

impl State {
    fn painted(self, palette: Palette) -> String {
        let word = self.word();
        match self {
            Self::Ready => palette.good(word),
            Self::Defined | Self::Waiting | Self::Reconciling => palette.busy(word),
            Self::Drifted | Self::Degraded | Self::Stopped => palette.warning(word),
            Self::Stalled | Self::Offline => palette.error(word),
            Self::Unknown => palette.dim(word),
        }
    }
}

fn paint_phase(row: &Row, palette: Palette) -> String {
    let word = row.status();
    match row.phase {
        _ if !row.is_known => palette.dim(word),
        _ if word == DEGRADED => palette.warning(word),
        Phase::Created => palette.good(word),
        Phase::Pending | Phase::Creating | Phase::Deleting => palette.busy(word),
        Phase::Errored => palette.error(word),
    }
}
