//! Makes rows fit a terminal: columns that hold nothing go, and long cells are wrapped.

use super::palette::{columns, is_painted};

/// The blanks between two columns.
pub(super) const GAP: usize = 2;

/// No column becomes narrower than this: a table that does not fit then is wider than the terminal.
const COLUMN_MIN: usize = 10;

/// Which columns hold something in any row.
pub(super) fn filled(columns: usize, rows: &[Vec<String>]) -> Vec<bool> {
    (0..columns).map(|column| rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))).collect()
}

/// The widths that columns may have, so that all of them stand side by side in `width`: the widest give way first.
pub(super) fn shares(wanted: &[usize], width: usize) -> Vec<usize> {
    let mut shares = wanted.to_vec();
    let gaps = GAP * wanted.len().saturating_sub(1);
    while shares.iter().sum::<usize>() + gaps > width {
        let widest = shares.iter().copied().max().unwrap_or_default();
        let Some(at) = shares.iter().rposition(|share| *share == widest && widest > COLUMN_MIN) else { break };
        shares[at] -= 1;
    }
    shares
}

/// A cell in lines of at most `width`: cut between words, within one only where it is longer than a line.
///
/// A cell with colours stays as it is: a cut would let them run on.
pub(super) fn wrap(cell: &str, width: usize) -> String {
    if columns(cell) <= width || is_painted(cell) {
        return cell.to_owned();
    }
    let lines: Vec<String> = cell.lines().flat_map(|line| wrap_line(line, width)).collect();
    lines.join("\n")
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace().flat_map(|word| pieces(word, width)) {
        let last = lines.last_mut().expect("there is a first line");
        let room = width.saturating_sub(last.chars().count());
        match word.chars().count() {
            length if last.is_empty() && length <= width => last.push_str(&word),
            length if length < room => {
                last.push(' ');
                last.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way() {
        assert_eq!(shares(&[5, 60, 8], 40), [5, 23, 8]);
        assert_eq!(shares(&[5, 6], 40), [5, 6]);
        assert_eq!(shares(&[30, 30], 12), [10, 10]);
    }

    #[test]
    fn cells_are_cut_between_words() {
        assert_eq!(wrap("change network/br0: config.ipv4.address", 20), "change network/br0:\nconfig.ipv4.address");
        assert_eq!(wrap("aaaaaaaaaaaa b", 5), "aaaaa\naaaaa\naa b");
        assert_eq!(wrap("one\ntwo three", 5), "one\ntwo\nthree");
    }
}
