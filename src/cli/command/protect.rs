//! `seedbed protect KEY…`: nobody deletes these objects, until that is lifted.

use clap::Args;

use crate::api::{ManageRequest, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::Key;

/// The arguments of `seedbed protect`.
#[derive(Args, Debug)]
pub struct ProtectArgs {
    /// The objects, as in storage-pool/data or profile/PROJECT/NAME
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<Key>,
    /// Lift the protection
    #[arg(long)]
    off: bool,
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &ProtectArgs, session: &Session) -> Result<Exit, Failure> {
    let request = ManageRequest { keys: args.keys.clone(), protect: Some(!args.off), ..ManageRequest::default() };
    manage(&request, session).await?;
    for key in &args.keys {
        session.screen.say(&match args.off {
            true => format!("{key} can be deleted again"),
            false => format!("{key} is protected: nobody can delete it. To lift that: seedbed protect {key} --off"),
        });
    }
    Ok(Exit::Done)
}

/// Changes how objects are managed.
///
/// # Errors
/// What the daemon says.
pub async fn manage(request: &ManageRequest, session: &Session) -> Result<(), Failure> {
    let body = serde_json::json!(request);
    session.change(hyper::Method::POST, paths::MANAGE, &body, None).await
}
