//! `seedbed history`: what applies have done, and what one of them has changed.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::api::paths;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Format, Screen, Table};
use crate::cli::session::Session;
use crate::cli::status_view::Moment;
use crate::model::Timestamp;
use crate::plan::Recalled;

/// The arguments of `seedbed history`.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    #[command(subcommand)]
    verb: Option<HistoryVerb>,
}

/// What to show.
#[derive(Subcommand, Debug)]
enum HistoryVerb {
    /// List what is remembered, the newest first; this is what happens without a word, too
    #[command(visible_alias = "ls")]
    List,
    /// Show what one apply has changed
    Show {
        /// Its revision, as the list has it
        revision: u64,
    },
}

/// Lists or shows.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &HistoryArgs, session: &Session) -> Result<Exit, Failure> {
    match args.verb {
        None | Some(HistoryVerb::List) => list(session).await?,
        Some(HistoryVerb::Show { revision }) => show(revision, session).await?,
    }
    Ok(Exit::Done)
}

async fn list(session: &Session) -> Result<(), Failure> {
    let (value, _) = session.fetch(paths::HISTORY).await?;
    let mut table = Table::new(["REVISION", "WHEN", "BY", "WHAT", "OBJECTS"]);
    for apply in value.as_array().into_iter().flatten() {
        table.push([&number(&apply["revision"]), &when(apply), &by(apply), &what(apply), &objects(apply)]);
    }
    session.screen.write_table(&table, &value)?;
    if session.screen.format == Format::Table {
        session
            .screen
            .say("What one has changed: seedbed history show REVISION. Back to it: seedbed apply --revision REVISION");
    }
    Ok(())
}

async fn show(revision: u64, session: &Session) -> Result<(), Failure> {
    let (value, _) = session.fetch(&format!("{}/{revision}", paths::HISTORY)).await?;
    let screen = session.screen;
    if screen.format.is_for_programs() {
        return screen.write_value(&value);
    }
    let mut text = format!(
        "{}  {}, {} by {}\n",
        screen.data.strong(&format!("Revision {revision}")),
        what(&value),
        when(&value),
        by(&value)
    );
    for change in value["changes"].as_array().into_iter().flatten() {
        let change: Recalled = serde_json::from_value(change.clone())
            .map_err(|cause| Failure::because(format!("read what revision {revision} has changed"), &cause))?;
        text.push_str(&lines(&change, screen));
    }
    screen.write(&text)
}

fn lines(change: &Recalled, screen: Screen) -> String {
    let symbol = match change.action.as_str() {
        "create" | "resume" => screen.data.good("+"),
        "delete" => screen.data.error("-"),
        "adopt" => screen.data.dim("="),
        _ => screen.data.warning("~"),
    };
    let mut text = format!("  {symbol} {}\n", screen.data.strong(&change.key.to_string()));
    let own = change.members.iter().flat_map(|row| row.fields.iter().map(|field| (row.member.as_str(), field)));
    for (member, field) in change.fields.iter().map(|field| ("", field)).chain(own) {
        let space = if member.is_empty() { "" } else { " " };
        text.push_str(&format!("      {member}{space}{}\n", field.shown()));
    }
    text
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(String::new, |number| number.to_string())
}

fn when(apply: &Value) -> String {
    let at = apply["at"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let since = at.map_or_else(String::new, |at| Moment::here().since(Timestamp(at.as_millisecond())));
    // The clock is for what still goes on.
    format!("{} ago", since.split(" (").next().unwrap_or_default())
}

fn by(apply: &Value) -> String {
    let by = apply["by"].as_str().unwrap_or_default();
    // A fingerprint is known by its beginning.
    if by.len() == 64 { by.chars().take(12).collect() } else { by.to_owned() }
}

fn what(apply: &Value) -> String {
    let summary = apply["summary"].as_str().unwrap_or_default();
    match apply["why"].as_str() {
        None | Some("") => summary.to_owned(),
        Some(why) => format!("{why}: {summary}"),
    }
}

fn objects(apply: &Value) -> String {
    let keys = apply["objects"].as_array().into_iter().flatten();
    let mut named: Vec<String> = keys
        .filter_map(|key| serde_json::from_value(key.clone()).ok())
        .map(|key: crate::model::Key| key.to_string())
        .collect();
    let all: u64 =
        apply["counts"].as_object().into_iter().flat_map(|counts| counts.values()).filter_map(Value::as_u64).sum();
    let more = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(named.len());
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}
