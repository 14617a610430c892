//! Sources on a screen.

use serde_json::{Value, json};

use super::{SOURCES, path, status};
use crate::cli::failure::Failure;
use crate::cli::input::plural;
use crate::cli::screen::{Format, Table};
use crate::cli::session::{Session, failure};
use crate::cli::status_view::{Moment, rfc3339};
use crate::kinds::source::{SourceSpec, SourceStatus, Standing};
use crate::model::Finding;

/// Prints all.
///
/// # Errors
/// What the daemon says.
pub async fn list(session: &Session) -> Result<(), Failure> {
    let screen = session.screen;
    let (objects, _) = session.fetch(&format!("{SOURCES}?recursion=1")).await?;
    let mut table = Table::new(["NAME", "FROM", "READER", "STATE", "IN FORCE", "SINCE", "MESSAGE"]);
    let mut values = Vec::new();
    for object in objects.as_array().into_iter().flatten() {
        let name = object["name"].as_str().unwrap_or_default();
        let spec = spec(object);
        let status = status(name, session).await?;
        let state = format!("{:?}", status.standing);
        let state = match status.standing {
            Standing::Ready => screen.data.good(&state),
            Standing::Reconciling | Standing::Suspended => screen.data.warning(&state),
            Standing::Stalled => screen.data.error(&state),
        };
        let since = if status.since.0 == 0 { String::new() } else { Moment::here().since(status.since) };
        table.push([name, &spec.shown(), &status.reader, &state, &in_force(&status), &since, &status.message]);
        values.push(both(object, &status));
    }
    screen.write_table(&table, &Value::Array(values))
}

/// Prints one.
///
/// # Errors
/// What the daemon says.
pub async fn one(name: &str, session: &Session) -> Result<(), Failure> {
    let screen = session.screen;
    let (object, _) = session.fetch(&path(name)).await?;
    let status = status(name, session).await?;
    if screen.format != Format::Table {
        return screen.write_value(&both(&object, &status));
    }
    let spec = spec(&object);
    let moment = Moment::here();
    let mut lines = vec![format!("{name}  {}", spec.shown()), format!("  {:?}: {}", status.standing, status.message)];
    if status.since.0 != 0 {
        lines.push(format!("  for {}", moment.since(status.since)));
    }
    if !status.reader.is_empty() {
        lines.push(format!("  read by {}, without news every {} s", status.reader, spec.interval_ms() / 1000));
    }
    if !spec.verify.is_empty() {
        let signers = spec.verify.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
        lines.push(format!("  only commits of {signers} signer(s)"));
    }
    lines.extend(given(&spec));
    lines.extend(owned(name, session).await?);
    if let Some(max) = spec.deletes_max() {
        lines.push(format!("  deletes what it declares no more, up to {max} objects at once"));
    }
    if let Some(canary) = spec.canary() {
        let (waves, max) = (canary.waves, canary.max_failures);
        lines.push(format!("  comes to members in waves of {waves}; stops when more than {max} have failed"));
    }
    match status.last_success {
        Some(at) => {
            lines.push(format!("  in force: {} at revision {}, {}", in_force(&status), status.applied, rfc3339(at)))
        }
        None => lines.push("  in force: nothing yet".to_owned()),
    }
    lines.extend(status.findings.iter().flat_map(told));
    screen.write(&(lines.join("\n") + "\n"))
}

/// A finding and what to do about it.
pub fn told(finding: &Finding) -> Vec<String> {
    let helps = finding.help.iter().map(|help| format!("    {help}"));
    std::iter::once(format!("  {finding}")).chain(helps).collect()
}

/// What a person has given it, a line each.
fn given(spec: &SourceSpec) -> Vec<String> {
    let raw =
        spec.raw.then(|| "may have keys that run programs, write files or let somebody in (--allow-raw)".to_owned());
    let exec =
        spec.exec.then(|| "may run programs as root for secrets, and all of --allow-raw (--allow-exec)".to_owned());
    let dir = Some(&spec.secrets_dir).filter(|dir| !dir.is_empty());
    let dir = dir.map(|dir| format!("may read secrets below {dir} (--secrets-dir)"));
    let env = (!spec.env.is_empty()).then(|| format!("may read the variables {} (--allow-env)", spec.env.join(", ")));
    [raw, exec, dir, env].into_iter().flatten().map(|line| format!("  {line}")).collect()
}

/// What belongs to it, in a line.
async fn owned(name: &str, session: &Session) -> Result<Option<String>, Failure> {
    const NAMED_MAX: usize = 4;
    let all = session.client.objects(&[]).await.map_err(failure)?.objects;
    let own = all.iter().filter(|object| object.management.source.as_deref() == Some(name));
    let keys: Vec<String> = own.map(|object| object.key.to_string()).collect();
    let more = if keys.len() > NAMED_MAX { ", …" } else { "" };
    let named = keys.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    Ok((!keys.is_empty()).then(|| format!("  owns {}: {named}{more}", plural(keys.len(), "object"))))
}

fn spec(object: &Value) -> SourceSpec {
    let mut fields = object.as_object().cloned().unwrap_or_default();
    fields.retain(|field, _| !matches!(field.as_str(), "name" | "used_by"));
    serde_json::from_value(Value::Object(fields)).unwrap_or_default()
}

fn in_force(status: &SourceStatus) -> String {
    let text = if status.commit.is_empty() { &status.digest } else { &status.commit };
    text.chars().take(12).collect()
}

fn both(object: &Value, status: &SourceStatus) -> Value {
    let mut value = object.clone();
    value["status"] = json!(status);
    value["status"]["conditions"] = json!(status.conditions());
    value
}
