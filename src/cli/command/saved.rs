//! Plans that are kept, in a file or in the cluster, and carried out exactly so.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use super::apply::{self, ApplyArgs, Done, Invocation};
use super::plan as plan_command;
use crate::api::{ApplyReply, SavePlanRequest, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::follow::{Goal, follow};
use crate::cli::screen::Table;
use crate::cli::session::{Session, failure};
use crate::client::ClientError;
use crate::model::Key;
use crate::plan::Plan;

/// A plan file: from a disk, or as the cluster gives it.
#[derive(Debug)]
pub struct File {
    /// What it is called in the cluster.
    name: String,
    /// All of it, with the cluster's mark.
    value: Value,
}

/// Plans and keeps the plan in the cluster. There is no file when there is nothing to do.
///
/// # Errors
/// What the daemon says.
pub async fn save(
    invocation: &Invocation,
    name: Option<&str>,
    expires: Duration,
    session: &Session,
) -> Result<(Plan, Option<File>), Failure> {
    let request = SavePlanRequest {
        request: invocation.request(),
        name: name.map(str::to_owned),
        title: invocation.title.clone(),
        expires_ms: u64::try_from(expires.as_millis()).ok(),
    };
    let answer: Result<Value, _> = session.client.post(paths::PLANS, &request).await;
    let value = answer.map_err(|error| apply::refused(error, &invocation.sources))?;
    Ok((plan(&value)?, file(value)))
}

/// Writes a kept plan where the user wants it, and says how it is carried out.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(file: &File, path: Option<&Path>, session: &Session) -> Result<(), Failure> {
    let until = file.value["saved"]["expires_at"].as_str().unwrap_or_default();
    let way = match path {
        Some(path) => {
            write(path, &file.value).map_err(|cause| Failure::because(format!("write {}", path.display()), &cause))?;
            format!("seedbed apply {}", path.display())
        }
        None => format!("seedbed apply --plan {}", file.name),
    };
    session.screen.say(&format!("Kept as {}, good once until {until}: {way}", file.name));
    Ok(())
}

// What a plan shows is not for everybody.
fn write(path: &Path, value: &Value) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{value:#}")
}

/// The kept plan that is meant, if one is.
///
/// # Errors
/// What the daemon says.
pub async fn find(args: &[String], name: Option<&str>, session: &Session) -> Result<Option<File>, Failure> {
    if let Some(name) = name {
        let (value, _) = session.fetch(&path(name)).await?;
        return Ok(file(value));
    }
    let [only] = args else { return Ok(None) };
    let text = fs::read_to_string(only).unwrap_or_default();
    // Manifests are no JSON objects with a signature.
    Ok(serde_json::from_str(&text).ok().and_then(file))
}

/// Shows a kept plan, carries it out and waits until it stands.
///
/// # Errors
/// Why it is refused: stale, used, expired, or not as the cluster made it.
pub async fn apply(file: &File, args: &ApplyArgs, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    let body = Bytes::from(file.value.to_string());
    let ask = async |what: &str| {
        let way = format!("{}/{what}", path(&file.name));
        session.client.send(Method::POST, &way, body.clone()).await.map_err(refused)
    };
    // What somebody has changed in a file is not shown as if the cluster had planned it.
    ask("check").await?;
    let plan = plan(&file.value)?;
    if !screen.format.is_for_programs() {
        let title = file.value["saved"]["title"].as_str().unwrap_or_default();
        screen.write(&plan_command::text(&plan, title, screen))?;
    }
    if !args.yes && !apply::is_wanted() {
        screen.say("Nothing was changed.");
        return Ok(Exit::Refused);
    }
    let query = args.confirm.map_or_else(String::new, |confirm| format!("?confirm_ms={}", confirm.as_millis()));
    let reply: ApplyReply = ask(&format!("apply{query}")).await?.metadata().map_err(failure)?;
    let keys: Vec<Key> = plan.changes.iter().map(|change| change.key.clone()).collect();
    let goal = Goal { keys: &keys, revision: reply.revision.unwrap_or_default(), limit: args.wait() };
    let followed = follow(&goal, session).await?;
    let ApplyReply { revision, confirm_until, .. } = reply;
    apply::finish(&Done { plan, revision, confirm_until, followed }, args, session).await
}

fn refused(error: ClientError) -> Failure {
    let status = error.status();
    let refused = failure(error);
    if status == Some(423) {
        return apply::locked(refused);
    }
    let hints = if refused.exit == Exit::Stale { Vec::new() } else { refused.hints };
    Failure { hints, ..refused }.untouched("Nothing was changed.").hint("make a new plan: seedbed plan PATH --out FILE")
}

/// Prints the kept plans.
///
/// # Errors
/// What the daemon says.
pub async fn list(session: &Session) -> Result<(), Failure> {
    let (value, _) = session.fetch(paths::PLANS).await?;
    let mut table = Table::new(["NAME", "STATE", "GOOD UNTIL", "BY", "FOR"]);
    for plan in value.as_array().into_iter().flatten() {
        let cell = |field: &str| plan[field].as_str().unwrap_or_default().to_owned();
        table.push([&cell("name"), &cell("standing"), &cell("expires_at"), &cell("by"), &cell("title")]);
    }
    session.screen.write_table(&table, &value)
}

/// Prints one kept plan.
///
/// # Errors
/// What the daemon says.
pub async fn show(name: &str, session: &Session) -> Result<(), Failure> {
    let (value, _) = session.fetch(&path(name)).await?;
    if session.screen.format.is_for_programs() {
        return session.screen.write_value(&value);
    }
    let title = value["saved"]["title"].as_str().unwrap_or_default().to_owned();
    session.screen.write(&plan_command::text(&plan(&value)?, &title, session.screen))
}

fn path(name: &str) -> String {
    format!("{}/{}", paths::PLANS, paths::escape(name))
}

fn file(value: Value) -> Option<File> {
    value.get("signature")?;
    let name = value["saved"]["name"].as_str()?.to_owned();
    Some(File { name, value })
}

fn plan(value: &Value) -> Result<Plan, Failure> {
    serde_json::from_value(value.clone()).map_err(|cause| Failure::because("read the plan", &cause))
}
