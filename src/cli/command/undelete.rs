//! `seedbed undelete KEY…`: what is being removed stays.

use clap::Args;
use hyper::Method;
use serde_json::json;

use crate::api::{UndeleteRequest, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::Key;

/// The arguments of `seedbed undelete`.
#[derive(Args, Debug)]
pub struct UndeleteArgs {
    /// The objects, as in storage-pool/data or network/PROJECT/NAME
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<Key>,
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &UndeleteArgs, session: &Session) -> Result<Exit, Failure> {
    let body = json!(UndeleteRequest { keys: args.keys.clone() });
    session.change(Method::POST, paths::UNDELETE, &body, None).await?;
    for key in &args.keys {
        session.screen.say(&format!("{key} stays; where it had gone already it was made anew"));
    }
    Ok(Exit::Done)
}
