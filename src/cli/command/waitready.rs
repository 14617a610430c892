//! `seedbed waitready`: returns as soon as the daemon answers.

use std::time::{Duration, Instant};

use clap::Args;

use crate::api::ServerInfo;
use crate::api::paths;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, failure};

/// The arguments of `seedbed waitready`.
#[derive(Args, Debug)]
pub struct WaitreadyArgs {
    /// Seconds to wait at most; 0 waits for ever
    #[arg(short, long, value_name = "SECONDS", default_value_t = 0)]
    timeout: u64,
}

/// Between two looks: a daemon is ready within 50 ms.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits.
///
/// # Errors
/// When the daemon is not ready in time.
pub async fn run(args: &WaitreadyArgs, session: &Session) -> Result<Exit, Failure> {
    let limit = (args.timeout > 0).then(|| Duration::from_secs(args.timeout));
    wait(session, limit).await.map(|()| Exit::Done)
}

/// Waits until the daemon answers.
///
/// # Errors
/// When it does not in time: the last reason.
pub async fn wait(session: &Session, limit: Option<Duration>) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        let answer: Result<ServerInfo, _> =
            session.client.with_timeout(Duration::from_secs(5)).get(paths::SERVER).await;
        let Err(cause) = answer else { return Ok(()) };
        if limit.is_some_and(|limit| start.elapsed() >= limit) {
            return Err(failure(cause).exiting(Exit::Timeout));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
