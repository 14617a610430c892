//! `seedbed confirm`: an apply with `--confirm` stays; and what `apply` asks on a terminal when it has applied one.

use std::io::{BufRead, IsTerminal};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use hyper::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::api::{ConfirmState, LeftApply, PendingApply, paths};
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, failure, socket};
use crate::cli::status_view::Skew;
use crate::client::Client;
use crate::kinds::records::confirmation::{CONFIRM_MS_MAX, CONFIRM_MS_MIN};
use crate::model::{Key, Timestamp};

/// How long a terminal waits for the news that the apply was taken back; the cluster does it without anybody.
const NEWS_LIMIT: Duration = Duration::from_secs(30);
const NEWS_EVERY: Duration = Duration::from_millis(200);
/// What is being removed is on its way for a moment; after this it is told.
const GOING_LIMIT: Duration = Duration::from_secs(5);

/// The arguments of `seedbed confirm`.
#[derive(Args, Debug)]
pub struct ConfirmArgs {
    /// Only say what waits to be confirmed
    #[arg(long, group = "what")]
    status: bool,
    /// Take it back now instead
    #[arg(long, group = "what")]
    revert: bool,
    /// Show no longer what could not be taken back
    #[arg(long, group = "what")]
    dismiss: bool,
}

/// Reads the time that somebody has to confirm.
///
/// # Errors
/// What is wrong with it.
pub fn limit(text: &str) -> Result<Duration, String> {
    let limit = duration::parse(text)?;
    let (least, most) = (Duration::from_millis(CONFIRM_MS_MIN), Duration::from_millis(CONFIRM_MS_MAX));
    if (least..=most).contains(&limit) { Ok(limit) } else { Err("it is between 1s and 1h".to_owned()) }
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &ConfirmArgs, session: &Session) -> Result<Exit, Failure> {
    if args.status {
        status(session).await?;
    } else if args.dismiss {
        session.client.send(Method::DELETE, paths::CONFIRM, Bytes::new()).await.map_err(failure)?;
        session.screen.say("What could not be taken back is shown no longer.");
    } else if args.revert {
        let pending: PendingApply =
            session.client.post(&format!("{}/revert", paths::CONFIRM), &json!({})).await.map_err(failure)?;
        session.screen.say(&format!("{} is taken back now.", capital(&told(&pending))));
        return Ok(news(session).await);
    } else {
        let pending: PendingApply = session.client.post(paths::CONFIRM, &json!({})).await.map_err(failure)?;
        if session.screen.format.is_for_programs() {
            session.screen.write_value(&json!({"format_version": 1, "confirmed": pending}))?;
        }
        session.screen.say(&format!("Confirmed: {} stays.", told(&pending)));
    }
    Ok(Exit::Done)
}

async fn state(session: &Session) -> Result<ConfirmState, Failure> {
    session.client.get(paths::CONFIRM).await.map_err(failure)
}

async fn status(session: &Session) -> Result<(), Failure> {
    let state = state(session).await?;
    let screen = session.screen;
    if screen.format.is_for_programs() {
        return screen.write_value(&json!({
            "format_version": 1, "pending": state.pending, "left": state.left, "taken_back": state.taken_back,
        }));
    }
    let skew = session.skew().await;
    let mut text = match (&state.pending, state.taken_back) {
        (Some(pending), _) => waits(pending, skew),
        (None, Some(revision)) => {
            format!("Nothing waits to be confirmed. The last apply was taken back, at revision {revision}.\n")
        }
        (None, None) => "Nothing waits to be confirmed.\n".to_owned(),
    };
    text.push_str(&state.left.as_ref().map(|rest| left(rest, skew)).unwrap_or_default());
    screen.write(&text)
}

fn waits(pending: &PendingApply, skew: Skew) -> String {
    let from = if pending.from.is_empty() { String::new() } else { format!(" from {}", pending.from) };
    let back = match pending.back_to {
        Some(revision) => format!("back to revision {revision}"),
        None => "back to what was before".to_owned(),
    };
    format!(
        "{}{from} at revision {} waits to be confirmed until {}.\nWithout that it goes {back}. It stays: seedbed confirm. \
         Back now: seedbed confirm --revert\n",
        capital(&told(pending)),
        pending.revision,
        when(&pending.until, skew)
    )
}

fn left(left: &LeftApply, skew: Skew) -> String {
    let mut text = format!("What could not be taken back at {}:\n", when(&left.at, skew));
    for object in &left.objects {
        text.push_str(&format!("  {}  {}\n", object.key, object.why));
    }
    text + "Seen: seedbed confirm --dismiss\n"
}

fn told(pending: &PendingApply) -> String {
    let named: Vec<String> = pending.objects.iter().map(Key::to_string).collect();
    let by: String = if pending.by.len() == 64 { pending.by.chars().take(12).collect() } else { pending.by.clone() };
    format!("the apply by {by} ({}: {})", pending.summary, named.join(", "))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn when(text: &str, skew: Skew) -> String {
    let at = text.parse::<jiff::Timestamp>().ok();
    at.map_or_else(|| text.to_owned(), |at| skew.moment().when(Timestamp(at.as_millisecond())))
}

/// What an apply does when it was committed and waits to be confirmed: says how, and asks at a terminal.
///
/// # Errors
/// What the daemon says.
pub async fn ask(until: Timestamp, is_asking: bool, exit: Exit, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    let skew = session.skew().await;
    let clock = skew.moment().when(until);
    let is_terminal = std::io::stdin().is_terminal() && screen.is_live;
    if !is_asking || !is_terminal || screen.is_quiet || screen.format.is_for_programs() {
        screen.say(&format!("It is taken back at {clock} unless somebody confirms it: seedbed confirm"));
        return Ok(exit);
    }
    match wait(until, skew, session).await {
        Answer::Yes => {
            // A connection of before the apply may live on what the apply has cut.
            let fresh = Client::unix(socket(&session.state_dir));
            let _: PendingApply = fresh.post(paths::CONFIRM, &json!({})).await.map_err(failure)?;
            screen.say("Confirmed: it stays.");
            Ok(exit)
        }
        // What was asked for is not there, whatever came of it.
        Answer::Late => Ok(news(session).await.max(Exit::Timeout)),
        Answer::Left => {
            screen.say(&format!(
                "\nIt is taken back at {clock} unless somebody confirms it: seedbed confirm. Back now: seedbed confirm --revert"
            ));
            Ok(Exit::NotConverged)
        }
    }
}

/// What came of the question.
enum Answer {
    /// The person is still there.
    Yes,
    /// Nobody answered in time.
    Late,
    /// The person has gone on to something else.
    Left,
}

async fn wait(until: Timestamp, skew: Skew, session: &Session) -> Answer {
    let (sender, mut lines) = mpsc::channel(1);
    // A thread of its own: the program does not wait for it when nobody ever types anything.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
        let _ = sender.blocking_send(read > 0);
    });
    let mut tick = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            line = lines.recv() => return if line == Some(true) { Answer::Yes } else { Answer::Left },
            _ = tokio::signal::ctrl_c() => return Answer::Left,
            _ = tick.tick() => {
                let seconds = skew.moment().until_ms(until).div_ceil(1000);
                if seconds == 0 {
                    session.screen.print_talk("\n");
                    return Answer::Late;
                }
                session.screen.print_over(&format!("Press Enter to keep it; it is taken back in {seconds} s "));
            }
        }
    }
}

/// Waits for the end of an apply that was not confirmed, and tells it.
async fn news(session: &Session) -> Exit {
    let mut back_since = None;
    let told = tokio::time::timeout(NEWS_LIMIT, async {
        loop {
            match state(session).await {
                Ok(ConfirmState { pending: None, left, taken_back })
                    if left.is_none() || back_since.get_or_insert_with(Instant::now).elapsed() > GOING_LIMIT =>
                {
                    return (left, taken_back);
                }
                // The member may be moving its port, or the cluster its lead.
                Ok(_) | Err(_) => tokio::time::sleep(NEWS_EVERY).await,
            }
        }
    });
    match told.await {
        Ok((rest, revision)) => {
            let at = revision.map_or_else(String::new, |revision| format!(" at revision {revision}"));
            session.screen.say(&format!("Taken back{at}."));
            if let Some(rest) = rest {
                session.screen.print_talk(&left(&rest, session.skew().await));
                return Exit::NotConverged;
            }
            Exit::Done
        }
        Err(_) => {
            session.screen.say("It is not taken back yet; the cluster goes on trying. Look: seedbed confirm --status");
            Exit::Timeout
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_confirm_is_one_that_a_person_can_keep() {
        assert_eq!(limit("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(limit("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(limit("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["0s", "500ms", "2h"] {
            assert_eq!(limit(wrong), Err("it is between 1s and 1h".to_owned()), "{wrong}");
        }
    }
}
