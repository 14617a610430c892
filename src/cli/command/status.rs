//! `seedbed status`: how every object stands on every member.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Format;
use crate::cli::session::{Session, failure};
use crate::cli::status_view::{Moment, StatusView};
use crate::client::Waited;
use crate::model::Key;

/// The arguments of `seedbed status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Objects, as in storage-pool/data; without any, all that manifests declare
    #[arg(value_name = "KEY")]
    keys: Vec<Key>,
    /// Go on showing every change until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// One wait for a change; the daemon answers earlier when there is one.
const LOOK: Duration = Duration::from_secs(20);

/// Shows it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &StatusArgs, session: &Session) -> Result<Exit, Failure> {
    if !args.watch {
        return once(&args.keys, session).await;
    }
    tokio::select! {
        ended = watch(&args.keys, session) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

/// Shows it once. Not converged is an exit code of its own, and so is a member that does not follow as it should.
///
/// # Errors
/// What the daemon says, or an object that does not exist.
pub async fn once(keys: &[Key], session: &Session) -> Result<Exit, Failure> {
    let board = StatusView::of(&session.client.objects(keys).await.map_err(failure)?, keys);
    for key in keys {
        if !board.rows.iter().any(|row| row.key == *key) {
            return Err(
                Failure::new(Exit::Failed, format!("there is no {key}")).hint("list what there is: seedbed status")
            );
        }
    }
    show(&board, &session.skew().await.moment(), session)?;
    if !session.screen.format.is_for_programs() {
        session.screen.say(&board.summary());
    }
    let is_well = board.is_converged() && board.log_troubles.is_empty();
    Ok(if is_well { Exit::Done } else { Exit::NotConverged })
}

/// Prints a board in the format that was asked for.
///
/// # Errors
/// When standard output cannot be written.
pub fn show(board: &StatusView, moment: &Moment, session: &Session) -> Result<(), Failure> {
    let screen = session.screen;
    match screen.format {
        Format::Table | Format::Compact => screen.write(&board.render(screen.data, moment)),
        Format::Csv => screen.write(&board.table(crate::cli::screen::Palette::plain()).csv()),
        Format::Json | Format::Yaml => screen.write_value(&board.json(moment)),
    }
}

// On a terminal the screen is drawn anew; elsewhere every state is one more block of lines.
async fn watch(keys: &[Key], session: &Session) -> Result<Exit, Failure> {
    let is_terminal = std::io::stdout().is_terminal() && !session.screen.format.is_for_programs();
    let skew = session.skew().await;
    let mut reply = session.client.objects(keys).await.map_err(failure)?;
    loop {
        let board = StatusView::of(&reply, keys);
        if is_terminal {
            session.screen.clear()?;
        }
        show(&board, &skew.moment(), session)?;
        if !session.screen.format.is_for_programs() {
            session.screen.say(&format!("{} · Ctrl-C ends this, not the cluster", board.summary()));
        }
        let seen = reply.revision;
        reply = loop {
            match session.client.objects_after(keys, seen, LOOK).await.map_err(failure)? {
                Waited::Changed(reply) => break reply,
                // Who is silent changes without any entry in the log.
                Waited::Unchanged(reply) if is_terminal => break reply,
                Waited::Unchanged(_) => {}
            }
        };
    }
}
