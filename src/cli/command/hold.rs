//! `seedbed hold`: sources and members leave an object alone for a time.

use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use crate::api::paths;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Table;
use crate::cli::session::Session;
use crate::cli::status_view::rfc3339;
use crate::kinds::hold::name_of;
use crate::model::{Key, Timestamp};

const HOLDS: &str = "/1.0/holds";

/// The arguments of `seedbed hold`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct HoldArgs {
    #[command(subcommand)]
    verb: Option<HoldVerb>,
    /// The object, as in network/lxdbr0
    #[arg(required = true)]
    key: Option<Key>,
    /// For how long; it ends by itself
    #[arg(long = "for", value_parser = duration::parse, value_name = "TIME", required = true)]
    time: Option<Duration>,
    /// Why, for those who meet it
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
}

/// What to do with holds.
#[derive(Subcommand, Debug)]
enum HoldVerb {
    /// List what is held, until when and why
    #[command(visible_alias = "ls")]
    List,
    /// End a hold before its time
    Release {
        /// The object
        key: Key,
    },
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &HoldArgs, session: &Session) -> Result<Exit, Failure> {
    match (&args.verb, &args.key, args.time, &args.reason) {
        (Some(HoldVerb::List), ..) => list(None, session).await?,
        (Some(HoldVerb::Release { key }), ..) => {
            these(Some(&key.to_string()), session).await?;
            session.change(Method::DELETE, &path(key), &Value::Null, None).await?;
            session.screen.say(&format!("{key} is held no more"));
        }
        (None, Some(key), Some(time), Some(reason)) => hold(key, time, reason, session).await?,
        (None, ..) => return Err(Failure::usage("hold what? seedbed hold KEY --for 4h --reason TEXT")),
    }
    Ok(Exit::Done)
}

fn path(key: &Key) -> String {
    format!("{HOLDS}/{}", paths::escape(&name_of(key)))
}

async fn hold(key: &Key, time: Duration, reason: &str, session: &Session) -> Result<(), Failure> {
    let moment = session.skew().await.moment();
    let until = moment.after(time);
    let held = all(session).await?;
    match held.iter().find(|hold| hold["key"] == key.to_string()) {
        // One that has ended is in nobody's way.
        Some(hold) if moment.is_past(end(hold)) => {
            session.change(Method::DELETE, &path(key), &Value::Null, None).await?;
        }
        Some(hold) => {
            let (until, why) = (moment.when(end(hold)), hold["description"].as_str().unwrap_or_default());
            return Err(Failure::new(Exit::Refused, format!("{key} is held already until {until}: {why}"))
                .hint(format!("to hold it anew, end that first: seedbed hold release {key}")));
        }
        None => {}
    }
    let body = json!({"name": name_of(key), "key": key.to_string(), "description": reason, "until": until});
    session.change(Method::POST, HOLDS, &body, None).await?;
    session.screen.say(&format!(
        "{key} is held until {}: no source changes or deletes it, and its members put nothing right. To end it: seedbed hold release {key}",
        moment.when(until)
    ));
    Ok(())
}

async fn all(session: &Session) -> Result<Vec<Value>, Failure> {
    let (value, _) = session.fetch(&format!("{HOLDS}?recursion=1")).await?;
    Ok(value.as_array().cloned().unwrap_or_default())
}

// All of them, or the one of an object, which must be held.
async fn these(only: Option<&str>, session: &Session) -> Result<Vec<Value>, Failure> {
    let mut holds = all(session).await?;
    let Some(key) = only else { return Ok(holds) };
    holds.retain(|hold| hold["key"] == key);
    if holds.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{key} is not held")).hint("what is held: seedbed hold list"));
    }
    Ok(holds)
}

fn end(hold: &Value) -> Timestamp {
    Timestamp(hold["until"].as_i64().unwrap_or(0))
}

/// Lists what is held, or how it is with one object.
///
/// # Errors
/// What the daemon says, or an object that is not held.
pub async fn list(only: Option<&str>, session: &Session) -> Result<(), Failure> {
    let moment = session.skew().await.moment();
    let mut table = Table::new(["OBJECT", "UNTIL", "REASON"]);
    let mut values = Vec::new();
    for hold in these(only, session).await? {
        let text = |field: &str| hold[field].as_str().unwrap_or_default().to_owned();
        let is_over = moment.is_past(end(&hold));
        let until = if is_over { "ended".to_owned() } else { moment.when(end(&hold)) };
        table.push([text("key"), until, text("description")]);
        values.push(json!({
            "key": hold["key"], "until": rfc3339(end(&hold)), "reason": hold["description"], "ended": is_over,
        }));
    }
    session.screen.write_table(&table, &Value::Array(values))
}
