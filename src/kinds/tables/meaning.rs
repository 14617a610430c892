//! Descriptions of keys, for `seedbed explain` and the schemas of editors; read when they are asked for.
//!
//! A table of its own beside the key table, because one sentence often holds for a key of many entities.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::key_table::KeyInfo;

/// What one key means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// One sentence.
    pub text: &'static str,
    /// What replaces a key that newer releases have dropped; empty for all others.
    pub instead: &'static str,
}

struct Row {
    of: &'static str,
    meaning: Meaning,
}

static TABLE: LazyLock<HashMap<&'static str, Vec<Row>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<Row>> = HashMap::new();
    for (key, row) in include_str!("meanings.tsv").lines().skip(1).filter_map(row) {
        table.entry(key).or_default().push(row);
    }
    table
});

fn row(line: &'static str) -> Option<(&'static str, Row)> {
    let mut cells = line.split('\t').map(|cell| if cell == "-" { "" } else { cell });
    let (key, of, instead, text) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    Some((key, Row { of, meaning: Meaning { text, instead } }))
}

/// What a key means. Empty only for a key that is not in the key table.
pub fn of(info: &KeyInfo) -> Meaning {
    // What the daemon sets itself is explained as a family.
    let families = ["volatile.NAME.*", "volatile.*"].into_iter();
    let families = families.filter(|family| info.key.starts_with(family.trim_end_matches('*')));
    let row = [info.key].into_iter().chain(families).find_map(|key| {
        let rows = TABLE.get(key)?;
        rows.iter().find(|row| row.of.is_empty() || row.of.split(',').any(|entity| names(entity, info.entity)))
    });
    row.map(|row| row.meaning).unwrap_or_default()
}

// `storage-*` names all entities that start so.
fn names(pattern: &str, entity: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => entity.starts_with(start),
        None => pattern == entity,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::kinds::tables::key_table;

    #[test]
    fn every_key_has_a_meaning_and_every_meaning_a_key() {
        let rows: Vec<&KeyInfo> = key_table::entities().flat_map(key_table::keys_of).collect();
        let missing: Vec<_> = rows.iter().filter(|info| of(info).text.is_empty()).collect();
        assert!(missing.is_empty(), "add these to meanings.tsv: {missing:#?}");
        let used: HashSet<&str> = rows.iter().map(|info| of(info).text).collect();
        let unused: Vec<&str> =
            TABLE.values().flatten().map(|row| row.meaning.text).filter(|text| !used.contains(text)).collect();
        assert!(unused.is_empty(), "nobody reads these of meanings.tsv: {unused:#?}");
    }

    #[test]
    fn meanings_are_sentences() {
        for Row { meaning, .. } in TABLE.values().flatten() {
            assert!(
                meaning.text.ends_with('.') && !meaning.text.starts_with(char::is_lowercase)
                    || meaning.text.starts_with("iSCSI"),
                "{}",
                meaning.text
            );
        }
    }

    #[test]
    fn keys_that_were_dropped_say_what_replaces_them() {
        for info in key_table::entities().flat_map(key_table::keys_of) {
            assert_eq!(info.dialect == "old", !of(info).instead.is_empty(), "{} {}", info.entity, info.key);
        }
    }
}
