//! `seedbed waitready`: returns as soon as the daemon answers, and knows the present.

use std::time::{Duration, Instant};

use clap::Args;

use crate::api::ServerInfo;
use crate::api::paths;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, failure, header};
use crate::cli::status_view::Moment;
use crate::client::ClientError;
use crate::model::Outdated;

/// The arguments of `seedbed waitready`.
#[derive(Args, Debug)]
pub struct WaitreadyArgs {
    /// How long to wait at most, in seconds or as in 500ms; without it, for ever
    #[arg(short, long, value_parser = duration::parse, value_name = "TIME")]
    timeout: Option<Duration>,
}

/// Between two looks at a daemon that has started: it hears a leader within a second.
const LONG_PAUSE: Duration = Duration::from_millis(50);

/// Between two looks: a daemon is ready within 50 ms.
pub const PAUSE: Duration = Duration::from_millis(5);

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// How long a daemon that has just started may take to hear a leader. One that has heard one before and hears none now
/// is not waited for: it says so at once.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Waits.
///
/// # Errors
/// When the daemon is not ready in time: the last reason.
pub async fn run(args: &WaitreadyArgs, session: &Session) -> Result<Exit, Failure> {
    let start = Instant::now();
    session.hush();
    loop {
        let cause = match look(session).await {
            Ok(()) => return catch_up(args, start, session).await,
            Err(cause) => cause,
        };
        if args.timeout.is_some_and(|limit| start.elapsed() >= limit) {
            return Err(failure(cause).exiting(Exit::Timeout));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until what the daemon shows is the present.
async fn catch_up(args: &WaitreadyArgs, start: Instant, session: &Session) -> Result<Exit, Failure> {
    let limit = args.timeout.map_or(CATCH_UP, |limit| limit.saturating_sub(start.elapsed()).min(CATCH_UP));
    let answered = Instant::now();
    let has_started = |outdated: Option<Outdated>| outdated.is_some_and(|outdated| outdated.as_of.is_none());
    while has_started(session.outdated()) && answered.elapsed() < limit {
        tokio::time::sleep(LONG_PAUSE).await;
        look(session).await.map_err(failure)?;
    }
    if let Some(outdated) = session.outdated() {
        session.screen.say(&session.screen.talk.warning(&header(&outdated, &Moment::here())));
    }
    Ok(Exit::Done)
}

/// Whether the daemon answers now.
///
/// # Errors
/// Why it does not.
pub async fn look(session: &Session) -> Result<(), ClientError> {
    session.client.with_timeout(LOOK).get::<ServerInfo>(paths::SERVER).await.map(|_| ())
}
