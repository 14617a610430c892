//! From where a request came. It travels with the task that answers the request, so that whoever writes to the log at
//! the end of it need not be handed it by everybody in between; work that outlives its request has none.

use hyper::HeaderMap;

use crate::model::{Command, Origin};

/// The header in which a member says from where a request came that it passes on.
pub const HEADER: &str = "x-seedbed-origin";

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Runs `work` as coming from there.
pub async fn within<F: Future>(origin: Origin, work: F) -> F::Output {
    ORIGIN.scope(origin, work).await
}

/// From where the request came that this task answers.
pub fn now() -> Option<Origin> {
    ORIGIN.try_with(Clone::clone).ok().filter(|origin| *origin != Origin::default())
}

/// The command as coming from there, unless it says so itself.
pub fn stamped(command: Command) -> Command {
    match command {
        Command::Write(mut write) => {
            write.origin = write.origin.or_else(now);
            Command::Write(write)
        }
        Command::Report(report) => Command::Report(report),
    }
}

/// For the member that a request is passed on to.
pub fn header() -> Option<String> {
    serde_json::to_string(&now()?).ok().filter(|text| text.is_ascii())
}

/// What another member says of a request that it passes on.
pub fn told(headers: &HeaderMap) -> Option<Origin> {
    serde_json::from_str(headers.get(HEADER)?.to_str().ok()?).ok()
}
