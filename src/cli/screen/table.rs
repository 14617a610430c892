//! Tables: boxed as LXD's client prints them, aligned without lines, and comma-separated.

use super::fit::{self, GAP};
use super::palette::{Palette, columns, tamed};

/// Rows under headers. A cell may have several lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(headers: impl IntoIterator<Item = H>) -> Self {
        Self {
            headers: headers.into_iter().map(|header| tamed(&header.into()).into_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has as many cells as there are headers.
    pub fn push<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        // What is written out takes more columns than what it stands for.
        self.rows.push(cells.into_iter().map(|cell| tamed(&cell.into()).into_owned()).collect());
    }

    /// With lines around the cells and headers in the middle of their columns.
    pub fn boxed(&self) -> String {
        let widths = self.widths();
        let rule: String = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect::<String>() + "+\n";
        let mut text = rule.clone();
        text.push('|');
        for (header, width) in self.headers.iter().zip(&widths) {
            text.push_str(&format!(" {header:^width$} |"));
        }
        text.push('\n');
        text.push_str(&rule);
        for row in &self.rows {
            for line in lines(row) {
                text.push('|');
                for (cell, width) in line.iter().zip(&widths) {
                    text.push_str(&format!(" {} |", padded(cell, *width)));
                }
                text.push('\n');
            }
            text.push_str(&rule);
        }
        text
    }

    /// The same in no more than `width` columns, as far as that can be: without columns that hold nothing, without lines
    /// around the cells, and with long cells wrapped, whichever is needed first.
    pub fn fitted(&self, palette: Palette, width: usize) -> String {
        if self.boxed_width() <= width {
            return self.boxed();
        }
        let filled = self.without_empty_columns();
        if filled.boxed_width() <= width {
            return filled.boxed();
        }
        filled.aligned_in(palette, width)
    }

    /// Columns under bold headers, in no more than `width` columns as far as that can be.
    pub fn aligned_in(&self, palette: Palette, width: usize) -> String {
        let shares = fit::shares(&self.widths(), width);
        let wrap = |row: &Vec<String>| row.iter().zip(&shares).map(|(cell, share)| fit::wrap(cell, *share)).collect();
        Self { headers: wrap(&self.headers), rows: self.rows.iter().map(wrap).collect() }.aligned(palette)
    }

    fn boxed_width(&self) -> usize {
        self.widths().iter().map(|width| width + 3).sum::<usize>() + 1
    }

    fn without_empty_columns(&self) -> Self {
        let filled = fit::filled(self.headers.len(), &self.rows);
        let keep = |cells: &Vec<String>| {
            cells.iter().zip(&filled).filter(|(_, filled)| **filled).map(|(cell, _)| cell.clone()).collect()
        };
        Self { headers: keep(&self.headers), rows: self.rows.iter().map(keep).collect() }
    }

    /// Columns under bold headers, without lines. Cells may be painted.
    pub fn aligned(&self, palette: Palette) -> String {
        let widths = self.widths();
        let mut text = String::new();
        let mut line = |cells: &[String], paint: bool| {
            let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| padded(cell, *width)).collect();
            let joined = padded.join(&" ".repeat(GAP));
            let trimmed = joined.trim_end();
            text.push_str(&if paint { palette.strong(trimmed) } else { trimmed.to_owned() });
            text.push('\n');
        };
        for cells in lines(&self.headers) {
            line(&cells, true);
        }
        for row in &self.rows {
            for cells in lines(row) {
                line(&cells, false);
            }
        }
        text
    }

    /// Comma-separated, without headers, one line a row, as LXD's client does: lines of a cell become a list.
    pub fn csv(&self) -> String {
        let quoted = |cell: &String| {
            let cell = &cell.replace('\n', ",");
            if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
        };
        self.rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect()
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |column: usize, header: &String| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.flat_map(|cell| cell.lines()).chain(header.lines()).map(columns).max().unwrap_or(0)
        };
        self.headers.iter().enumerate().map(|(column, header)| widest(column, header)).collect()
    }
}

// A row with cells of several lines becomes several lines.
fn lines(row: &[String]) -> Vec<Vec<String>> {
    let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(1).max(1);
    let line = |at: usize| row.iter().map(|cell| cell.lines().nth(at).unwrap_or_default().to_owned()).collect();
    (0..height).map(line).collect()
}

fn padded(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(columns(cell))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Table {
        let mut table = Table::new(["NAME", "ROLES", "STATE"]);
        table.push(["node1", "database-leader\ndatabase", "ONLINE"]);
        table.push(["node2", "database", "ONLINE"]);
        table
    }

    #[test]
    fn a_boxed_table_looks_as_that_of_lxd() {
        insta::assert_snapshot!(members().boxed(), @r"
        +-------+-----------------+--------+
        | NAME  |      ROLES      | STATE  |
        +-------+-----------------+--------+
        | node1 | database-leader | ONLINE |
        |       | database        |        |
        +-------+-----------------+--------+
        | node2 | database        | ONLINE |
        +-------+-----------------+--------+
        ");
    }

    #[test]
    fn a_compact_table_has_no_lines_and_no_trailing_blanks() {
        insta::assert_snapshot!(members().aligned(Palette::plain()), @r"
        NAME   ROLES            STATE
        node1  database-leader  ONLINE
               database
        node2  database         ONLINE
        ");
    }

    #[test]
    fn a_table_fits_the_terminal_as_far_as_it_can() {
        let mut table = Table::new(["REVISION", "WHO", "DESCRIPTION", "WHAT"]);
        table.push(["14", "unix:0", "", "change network/br0: config.ipv4.address, config.ipv4.nat, description"]);
        table.push(["15", "web", "", "create profile/web"]);
        let plain = Palette::plain();
        assert_eq!(table.fitted(plain, 200), table.boxed());
        let narrow = table.fitted(plain, 101);
        assert!(narrow.starts_with('+') && !narrow.contains("DESCRIPTION"), "{narrow}");
        insta::assert_snapshot!(table.fitted(plain, 60), @r"
        REVISION  WHO     WHAT
        14        unix:0  change network/br0: config.ipv4.address,
                          config.ipv4.nat, description
        15        web     create profile/web
        ");
        for width in [40, 60, 80, 99, 120] {
            assert!(table.fitted(plain, width).lines().all(|line| line.chars().count() <= width), "{width}");
        }
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(members().csv(), "node1,\"database-leader,database\",ONLINE\nnode2,database,ONLINE\n");
    }

    #[test]
    fn hostile_cells_are_written_out_and_move_no_column() {
        let mut table = Table::new(["NAME", "DESCRIPTION"]);
        table.push(["a", "\u{1b}[2K\u{1b}[1Agone"]);
        table.push(["b", "\u{202e}txet\u{9b}0m"]);
        insta::assert_snapshot!(table.aligned(Palette::plain()), @r"
        NAME  DESCRIPTION
        a     \u{1b}[2K\u{1b}[1Agone
        b     \u{202e}txet\u{9b}0m
        ");
        assert!(table.boxed().chars().chain(table.csv().chars()).all(|c| c == '\n' || !c.is_control()));
    }
}
