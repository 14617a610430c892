//! `seedbed waitready`: returns as soon as the daemon answers.

use std::time::{Duration, Instant};

use clap::Args;

use crate::api::ServerInfo;
use crate::api::paths;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, failure};
use crate::client::ClientError;

/// The arguments of `seedbed waitready`.
#[derive(Args, Debug)]
pub struct WaitreadyArgs {
    /// How long to wait at most, in seconds or as in 500ms; without it, for ever
    #[arg(short, long, value_parser = duration::parse, value_name = "TIME")]
    timeout: Option<Duration>,
}

/// Between two looks: a daemon is ready within 50 ms.
pub const PAUSE: Duration = Duration::from_millis(5);

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// Waits.
///
/// # Errors
/// When the daemon is not ready in time: the last reason.
pub async fn run(args: &WaitreadyArgs, session: &Session) -> Result<Exit, Failure> {
    let start = Instant::now();
    loop {
        let Err(cause) = look(session).await else { return Ok(Exit::Done) };
        if args.timeout.is_some_and(|limit| start.elapsed() >= limit) {
            return Err(failure(cause).exiting(Exit::Timeout));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the daemon answers now.
///
/// # Errors
/// Why it does not.
pub async fn look(session: &Session) -> Result<(), ClientError> {
    session.client.with_timeout(LOOK).get::<ServerInfo>(paths::SERVER).await.map(|_| ())
}
