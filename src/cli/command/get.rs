//! `seedbed get KIND [NAME]`: the objects of any kind, by any of its names.

use clap::Args;

use super::noun::{self, Named, Place};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::{self, Kind};

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
    let all = || kinds::ALL.iter().copied().filter(|kind| !kind.words().noun.is_empty());
    all().find(is_meant).ok_or_else(|| {
        let names: Vec<&str> = all().map(|kind| kind.words().kind).collect();
        Failure::usage(format!("there is no kind `{word}`")).hint(format!("kinds: {}", names.join(", ")))
    })
}
