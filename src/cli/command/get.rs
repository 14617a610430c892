//! `seedbed get KIND [NAME]`: the objects of any kind, by any of its names.

use clap::Args;

use super::noun::{self, Named, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::{Kind, table};

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

/// Lists or shows.
///
/// # Errors
/// An unknown kind, or what the daemon says.
pub async fn run(args: GetArgs, session: &Session) -> Result<Exit, Failure> {
    let GetArgs { kind: word, name, place } = args;
    let kind = find(&word)?;
    match name {
        None => noun::list(kind, &place, session).await?,
        Some(name) => noun::show(kind, &Named { name, place }, session).await?,
    }
    Ok(Exit::Done)
}

fn find(word: &str) -> Result<&'static dyn Kind, Failure> {
    let is_meant = |kind: &&dyn Kind| {
        let words = kind.words();
        [words.kind, words.section, words.collection, words.noun].contains(&word)
    };
    noun::declared().find(is_meant).ok_or_else(|| {
        let names: Vec<&str> = noun::declared().map(|kind| kind.words().kind).collect();
        let failure = Failure::usage(format!("there is no kind `{word}`"));
        match table::nearest(word, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("kinds: {}", names.join(", "))),
        }
    })
}
