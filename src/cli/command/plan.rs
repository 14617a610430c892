//! `seedbed plan PATH…`: what an apply would do.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{apply, saved};
use crate::api::ApiError;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::Input;
use crate::cli::layers::LayerArgs;
use crate::cli::screen::{Format, Palette, Screen, Table};
use crate::cli::session::Session;
use crate::client::ClientError;
use crate::plan::{Action, Look, Meaning, Plan};

/// The arguments of `seedbed plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Files, directories, or `-` for standard input; together they are one desired state
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    how: apply::How,
    #[command(flatten)]
    part: apply::Part,
    #[command(flatten)]
    keep: Keep,
    #[command(flatten)]
    layers: LayerArgs,
}

/// How a plan is kept, to be carried out exactly so.
#[derive(Args, Debug)]
struct Keep {
    /// Write the plan to a file: seedbed apply FILE carries out exactly it, once
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the plan in the cluster under a name: seedbed apply --plan NAME carries out exactly it, once
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// How long a kept plan is good
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    expires: Duration,
}

/// Shows the plan. That there are changes is an exit code of its own.
///
/// # Errors
/// Findings in the manifest, or what the daemon says.
pub async fn run(args: &PlanArgs, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read_valid(&args.paths, &args.layers, session.screen)?;
    let desired = apply::resolved(input.loaded.desired, session).await?;
    let invocation = apply::Invocation::new(desired, input.sources, &args.paths, &args.how).of(&args.part);
    let (plan, file) = match (&args.keep.out, &args.keep.save) {
        (None, None) => (whole(&invocation, session).await?, None),
        (_, name) => saved::save(&invocation, name.as_deref(), args.keep.expires, session).await?,
    };
    match session.screen.format {
        Format::Json | Format::Yaml => session.screen.write_value(&serde_json::json!(plan))?,
        Format::Csv => session.screen.write(&rows(&plan).csv())?,
        Format::Table | Format::Compact => session.screen.write(&text(&plan, &invocation.title, session.screen))?,
    }
    if let Some(failure) = barred(&plan, &invocation) {
        return Err(failure);
    }
    match file {
        Some(file) => saved::keep(&file, args.keep.out.as_deref(), session)?,
        None if args.keep.out.is_some() || args.keep.save.is_some() => {
            session.screen.say("Nothing to do: no plan was kept.")
        }
        None => {}
    }
    // To note who owns an object changes nothing of it.
    let changes = plan.changes.iter().any(|change| change.action != Action::Adopt);
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

/// What applying would do, with what is in the way among the changes.
///
/// # Errors
/// What the daemon says.
pub async fn whole(invocation: &apply::Invocation, session: &Session) -> Result<Plan, Failure> {
    session.client.plan(&invocation.request()).await.map_err(|error| apply::refused(error, &invocation.sources))
}

/// Why nothing of a plan can be done, if something is in the way.
pub fn barred(plan: &Plan, invocation: &apply::Invocation) -> Option<Failure> {
    if plan.barred.is_empty() {
        return None;
    }
    let ApiError { status, message, findings } = crate::service::barred(plan.barred.clone());
    Some(apply::refused(ClientError::Api { status, message, findings }, &invocation.sources))
}

/// The plan for people.
pub fn text(plan: &Plan, title: &str, screen: Screen) -> String {
    let paint = |meaning: Meaning, text: &str| painted(screen.data, meaning, text);
    plan.render(&Look { title, width: screen.width, paint: &paint })
}

// One row a value that changes, and one for a change without any.
fn rows(plan: &Plan) -> Table {
    let mut table = Table::new(["ACTION", "OBJECT", "MEMBER", "FIELD", "BEFORE", "AFTER"]);
    for change in &plan.changes {
        let (action, key) = (format!("{:?}", change.action).to_lowercase(), change.key.to_string());
        let shared = change.fields.iter().map(|field| (String::new(), field));
        let own = change.members.iter().flat_map(|row| row.fields.iter().map(|field| (row.member.to_string(), field)));
        let mut has_fields = false;
        for (member, field) in shared.chain(own) {
            let shown = |value: &Option<String>| {
                if field.secret { "***".to_owned() } else { value.clone().unwrap_or_default() }
            };
            let (before, after) = (shown(&field.before), shown(&field.after));
            table.push([action.clone(), key.clone(), member, field.path.clone(), before, after]);
            has_fields = true;
        }
        if !has_fields {
            table.push([action, key, String::new(), String::new(), String::new(), String::new()]);
        }
    }
    table
}

fn painted(palette: Palette, meaning: Meaning, text: &str) -> String {
    match meaning {
        Meaning::Added => palette.good(text),
        Meaning::Changed | Meaning::Unknown => palette.warning(text),
        Meaning::Removed | Meaning::Blocked => palette.error(text),
        Meaning::Strong => palette.strong(text),
        Meaning::Dim => palette.dim(text),
    }
}
