//! `seedbed audit`: who did what, when and from where, and whether that was tampered with.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::api::{AuditOfMember, AuditRecord, AuditVerdict, paths};
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Table;
use crate::cli::session::{Session, failure};
use crate::cli::status_view::Moment;
use crate::model::{Deed, Key};

/// The arguments of `seedbed audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    verb: AuditVerb,
}

/// What to do with the audit log.
#[derive(Subcommand, Debug)]
enum AuditVerb {
    /// List what was done, the newest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Check on every member that nothing in it was changed or dropped
    Verify,
}

/// The arguments of `seedbed audit list`.
#[derive(Args, Debug)]
struct ListArgs {
    /// Only what was done to this object, as in network/lxdbr0
    #[arg(long, value_name = "KEY")]
    object: Option<Key>,
    /// Only the last while, as in 30m or 12h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    since: Option<Duration>,
    /// Only the newest so many; 0 shows all that is kept
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// So many deeds of one entry are listed; a manifest may hold thousands of objects.
const DEEDS_MAX: usize = 6;

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &AuditArgs, session: &Session) -> Result<Exit, Failure> {
    match &args.verb {
        AuditVerb::List(args) => list(args, session).await,
        AuditVerb::Verify => verify(session).await,
    }
}

async fn list(args: &ListArgs, session: &Session) -> Result<Exit, Failure> {
    let moment = Moment::here();
    let mut path = format!("{}?limit={}", paths::AUDIT, args.limit);
    if let Some(key) = &args.object {
        path.push_str(&format!("&object={}", paths::escape(&key.to_string())));
    }
    if let Some(since) = args.since {
        path.push_str(&format!("&since={}", moment.before(since).0));
    }
    let (value, _) = session.fetch(&path).await?;
    let records: Vec<AuditRecord> =
        serde_json::from_value(value.clone()).map_err(|cause| Failure::because("read the audit log", &cause))?;
    let mut table = Table::new(["REVISION", "WHEN", "WHO", "FROM", "WHAT"]);
    for record in &records {
        let what = shown(&record.what, args.object.as_ref());
        table.push([record.revision.to_string(), moment.when(record.at), who(record), from(record), what]);
    }
    session.screen.write_table(&table, &value)?;
    if records.is_empty() && !session.screen.format.is_for_programs() {
        session.screen.say("Nothing of that is in the audit log, which keeps the last 32768 entries");
    }
    Ok(Exit::Done)
}

/// A certificate's fingerprint is known by its beginning.
fn who(record: &AuditRecord) -> String {
    let is_print = record.by.len() == 64 && record.by.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_print { record.by[..12].to_owned() } else { record.by.clone() }
}

fn from(record: &AuditRecord) -> String {
    let revision: String = record.source_revision.chars().take(12).collect();
    let via = if record.via.is_empty() { String::new() } else { format!("via member:{}", record.via) };
    [record.address.clone(), via, revision].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What was done, one object a line; all of it for the object that is asked after.
fn shown(deeds: &[Deed], asked: Option<&Key>) -> String {
    let of_asked = |deed: &&Deed| asked.is_none_or(|key| deed.key == key.to_string());
    let lines: Vec<String> = deeds.iter().filter(of_asked).map(line).collect();
    let more = lines.len().saturating_sub(DEEDS_MAX);
    let mut text = lines.into_iter().take(DEEDS_MAX).collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\n… and {more} more"));
    }
    text
}

fn line(deed: &Deed) -> String {
    let Deed { did, key, member, names } = deed;
    let at = if member.is_empty() { String::new() } else { format!(" on {member}") };
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    let more = names.len().saturating_sub(DEEDS_MAX);
    let rest = format!("and {more} more");
    if more > 0 {
        names.truncate(DEEDS_MAX);
        names.push(&rest);
    }
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    format!("{did} {key}{at}{names}")
}

async fn verify(session: &Session) -> Result<Exit, Failure> {
    let verdict: AuditVerdict = session.client.get(paths::AUDIT_VERIFY).await.map_err(failure)?;
    let screen = session.screen;
    let mut table = Table::new(["MEMBER", "ENTRIES", "FIRST", "LAST", "HEAD", "VERDICT"]);
    for member in &verdict.members {
        let name = member.member.to_string();
        let said = said(member);
        let verdict = if said == "whole" { screen.data.good(&said) } else { screen.data.error(&said) };
        table.push(match &member.check {
            Some(it) => {
                let head = it.head.chars().take(12).collect();
                [name, it.entries.to_string(), it.first.to_string(), it.last.to_string(), head, verdict]
            }
            None => [name, String::new(), String::new(), String::new(), String::new(), verdict],
        });
    }
    let value = serde_json::to_value(&verdict).unwrap_or(Value::Null);
    screen.write_table(&table, &value)?;
    if !verdict.is_whole() {
        let broken = verdict.members.iter().find_map(|it| Some((&it.member, it.check.as_ref()?.broken.as_ref()?)));
        return Err(match broken {
            Some((member, broken)) => Failure::new(
                Exit::Failed,
                format!("the audit log of {member} is broken at revision {}: {}", broken.revision, broken.why),
            )
            .hint("the other members keep the same log: compare `seedbed audit list` there"),
            None => Failure::new(Exit::Failed, "the members do not tell the same: see VERDICT"),
        });
    }
    if !verdict.is_complete() {
        screen.say("What could be looked at is whole; a member could not be asked");
        return Ok(Exit::NotConverged);
    }
    Ok(Exit::Done)
}

fn said(member: &AuditOfMember) -> String {
    match &member.check {
        None => format!("unknown: {}", member.error),
        Some(check) => match &check.broken {
            Some(broken) => format!("broken at {}", broken.revision),
            None if member.differs => "differs from the others".to_owned(),
            None if member.lacks.is_some() => {
                let upto = member.lacks.unwrap_or_default();
                format!("behind: it is at revision {}, the cluster at {upto}", check.applied)
            }
            None => "whole".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Did;

    fn deed(did: Did, key: &str, member: &str, names: &[&str]) -> Deed {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Deed { did, key: key.to_owned(), member: member.to_owned(), names }
    }

    #[test]
    fn a_deed_is_one_line_and_many_are_cut_short() {
        let changed = deed(Did::Change, "profile/web", "", &["config.limits.cpu", "description"]);
        assert_eq!(line(&changed), "change profile/web: config.limits.cpu, description");
        assert_eq!(line(&deed(Did::Healed, "network/br0", "node2", &[])), "healed network/br0 on node2");
        let many: Vec<Deed> = (0..9).map(|n| deed(Did::Create, &format!("profile/p{n}"), "", &[])).collect();
        assert!(shown(&many, None).ends_with("create profile/p5\n… and 3 more"));
        assert_eq!(shown(&many, Some(&Key::new("profile", "p8"))), "create profile/p8");
    }
}
