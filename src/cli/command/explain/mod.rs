//! `seedbed explain`: what a finding's code, a configuration key or all keys of a driver mean.

mod keys;

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, Table};
use crate::kinds::tables::key_table;
use crate::manifest::codes::{self, RULES, Rule};

/// The arguments of `seedbed explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A code, as in SB014, a key, as in storage-zfs.source or core.https_address, or what has keys, as in storage-zfs;
    /// without it, all codes
    #[arg(value_name = "CODE|KEY|DRIVER")]
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
    if let Some(entity) = keys::entity(word) {
        return keys::list(entity, screen).map(|()| Exit::Done);
    }
    let found = keys::named(word);
    if found.is_empty() {
        return Err(unknown(word));
    }
    keys::explain(&found, screen).map(|()| Exit::Done)
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

fn unknown(word: &str) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("`{word}` is no code and no configuration key"));
    let entities: Vec<&str> = key_table::entities().collect();
    // Whoever names an entity means one of its keys.
    if let Some((entity, key)) = word.split_once('.').filter(|(entity, _)| entities.contains(entity)) {
        let list = format!("all keys of {entity}: seedbed explain {entity}");
        return match key_table::suggest(&[entity], key) {
            Some(near) => failure.hint(format!("did you mean `{near}`? seedbed explain {entity}.{near}")),
            None => failure.hint(list),
        };
    }
    let codes = RULES.iter().map(|rule| rule.code);
    let is_code = word.len() == 5 && word.to_uppercase().starts_with("SB");
    let near = match is_code {
        true => key_table::nearest(&word.to_uppercase(), codes),
        false => key_table::nearest(word, entities.iter().copied()).or_else(|| key_table::suggest(&entities, word)),
    };
    match near {
        Some(near) => failure.hint(format!("did you mean `{near}`? seedbed explain {near}")),
        None => failure.hint("list the codes: seedbed explain").hint(format!("what has keys: {}", entities.join(", "))),
    }
}
