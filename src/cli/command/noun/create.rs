//! `seedbed NOUN create`: one call defines and creates on all members, `--target` only defines on one member.

use clap::{Args, Command};
use hyper::Method;
use serde_json::{Value, json};

use super::shape::{Shape, shape};
use super::{Place, has_members, pairs};
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::Kind;

/// The arguments of `create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// Keys and values
    #[arg(value_name = "KEY=VALUE")]
    words: Vec<String>,
    /// What kind of network it is
    #[arg(short, long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Free text
    #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
    description: String,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// Shows the arguments as this kind takes them.
pub fn grammar(kind: &dyn Kind, noun: Command) -> Command {
    let Shape { driver_field, type_field, .. } = shape(kind.words().kind);
    noun.mut_subcommand("create", |create| {
        let create = create.mut_arg("type_name", |arg| arg.hide(type_field.is_none()));
        let create = if has_members(kind) { create } else { create.about("Create one") };
        match driver_field {
            Some(field) => create.mut_arg("words", |arg| {
                arg.help(format!("The {field}, then keys and values")).value_name("DRIVER KEY=VALUE")
            }),
            None => create,
        }
    })
}

/// Creates or defines.
pub async fn run(kind: &dyn Kind, args: &CreateArgs, session: &Session) -> Result<(), Failure> {
    let body = body(kind, args)?;
    session.change(Method::POST, &args.place.creation(kind), &body, None).await?;
    let (spoken, name) = (capital(kind.words().spoken), &args.name);
    session.screen.say(&match &args.place.target {
        Some(member) => format!("{spoken} {name} pending on member {member}"),
        None => format!("{spoken} {name} created"),
    });
    Ok(())
}

fn body(kind: &dyn Kind, args: &CreateArgs) -> Result<Value, Failure> {
    let words = kind.words();
    let Shape { driver_field, type_field, .. } = shape(words.kind);
    let mut rest = args.words.as_slice();
    let mut body = json!({ "name": args.name, "description": args.description });
    if let Some(field) = driver_field {
        let Some((driver, others)) = rest.split_first().filter(|(word, _)| !word.contains('=')) else {
            let message = format!("the {field} of {} `{}` is missing", words.spoken, args.name);
            let example = format!("seedbed {} create {} dir", words.noun, args.name);
            return Err(Failure::usage(message).hint(format!("name it after the {}: {example}", words.spoken)));
        };
        body[field] = json!(driver);
        rest = others;
    }
    match (type_field, &args.type_name) {
        (Some(field), name) => body[field] = json!(name.as_deref().unwrap_or_default()),
        (None, Some(_)) => {
            return Err(Failure::usage(format!("a {} is of no type: leave --type out", words.spoken)));
        }
        (None, None) => {}
    }
    if let Some(word) = rest.iter().find(|word| !word.contains('=')) {
        return Err(Failure::usage(format!("`{word}` is no KEY=VALUE")));
    }
    body["config"] = json!(pairs(rest)?.into_iter().collect::<std::collections::BTreeMap<_, _>>());
    Ok(body)
}

/// `Storage pool` for `storage pool`.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
