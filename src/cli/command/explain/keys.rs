//! Configuration keys as people and programs want to read them.

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::input::plural;
use crate::cli::screen::{Format, Screen, Table};
use crate::kinds::tables::key_table::{self, Edit, KeyInfo, KeyScope};
use crate::kinds::tables::meaning::{self, Meaning};

/// A key as it was asked for; `volume.KEY` of a pool is KEY of its volumes.
pub struct Named {
    entity: &'static str,
    key: String,
    info: &'static KeyInfo,
}

/// The entity of this name.
pub fn entity(word: &str) -> Option<&'static str> {
    key_table::entities().find(|entity| *entity == word)
}

/// The keys of this name: `ENTITY.KEY` names one, a bare key may belong to several entities.
pub fn named(word: &str) -> Vec<Named> {
    let of = |entity: &'static str, key: &str| {
        let info = key_table::lookup(entity, key)?;
        Some(Named { entity, key: key.to_owned(), info })
    };
    let by_entity = word.split_once('.').and_then(|(name, key)| of(entity(name)?, key));
    match by_entity {
        Some(key) => vec![key],
        None => key_table::entities().filter_map(|entity| of(entity, word)).collect(),
    }
}

/// Everything about some keys.
pub fn explain(keys: &[Named], screen: Screen) -> Result<(), Failure> {
    if screen.format == Format::Table {
        return screen.write(&keys.iter().map(|key| block(key, screen)).collect::<Vec<_>>().join("\n"));
    }
    write(keys, screen)
}

/// All keys of an entity.
pub fn list(entity: &'static str, screen: Screen) -> Result<(), Failure> {
    let named = |info: &'static KeyInfo| Named { entity, key: info.key.to_owned(), info };
    let keys: Vec<Named> = key_table::keys_of(entity).map(named).collect();
    if screen.format != Format::Table {
        return write(&keys, screen);
    }
    let mut text = format!("{} has {}\n\n", screen.data.strong(entity), plural(keys.len(), "key"));
    let width = keys.iter().map(|key| key.key.len()).max().unwrap_or_default();
    for key in &keys {
        let told = sentence(key.info);
        let lines = wrap(&told, screen.width.saturating_sub(width + 4).max(30));
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { key.key.as_str() } else { "" };
            text.push_str(&format!("  {name:width$}  {line}\n"));
        }
    }
    text.push_str(&format!("\nMore of one: seedbed explain {entity}.KEY\n"));
    let volumes = entity.strip_prefix("storage-").map(|driver| format!("storage-volume-{driver}"));
    if let Some(volumes) = volumes.filter(|name| key_table::entities().any(|entity| entity == name)) {
        text.push_str(&format!(
            "What its volumes are by default: volume.KEY, with the keys of seedbed explain {volumes}\n"
        ));
    }
    screen.write(&text)
}

fn sentence(info: &KeyInfo) -> String {
    let Meaning { text, instead } = meaning::of(info);
    if instead.is_empty() { text.to_owned() } else { format!("{text} Dropped; in its place: {instead}.") }
}

fn block(key: &Named, screen: Screen) -> String {
    let Named { entity, key, info } = key;
    let KeyInfo { entity: of, key: row, form: _, scope, default, dialect, edit, words: _ } = info;
    let mut text = format!("{}\n{}\n\n", screen.data.strong(&format!("{entity}.{key}")), sentence(info));
    let default = if default.is_empty() { "none" } else { default };
    let facts = [
        ("value", info.wanted()),
        ("default", default.to_owned()),
        ("members", scope_word(*scope).to_owned()),
        ("changes", edit_word(*edit).to_owned()),
        ("known to", dialect_words(dialect).to_owned()),
    ];
    for (name, fact) in facts {
        text.push_str(&format!("  {name:8}  {fact}\n"));
    }
    if (of, row) != (entity, &key.as_str()) {
        text.push_str(&format!("  {:8}  {of}.{row}\n", "row of"));
    }
    text
}

fn write(keys: &[Named], screen: Screen) -> Result<(), Failure> {
    let mut table = Table::new(["OF", "KEY", "VALUE", "MEMBERS", "DEFAULT", "KNOWN TO", "CHANGES", "MEANING"]);
    for Named { entity, key, info } in keys {
        let KeyInfo { entity: _, key: _, form: _, scope, default, dialect, edit, words: _ } = info;
        let cells = [
            entity,
            key.as_str(),
            &info.wanted(),
            scope_word(*scope),
            default,
            dialect_words(dialect),
            edit_word(*edit),
            &sentence(info),
        ];
        table.push(cells);
    }
    screen.write_table(&table, &keys.iter().map(object).collect())
}

fn object(named: &Named) -> Value {
    let Named { entity, key, info } = named;
    let Meaning { text, instead } = meaning::of(info);
    json!({
        "entity": entity, "key": key, "meaning": text, "value": info.wanted(), "form": info.form.base.name(), "pattern": info.form.pattern(),
        "words": info.words().collect::<Vec<_>>(), "other_words": info.has_other_words(),
        "members": scope_word(info.scope), "default": info.default, "known_to": dialect_words(info.dialect),
        "changes": edit_word(info.edit), "instead": instead, "secret": key_table::is_secret_key(key),
    })
}

fn scope_word(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Global => "the same on all",
        KeyScope::Member => "each its own",
        KeyScope::Either => "either",
    }
}

fn dialect_words(dialect: &'static str) -> &'static str {
    match dialect {
        "both" => "LXD and Incus",
        "lxd" => "LXD",
        "incus" => "Incus",
        _ => "old releases",
    }
}

fn edit_word(edit: Edit) -> &'static str {
    match edit {
        Edit::Open => "at any time",
        Edit::Fixed => "never, once created",
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_found_by_its_full_name() {
        for info in key_table::entities().flat_map(key_table::keys_of) {
            let found = named(&format!("{}.{}", info.entity, info.key));
            let [one] = found.as_slice() else { panic!("{} {} is found {} times", info.entity, info.key, found.len()) };
            assert_eq!((one.info.entity, one.info.key), (info.entity, info.key));
            assert!(!sentence(one.info).is_empty());
        }
    }

    #[test]
    fn a_bare_key_is_found_in_all_that_have_it() {
        let entities: Vec<&str> = named("zfs.clone_copy").iter().map(|named| named.entity).collect();
        assert_eq!(entities, ["storage-zfs"]);
        assert!(named("source").len() > 10);
        assert_eq!(named("storage-zfs.volume.zfs.block_mode")[0].info.entity, "storage-volume-zfs");
    }

    #[test]
    fn long_sentences_are_wrapped_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
