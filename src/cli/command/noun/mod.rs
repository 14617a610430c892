//! One noun for each kind of the registry: `storage list`, `network create` … as in LXD's client.

mod change;
mod create;
mod shape;
mod view;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::api::paths;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::{self, Kind, Scope};
use crate::model::Rollout;

pub use view::{list, show};

/// What can be done with the objects of any kind.
#[derive(Subcommand, Debug)]
pub enum NounVerb {
    /// List all
    #[command(visible_alias = "ls")]
    List(#[command(flatten)] Place),
    /// Show one with all its keys
    Show(Named),
    /// Show how one stands on every member
    Info(Named),
    /// Create one, or define it on one member with --target
    Create(create::CreateArgs),
    /// Delete one
    #[command(visible_alias = "rm")]
    Delete(Named),
    /// Set keys
    Set(change::SetArgs),
    /// Print the value of one key
    Get(change::KeyArgs),
    /// Remove keys
    Unset(change::KeysArgs),
}

/// The verbs of a noun, as [`NounVerb`] has them.
const VERBS: [&str; 8] = ["list", "show", "info", "create", "delete", "set", "get", "unset"];

/// Where to look.
#[derive(Args, Debug)]
pub struct Place {
    /// The member whose own keys are meant
    #[arg(long, value_name = "MEMBER")]
    pub target: Option<String>,
    /// The project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
}

/// One object.
#[derive(Args, Debug)]
pub struct Named {
    /// Its name
    pub name: String,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

impl NounVerb {
    fn place(&self) -> &Place {
        match self {
            Self::List(place) => place,
            Self::Show(named) | Self::Info(named) | Self::Delete(named) => &named.place,
            Self::Create(args) => &args.place,
            Self::Set(args) => &args.place,
            Self::Get(args) => &args.place,
            Self::Unset(args) => &args.place,
        }
    }
}

impl Place {
    fn query(&self) -> Vec<String> {
        let part = |key: &str, value: &Option<String>| Some(format!("{key}={}", paths::escape(value.as_ref()?)));
        [part("target", &self.target), part("project", &self.project)].into_iter().flatten().collect()
    }

    /// Where an object of a kind is made: on all members at once unless one is named.
    pub fn creation(&self, kind: &dyn Kind) -> String {
        let mut query = self.query();
        if self.target.is_none() {
            query.push("everywhere=1".to_owned());
        }
        path(format!("/1.0/{}", kind.words().collection), query)
    }

    /// All objects of a kind with their content.
    pub fn recursed(&self, kind: &dyn Kind) -> String {
        let mut query = self.query();
        query.push("recursion=1".to_owned());
        path(format!("/1.0/{}", kind.words().collection), query)
    }

    /// One object.
    pub fn object(&self, kind: &dyn Kind, name: &str) -> String {
        path(format!("/1.0/{}/{}", kind.words().collection, paths::escape(name)), self.query())
    }
}

fn path(base: String, query: Vec<String>) -> String {
    if query.is_empty() { base } else { format!("{base}?{}", query.join("&")) }
}

/// Adds a noun for each kind that manifests declare; verbs of the same name stay as they are.
pub fn nouns(mut command: Command) -> Command {
    for kind in declared() {
        if command.find_subcommand(kind.words().noun).is_none() {
            command = command.subcommand(grammar(kind));
        }
    }
    command
}

/// The kinds with a noun of their own: one word, and a section and a collection that hold nothing else.
/// Members, tokens and the server configuration have verbs in `cluster` and `config` instead.
pub fn declared() -> impl Iterator<Item = &'static dyn Kind> {
    let is_word = |text: &str| !text.is_empty() && !text.contains([' ', '.']);
    kinds::ALL.iter().copied().filter(move |kind| {
        let words = kind.words();
        [words.noun, words.section, words.collection].into_iter().all(is_word)
    })
}

fn grammar(kind: &dyn Kind) -> Command {
    let words = kind.words();
    let noun = NounVerb::augment_subcommands(Command::new(words.noun).arg_required_else_help(true));
    let about = format!("Manage {}s", words.spoken);
    let mut noun = noun.about(about).long_about(None).subcommand_required(true);
    // An option that cannot mean anything is not offered.
    let hidden = [("project", kind.scope() == Scope::Cluster), ("target", !has_members(kind))];
    for (option, _) in hidden.into_iter().filter(|(_, is_hidden)| *is_hidden) {
        for verb in VERBS {
            noun = noun.mut_subcommand(verb, |verb| verb.mut_arg(option, |arg| arg.hide(true)));
        }
    }
    create::grammar(kind, noun)
}

/// Whether members have parts of their own of such objects: only then can one be named with `--target`.
fn has_members(kind: &dyn Kind) -> bool {
    kind.rollout() != Rollout::RecordOnly
}

fn without_members(kind: &dyn Kind) -> Failure {
    let words = kind.words();
    Failure::usage(format!("a {} is the same for all members: there is nothing for --target to name", words.spoken))
        .hint("leave --target out; members have parts of their own of storage pools and networks")
}

/// The kind whose noun this is.
pub fn find(noun: &str) -> Option<&'static dyn Kind> {
    declared().find(|kind| kind.words().noun == noun)
}

/// Runs `seedbed NOUN VERB …`.
///
/// # Errors
/// What the daemon says, or what is wrong with the arguments.
pub async fn run(kind: &dyn Kind, matches: &ArgMatches, session: &Session) -> Result<Exit, Failure> {
    let verb = NounVerb::from_arg_matches(matches).map_err(|cause| Failure::usage(cause.to_string()))?;
    if verb.place().target.is_some() && !has_members(kind) {
        return Err(without_members(kind));
    }
    match &verb {
        NounVerb::List(place) => list(kind, place, session).await?,
        NounVerb::Show(named) => show(kind, named, session).await?,
        NounVerb::Info(named) => return view::info(kind, named, session).await,
        NounVerb::Create(args) => create::run(kind, args, session).await?,
        NounVerb::Delete(named) => change::delete(kind, named, session).await?,
        NounVerb::Set(args) => change::set(kind, args, session).await?,
        NounVerb::Get(args) => change::get(kind, args, session).await?,
        NounVerb::Unset(args) => change::unset(kind, args, session).await?,
    }
    Ok(Exit::Done)
}

/// `KEY=VALUE` words; two words without `=` are one key and its value, as in LXD's client.
///
/// # Errors
/// A word that is neither.
pub fn pairs(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    if let [key, value] = words
        && !key.contains('=')
    {
        return Ok(vec![(key.clone(), value.clone())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure::usage(format!("`{word}` is no KEY=VALUE"))
            .hint("to remove a key, use `unset` in the place of `set`")),
    };
    words.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn keys_and_values_come_in_both_forms_of_lxd() {
        let one = Ok::<_, ()>(vec![("size".to_owned(), "5GiB".to_owned())]);
        assert_eq!(pairs(&words(&["size=5GiB"])).map_err(|_| ()), one);
        assert_eq!(pairs(&words(&["size", "5GiB"])).map_err(|_| ()), one);
    }

    #[test]
    fn a_value_may_hold_equal_signs() {
        let both = pairs(&words(&["user.a=b=c", "x="])).expect("pairs");
        assert_eq!(both[0], ("user.a".to_owned(), "b=c".to_owned()));
        assert_eq!(both[1], ("x".to_owned(), String::new()));
    }

    #[test]
    fn a_word_that_is_no_pair_is_named() {
        assert_eq!(pairs(&words(&["=x"])).expect_err("refused").message, "`=x` is no KEY=VALUE");
    }
}
