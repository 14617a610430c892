//! `seedbed explain`: what a finding's code or a configuration key means.

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, Table};
use crate::kinds::table::{self, Edit, KeyInfo, KeyScope, ValueKind};
use crate::manifest::codes::{self, RULES, Rule};

/// The arguments of `seedbed explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A code, as in SB014, or a key, as in storage-zfs.source or core.https_address; without it, all codes
    #[arg(value_name = "CODE|KEY")]
    word: Option<String>,
}

/// Explains.
///
/// # Errors
/// When nothing is known under that name.
pub fn run(args: &ExplainArgs, screen: Screen) -> Result<Exit, Failure> {
    let Some(word) = &args.word else { return all(screen).map(|()| Exit::Done) };
    if let Some(rule) = codes::find(&word.to_uppercase()) {
        return explain_rule(rule, screen).map(|()| Exit::Done);
    }
    let keys = keys(word);
    if keys.is_empty() {
        return Err(unknown(word));
    }
    explain_keys(&keys, screen).map(|()| Exit::Done)
}

fn all(screen: Screen) -> Result<(), Failure> {
    let mut table = Table::new(["CODE", "WHAT IT FINDS"]);
    for rule in RULES {
        table.push([rule.code, rule.title]);
    }
    screen.write_table(&table, &json!(RULES.iter().map(rule_json).collect::<Vec<_>>()))
}

fn explain_rule(rule: &Rule, screen: Screen) -> Result<(), Failure> {
    if screen.format.is_for_programs() {
        return screen.write_value(&rule_json(rule));
    }
    let head = format!("{}: {}", screen.data.strong(rule.code), rule.title);
    let allow = match rule.is_binding {
        true => "No comment can allow this.".to_owned(),
        false => format!("Where it is meant so: # seedbed: allow {} REASON", rule.code),
    };
    screen.write(&format!("{head}\n\n{}\n{allow}\n", rule.explanation))
}

fn rule_json(rule: &Rule) -> serde_json::Value {
    json!({ "code": rule.code, "title": rule.title, "explanation": rule.explanation, "allowable": !rule.is_binding })
}

// `ENTITY.KEY` names one; a bare key may belong to several entities.
fn keys(word: &str) -> Vec<&'static KeyInfo> {
    let by_entity = word.split_once('.').and_then(|(entity, key)| table::lookup(entity, key));
    match by_entity {
        Some(key) => vec![key],
        None => table::entities().filter_map(|entity| table::lookup(entity, word)).collect(),
    }
}

fn explain_keys(keys: &[&KeyInfo], screen: Screen) -> Result<(), Failure> {
    let mut table = Table::new(["OF", "KEY", "VALUE", "MEMBERS", "DEFAULT", "KNOWN TO", "CHANGES"]);
    for key in keys {
        let KeyInfo { entity, key, kind, scope, default, dialect, edit, words: _ } = key;
        table.push([
            entity,
            key,
            value_word(*kind),
            scope_word(*scope),
            default,
            dialect_words(dialect),
            edit_word(*edit),
        ]);
    }
    let object = |key: &&KeyInfo| {
        json!({
            "entity": key.entity, "key": key.key, "value": value_word(key.kind), "members": scope_word(key.scope),
            "default": key.default, "known_to": key.dialect, "changes": edit_word(key.edit),
        })
    };
    screen.write_table(&table, &json!(keys.iter().map(object).collect::<Vec<_>>()))
}

fn value_word(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Text => "text",
        ValueKind::Bool => "true or false",
        ValueKind::Integer => "whole number",
        ValueKind::Size => "size, as in 10GiB",
    }
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

fn unknown(word: &str) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("`{word}` is no code and no configuration key"));
    let key = word.split_once('.').map_or(word, |(_, key)| key);
    let entities: Vec<&str> = table::entities().collect();
    let near = table::suggest(&entities, word).or_else(|| table::suggest(&entities, key));
    match near {
        Some(near) => failure.hint(format!("did you mean `{near}`? seedbed explain {near}")),
        None => failure.hint("list the codes: seedbed explain"),
    }
}
