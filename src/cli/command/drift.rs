//! `seedbed drift`: what differs from what was declared or made, who did it and since when. It only looks.

mod expect;

use clap::Args;

use crate::api::{DriftItem, DriftReport, DriftRequest, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::{Input, plural};
use crate::cli::screen::{Screen, Table};
use crate::cli::session::{Session, failure};
use crate::cli::status_view::Moment;
use expect::Expectations;

/// The arguments of `seedbed drift`.
#[derive(Args, Debug)]
pub struct DriftArgs {
    /// Only the objects that these files and directories declare, and whether they are still there
    #[arg(value_name = "PATH", conflicts_with = "source")]
    paths: Vec<String>,
    /// Only the objects of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// A file of drift that is known, one a line: KEY FIELD [until=2026-12-31] REASON; `*` is any field
    #[arg(long, value_name = "FILE")]
    expect: Option<std::path::PathBuf>,
}

/// Shows it. That there is drift is an exit code of its own, and so is that a member could not be asked.
///
/// # Errors
/// Findings in the manifest, a file of expectations that cannot be read, or what the daemon says.
pub async fn run(args: &DriftArgs, session: &Session) -> Result<Exit, Failure> {
    let expectations = match &args.expect {
        Some(file) => Expectations::read(file)?,
        None => Expectations::default(),
    };
    let desired = match args.paths.as_slice() {
        [] => None,
        paths => {
            Some(Input::read_valid(paths, &crate::cli::layers::LayerArgs::default(), session.screen)?.loaded.desired)
        }
    };
    let request = DriftRequest { desired, source: args.source.clone() };
    let mut report: DriftReport = session.client.post(paths::DRIFT, &request).await.map_err(failure)?;
    let told = expectations.mark(&mut report.drift, Moment::here().day());
    show(&report, session.screen)?;
    if !session.screen.format.is_for_programs() {
        tell(&report, session.screen);
    }
    told.iter().for_each(|line| session.screen.say(line));
    Ok(match (report.unexpected().next(), report.unknown.is_empty()) {
        (Some(_), _) => Exit::Changes,
        (None, false) => Exit::NotConverged,
        (None, true) => Exit::Done,
    })
}

fn show(report: &DriftReport, screen: Screen) -> Result<(), Failure> {
    let value = serde_json::to_value(report).map_err(|cause| Failure::because("write the report", &cause))?;
    if report.drift.is_empty() && !screen.format.is_for_programs() {
        return Ok(());
    }
    let moment = Moment::here();
    let mut table = Table::new(["OBJECT", "FIELD", "DECLARED", "FOUND", "SINCE", "BY"]);
    for item in &report.drift {
        let since = item.since.map(|since| moment.when(since)).unwrap_or_default();
        let by = match (&item.expected, &item.by) {
            (Some(reason), _) => format!("expected: {reason}"),
            (None, Some(by)) => by.chars().take(24).collect(),
            (None, None) => String::new(),
        };
        let (declared, found) = (declared(item), found(item));
        table.push([item.key.to_string(), item.field.clone(), declared, found, since, by]);
    }
    screen.write_table(&table, &value)
}

fn declared(item: &DriftItem) -> String {
    match &item.declared {
        _ if item.secret => "(secret)".to_owned(),
        Some(value) => value.clone(),
        None if item.field.starts_with("host@") => "as it was made".to_owned(),
        None => "(none)".to_owned(),
    }
}

fn found(item: &DriftItem) -> String {
    match (&item.found, item.steps.as_slice()) {
        _ if item.secret => "(another secret)".to_owned(),
        (_, steps @ [_, ..]) => format!("needs: {}", steps.join("\nneeds: ")),
        (Some(value), []) => value.clone(),
        (None, []) => "(none)".to_owned(),
    }
}

fn tell(report: &DriftReport, screen: Screen) {
    for item in &report.pending {
        let on = item.member.as_ref().map(|member| format!(" on {member}")).unwrap_or_default();
        screen.say(&format!("{}{on} is no drift: {}", item.key, item.why));
    }
    for unknown in &report.unknown {
        screen.say(&format!("{} cannot be asked: {}; its host is unknown", unknown.member, unknown.why));
    }
    let expected = report.drift.len() - report.unexpected().count();
    let objects = report.objects().len();
    let known = if expected > 0 { format!(", {expected} expected") } else { String::new() };
    screen.say(&match objects {
        0 => format!("No drift at revision {}{known}", report.revision),
        _ => format!(
            "{} drifted at revision {}{known}. Nothing was changed.",
            plural(objects, "object"),
            report.revision
        ),
    });
}
