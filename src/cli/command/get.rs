//! `seedbed get KIND [NAME]`: the objects of any kind, by any of its names.

use clap::Args;

use super::config::{self, Target};
use super::noun::{self, Named, Place};
use super::{cluster, hold, saved, trust, webhook};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::Kind;
use crate::kinds::tables::key_table;

/// The arguments of `seedbed get`.
#[derive(Args, Debug)]
pub struct GetArgs {
    /// A kind, as in storage-pool, storage, storage_pools
    kind: String,
    /// One object; without it, all of them
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Kinds that have commands of their own instead of a noun: their names, and how they are shown.
const OTHERS: [(Other, &[&str]); 7] = [
    (Other::Member, &["member", "members", "cluster-member"]),
    (Other::Token, &["token", "tokens"]),
    (Other::Certificate, &["certificate", "certificates", "trust"]),
    (Other::Server, &["config", "server"]),
    (Other::Plan, &["plan", "plans", "saved-plan"]),
    (Other::Hold, &["hold", "holds"]),
    (Other::Webhook, &["webhook", "webhooks"]),
];

#[derive(Clone, Copy)]
enum Other {
    Member,
    Token,
    Certificate,
    Server,
    Plan,
    Hold,
    Webhook,
}

/// Lists or shows.
///
/// # Errors
/// An unknown kind, or what the daemon says.
pub async fn run(args: GetArgs, session: &Session) -> Result<Exit, Failure> {
    let GetArgs { kind: word, name, place } = args;
    let other = OTHERS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(other, _)| *other);
    match (other, name) {
        (Some(other), name) => show(other, name, session).await?,
        (None, None) => noun::list(find(&word)?, &place, session).await?,
        (None, Some(name)) => noun::show(find(&word)?, &Named { name, place }, session).await?,
    }
    Ok(Exit::Done)
}

async fn show(other: Other, name: Option<String>, session: &Session) -> Result<(), Failure> {
    match (other, name) {
        (Other::Member, None) => cluster::list(session).await,
        (Other::Member, Some(name)) => cluster::show(&name, session).await,
        (Other::Certificate, None) => trust::list(session).await,
        (Other::Certificate, Some(name)) => trust::show(&name, session).await,
        (Other::Server, target) => config::show(session, &Target { target }).await,
        (Other::Plan, None) => saved::list(session).await,
        (Other::Plan, Some(name)) => saved::show(&name, session).await,
        (Other::Hold, only) => hold::list(only.as_deref(), session).await,
        (Other::Webhook, None) => webhook::list(session).await,
        (Other::Webhook, Some(name)) => webhook::show(&name, session).await,
        (Other::Token, None) => cluster::list_tokens(session).await,
        (Other::Token, Some(_)) => Err(Failure::usage("a token is shown once, when it is made")
            .hint("the tokens that were not used yet: seedbed get tokens")),
    }
}

fn find(word: &str) -> Result<&'static dyn Kind, Failure> {
    let is_meant = |kind: &&dyn Kind| {
        let words = kind.words();
        [words.kind, words.section, words.collection, words.noun].contains(&word)
    };
    noun::declared().find(is_meant).ok_or_else(|| {
        let others = OTHERS.iter().map(|(_, words)| words[0]);
        let names: Vec<&str> = noun::declared().map(|kind| kind.words().kind).chain(others).collect();
        let failure = Failure::usage(format!("there is no kind `{word}`"));
        match key_table::nearest(word, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("kinds: {}", names.join(", "))),
        }
    })
}
