//! `seedbed adopt KEY…`: hands objects over to a source, or to nobody.

use clap::Args;

use super::protect::manage;
use crate::api::ManageRequest;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::Key;

/// The arguments of `seedbed adopt`.
#[derive(Args, Debug)]
pub struct AdoptArgs {
    /// The objects, as in storage-pool/data or profile/PROJECT/NAME
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<Key>,
    /// The source that they belong to from now on, whoever had them before
    #[arg(long, value_name = "NAME", required_unless_present = "release")]
    source: Option<String>,
    /// They belong to nobody from now on
    #[arg(long, conflicts_with = "source")]
    release: bool,
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &AdoptArgs, session: &Session) -> Result<Exit, Failure> {
    let source = args.source.clone().unwrap_or_default();
    let request = ManageRequest { keys: args.keys.clone(), source: Some(source.clone()), ..ManageRequest::default() };
    manage(&request, session).await?;
    for key in &args.keys {
        match args.release {
            true => session.screen.say(&format!("{key} belongs to nobody now")),
            false => session.screen.say(&format!("{key} belongs to the source {source} now")),
        }
    }
    if !args.release {
        session.screen.say(&format!("Declare what {source} does not have yet: with --prune, it would be deleted"));
    }
    Ok(Exit::Done)
}
