//! `seedbed apply PATH…`: shows the plan, commits it as one entry, waits until it stands everywhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::confirm;
use super::plan as plan_command;
use super::saved;
use crate::api::{ApplyReply, ApplyRequest, PlanRequest};
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::follow::{Ended, Followed, Goal, follow};
use crate::cli::input::{Input, plural};
use crate::cli::layers::LayerArgs;
use crate::cli::session::{Session, failure_in};
use crate::cli::status_view::{Moment, StatusView, rfc3339};
use crate::client::ClientError;
use crate::kinds::source::DELETES_MAX;
use crate::manifest::Source;
use crate::model::{Canary, Claim, Desired, Finding, Key, Revision, Selection, Timestamp};
use crate::plan::Plan;
use crate::watch::{Exec, Resolver, SecretFiles, SecretNames, resolve_secrets};

/// The arguments of `seedbed apply`.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// Files, directories, or `-` for standard input; together they are one desired state. Or one file of seedbed plan --out
    #[arg(required_unless_present_any = ["revision", "plan"], value_name = "PATH")]
    paths: Vec<String>,
    /// Instead of files: back to what the applies until this one had brought about (see seedbed history)
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["paths", "merge", "target", "exclude"])]
    revision: Option<u64>,
    /// Instead of files: exactly the plan that was kept under this name, once
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "merge", "target", "exclude", "revision"])]
    plan: Option<String>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    layers: LayerArgs,
    /// Take it back after this time unless somebody confirms it: at this terminal, or with seedbed confirm
    #[arg(long, value_parser = confirm::limit, value_name = "TIME")]
    pub confirm: Option<Duration>,
    /// How long to wait until it stands everywhere; the cluster goes on after that
    #[arg(long, value_parser = duration::parse, default_value = "60s", value_name = "TIME")]
    timeout: Duration,
    /// Do not ask, even at a terminal
    #[arg(short, long)]
    pub yes: bool,
}

/// How a manifest is compared with what is stored.
#[derive(Args, Clone, Debug, Default)]
pub struct How {
    /// Leave keys alone that an earlier manifest set and this one does not
    #[arg(long)]
    pub merge: bool,
    /// Take over what belongs to a source; with --source NAME it belongs to that one then, otherwise to nobody
    #[arg(long)]
    pub take_over: bool,
    /// In the name of this source: what is applied belongs to it
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Delete what belongs to the source and is declared no more
    #[arg(long, requires = "source")]
    pub prune: bool,
    /// Refuse the whole when more than this many objects would be deleted
    #[arg(long, requires = "prune", value_name = "N", default_value_t = DELETES_MAX)]
    pub max_deletes: usize,
    /// Let members take up what changes in waves: one by one, or as in node1,25% (a member, then a quarter of all each time)
    #[arg(long, value_name = "WAVES", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub canary: Option<String>,
    /// With --canary: let no other member begin when more than this many have failed
    #[arg(long, value_name = "N", default_value_t = 0, requires = "canary")]
    pub max_failures: usize,
    /// Go on with what has stopped after failures, in spite of them
    #[arg(long)]
    pub resume: bool,
}

impl How {
    /// In whose name, and how far that goes.
    pub fn claim(&self) -> Claim {
        Claim {
            source: self.source.clone(),
            take_over: self.take_over,
            prune: self.prune.then_some(self.max_deletes),
            heal: None,
            canary: self.canary.clone().map(|waves| Canary { waves, max_failures: self.max_failures }),
            resume: self.resume,
        }
    }
}

/// Which of the declared objects are meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Part {
    /// Only this object and what it needs, as in storage-pool/data or 'network/*'; may be given several times
    #[arg(long, value_name = "KEY")]
    pub target: Vec<String>,
    /// Not this object; may be given several times
    #[arg(long, value_name = "KEY")]
    pub exclude: Vec<String>,
}

/// What is to be applied.
#[derive(Debug)]
pub struct Invocation {
    /// What the manifests declare.
    pub desired: Desired,
    /// Their texts: what the daemon finds is shown in them.
    pub sources: Vec<Source>,
    /// The files, for the heading.
    pub title: String,
    /// See [`How::merge`].
    pub is_merge: bool,
    /// In whose name.
    pub claim: Claim,
    /// The part of `desired` that is meant.
    pub selection: Selection,
    /// Instead of `desired`: the way back to this revision.
    pub back_to: Option<Revision>,
    /// Within this time it has to be confirmed.
    pub confirm: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// What was done; empty when there was nothing to do.
    pub plan: Plan,
    /// The entry; `None` when nothing was written.
    pub revision: Option<Revision>,
    /// Until when it has to be confirmed.
    pub confirm_until: Option<Timestamp>,
    /// What the wait saw last.
    pub followed: Followed,
}

impl Invocation {
    /// A wish with its files as heading.
    pub fn new(desired: Desired, sources: Vec<Source>, paths: &[String], how: &How) -> Self {
        let (title, selection, claim) = (paths.join(" "), Selection::default(), how.claim());
        Self { desired, sources, title, is_merge: how.merge, claim, selection, back_to: None, confirm: None }
    }

    /// The way back to a revision.
    fn back_to(revision: Revision) -> Self {
        let invocation = Self::new(Desired::default(), Vec::new(), &[], &How::default());
        Self { title: format!("back to revision {revision}"), back_to: Some(revision), ..invocation }
    }

    /// What the daemon is asked to plan.
    pub fn request(&self) -> PlanRequest {
        let (selection, claim, back_to) = (self.selection.clone(), self.claim.clone(), self.back_to);
        PlanRequest { desired: self.desired.clone(), merge: self.is_merge, selection, claim, back_to, whole: true }
    }

    /// The same for a part of what is declared.
    #[must_use]
    pub fn of(self, part: &Part) -> Self {
        let selection = Selection { targets: part.target.clone(), excludes: part.exclude.clone() };
        Self { selection, ..self }
    }
}

/// Puts secrets in the place of their references, from this process's environment and from files. Programs are run for
/// sources only.
pub async fn resolve(desired: &mut Desired) -> Vec<Finding> {
    let env = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let resolver = Resolver { env: &env, names: SecretNames::All, files: SecretFiles::All, exec: Exec::Refused };
    resolve_secrets(desired, &resolver).await
}

/// The same for a command that cannot go on without.
///
/// # Errors
/// The secrets that cannot be had.
pub async fn resolved(mut desired: Desired, session: &Session) -> Result<Desired, Failure> {
    let findings = resolve(&mut desired).await;
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_error);
    warnings.iter().for_each(|finding| session.screen.say(&finding.to_string()));
    match errors.is_empty() {
        true => Ok(desired),
        false => {
            let failure = Failure::new(Exit::Failed, "the manifest names secrets that cannot be had");
            let failure = errors.iter().fold(failure, |failure, finding| failure.detail(finding.to_string()));
            Err(failure.untouched("Nothing was sent to the cluster."))
        }
    }
}

/// Applies.
///
/// # Errors
/// Findings in the manifest, a stale plan, or what the daemon says.
pub async fn run(args: &ApplyArgs, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    if let Some(file) = saved::find(&args.paths, args.plan.as_deref(), session).await? {
        return saved::apply(&file, args, session).await;
    }
    let invocation = match args.revision {
        Some(revision) => Invocation::back_to(Revision(revision)),
        None => {
            let input = Input::read_valid(&args.paths, &args.layers, screen)?;
            let desired = resolved(input.loaded.desired, session).await?;
            Invocation::new(desired, input.sources, &args.paths, &args.how).of(&args.part)
        }
    };
    let invocation = Invocation { confirm: args.confirm, ..invocation };
    let plan = plan(&invocation, session).await?;
    if !screen.format.is_for_programs() {
        screen.write(&plan_command::text(&plan, &invocation.title, screen))?;
    }
    if !plan.is_empty() && !args.yes && !is_wanted() {
        screen.say("Nothing was changed.");
        return Ok(Exit::Refused);
    }
    let done = commit(plan, &invocation, args.wait(), session).await?;
    finish(&done, args, session).await
}

impl ApplyArgs {
    /// How long to wait until it stands: what has to be confirmed must be seen before.
    pub fn wait(&self) -> Duration {
        self.confirm.map_or(self.timeout, |confirm| confirm.min(self.timeout))
    }
}

/// Says how it ended, and asks for the confirmation that it needs.
///
/// # Errors
/// What the daemon says.
pub async fn finish(done: &Done, args: &ApplyArgs, session: &Session) -> Result<Exit, Failure> {
    let exit = report(done, session)?;
    match done.confirm_until {
        Some(until) => confirm::ask(until, !args.yes, exit, session).await,
        None => Ok(exit),
    }
}

/// What applying would do.
///
/// # Errors
/// What the daemon says.
pub async fn plan(invocation: &Invocation, session: &Session) -> Result<Plan, Failure> {
    let plan = plan_command::whole(invocation, session).await?;
    let Some(failure) = plan_command::barred(&plan, invocation) else { return Ok(plan) };
    if !session.screen.format.is_for_programs() {
        session.screen.write(&plan_command::text(&plan, &invocation.title, session.screen))?;
    }
    Err(failure)
}

/// Shows the plan, commits it and reports, without asking.
///
/// # Errors
/// See [`commit`].
pub async fn carry_out(invocation: &Invocation, limit: Duration, session: &Session) -> Result<Exit, Failure> {
    let plan = plan(invocation, session).await?;
    if !session.screen.format.is_for_programs() {
        session.screen.write(&plan_command::text(&plan, &invocation.title, session.screen))?;
    }
    report(&commit(plan, invocation, limit, session).await?, session)
}

/// Commits a plan that was seen, and waits until it stands.
///
/// # Errors
/// A stale plan, or what the daemon says.
pub async fn commit(plan: Plan, invocation: &Invocation, limit: Duration, session: &Session) -> Result<Done, Failure> {
    let sent = if plan.is_empty() { None } else { Some(send(&plan, invocation, session).await?) };
    let revision = sent.as_ref().and_then(|reply| reply.revision);
    let confirm_until = sent.and_then(|reply| reply.confirm_until);
    // What an earlier apply has left to do is waited for too.
    let keys: Vec<Key> = match revision {
        Some(_) => plan.changes.iter().map(|change| change.key.clone()).collect(),
        None => invocation.desired.objects.keys().filter(|key| !plan.left_out.contains(key)).cloned().collect(),
    };
    let goal = Goal { keys: &keys, revision: revision.unwrap_or_default(), limit };
    let followed = follow(&goal, session).await?;
    Ok(Done { plan, revision, confirm_until, followed })
}

async fn send(plan: &Plan, invocation: &Invocation, session: &Session) -> Result<ApplyReply, Failure> {
    let request = ApplyRequest {
        desired: invocation.desired.clone(),
        expect: Some(plan.digest.clone()),
        merge: invocation.is_merge,
        selection: invocation.selection.clone(),
        back_to: invocation.back_to,
        claim: invocation.claim.clone(),
        confirm_ms: invocation.confirm.and_then(|confirm| u64::try_from(confirm.as_millis()).ok()),
        ..ApplyRequest::default()
    };
    session.client.apply(&request).await.map_err(|error| refused(error, &invocation.sources))
}

/// Somebody else's change came between the plan and the commit, or the manifest is refused as a whole.
pub fn refused(error: ClientError, sources: &[Source]) -> Failure {
    let status = error.status();
    let failed = failure_in(error, sources);
    match status {
        Some(412) => Failure { hints: Vec::new(), ..failed }
            .untouched("Nothing was changed.")
            .hint("look at the new plan: seedbed plan PATH, and apply again"),
        Some(423) => locked(failed),
        Some(400..=499) if !failed.message.contains("nothing was changed") => failed.untouched("Nothing was changed."),
        _ => failed,
    }
}

/// Another apply waits to be confirmed.
pub fn locked(failed: Failure) -> Failure {
    failed
        .untouched("Nothing was changed.")
        .hint("to keep what waits: seedbed confirm; to take it back now: seedbed confirm --revert")
}

// A person at a terminal has just seen the plan; a script has said what it wants.
pub fn is_wanted() -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return true;
    }
    let _ = std::io::stderr().write_all(b"Apply this? (yes/no): ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "yes" | "y")
}

/// Says how it ended, and how to look again when it has not.
///
/// # Errors
/// When standard output cannot be written.
pub fn report(done: &Done, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    let Done { plan, revision, confirm_until, followed: Followed { ended, board, elapsed } } = done;
    let exit = exit_of(*ended);
    if screen.format.is_for_programs() {
        let mut value = json!({
            "format_version": 1,
            "plan": plan,
            "revision": revision,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "status": board.json(&Moment::here()),
        });
        if let Some(until) = confirm_until {
            value["confirm_until"] = json!(rfc3339(*until));
        }
        screen.write_value(&value)?;
    } else if exit != Exit::Done {
        screen.write(&board.open().render(screen.data, &Moment::here()))?;
    }
    match (exit, revision) {
        (Exit::Done, None) => {}
        (Exit::Done, Some(_)) => {
            screen.say(&format!("Converged in {} at revision {}.", duration::show(*elapsed), board.revision));
        }
        _ => screen.say(&unfinished(board, *ended, exit)),
    }
    Ok(exit)
}

fn exit_of(ended: Ended) -> Exit {
    match ended {
        Ended::Converged => Exit::Done,
        Ended::Blocked | Ended::Interrupted => Exit::NotConverged,
        Ended::TimedOut => Exit::Timeout,
    }
}

fn unfinished(board: &StatusView, ended: Ended, exit: Exit) -> String {
    let all = board.rows.len();
    let open = all - board.converged();
    let wait = if open == 1 { "waits" } else { "wait" };
    let why = match ended {
        Ended::Converged | Ended::Blocked => "",
        Ended::TimedOut => "The time is over; the cluster goes on by itself. ",
        Ended::Interrupted => "\nYou have stopped watching; the cluster goes on by itself. ",
    };
    let keys: Vec<String> =
        board.rows.iter().filter(|row| !row.is_converged).take(3).map(|row| row.key.to_string()).collect();
    let keys = if open <= 3 { format!(" {}", keys.join(" ")) } else { String::new() };
    let objects = plural(all, "object");
    format!(
        "{why}{} of {objects} converged, {open} {wait} (exit {}). Watch it: seedbed status{keys} --watch",
        board.converged(),
        exit.code()
    )
}
