//! `seedbed watch PATH…`: applies what a directory says, and again whenever it changes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::apply::{self, How, Invocation};
use super::plan as plan_command;
use crate::api::PlanRequest;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::follow::Ended;
use crate::cli::input::{count, plural};
use crate::cli::layers::LayerArgs;
use crate::cli::session::{Session, failure_in};
use crate::cli::status_view::Moment;
use crate::client::ClientError;
use crate::manifest::{self, Loaded, Source};
use crate::model::Severity;
use crate::plan::Plan;
use crate::watch::{Follower, Pace, Recipe, Roots, Round, Tree, Verdict, load};

/// The arguments of `seedbed watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Directories (every .yaml and .yml below) or files; together they are one desired state
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    layers: LayerArgs,
    /// Do one round and end; its exit code is that of an apply
    #[arg(long)]
    once: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// How often to look without being told of a change, for file systems that tell nothing
    #[arg(long, value_parser = duration::parse, default_value = "20s", value_name = "TIME")]
    interval: Duration,
    /// How long each round waits until everything stands; the cluster goes on after that
    #[arg(long, value_parser = duration::parse, default_value = "60s", value_name = "TIME")]
    timeout: Duration,
}

/// Watches until Ctrl-C.
///
/// # Errors
/// When standard output cannot be written. What is wrong with a set, or with the daemon, is told and tried again.
pub async fn run(args: &WatchArgs, session: &Session) -> Result<Exit, Failure> {
    let pace = Pace { poll: args.interval.max(Duration::from_millis(500)), ..Pace::default() };
    let paths = args.paths.iter().chain(&args.layers.overlays).map(PathBuf::from).collect();
    let mut follower = Follower::new(Roots { paths, top: None }, pace, None);
    let mut watch = Watch { args, session, said: String::new() };
    loop {
        let round = tokio::select! {
            round = follower.next() => round,
            _ = tokio::signal::ctrl_c() => return Ok(watch.end(&follower, Exit::Done)),
        };
        let done = watch.round(round).await?;
        match done {
            Done::Ended => return Ok(watch.end(&follower, Exit::Done)),
            Done::Round(verdict, exit) => {
                follower.took(verdict);
                if args.once {
                    return Ok(exit);
                }
            }
            Done::Told(exit) if args.once => return Ok(exit),
            Done::Told(_) | Done::Waits => {}
        }
    }
}

/// What came of one thing that the follower told.
enum Done {
    /// A set was judged.
    Round(Verdict, Exit),
    /// There is no set.
    Told(Exit),
    /// It goes on by itself.
    Waits,
    /// The user does not want to wait any longer.
    Ended,
}

struct Watch<'a> {
    args: &'a WatchArgs,
    session: &'a Session,
    /// The last failure: the same one again is not said again.
    said: String,
}

impl Watch<'_> {
    async fn round(&mut self, round: Round) -> Result<Done, Failure> {
        match round {
            Round::Load(tree) => self.load(&tree).await,
            Round::Nothing(why) => {
                self.line(&format!("nothing to load: {why}; what was applied last stays in force"));
                Ok(Done::Told(Exit::NoInput))
            }
            Round::Moving(why) => {
                self.line(&format!("not read yet: {why}"));
                Ok(Done::Waits)
            }
            Round::Unchanged(digest) => {
                self.line(&format!("{} is back, unchanged", digest.short()));
                Ok(Done::Waits)
            }
        }
    }

    async fn load(&mut self, tree: &Tree) -> Result<Done, Failure> {
        let screen = self.session.screen;
        let recipe = Recipe { overlays: self.args.layers.overlays.len(), variables: self.args.layers.variables()? };
        let mut loaded = load(tree.clone(), &recipe);
        if loaded.is_usable() {
            let findings = apply::resolve(&mut loaded.desired).await;
            loaded.findings.extend(findings);
        }
        self.show_findings(tree, &loaded);
        if !loaded.is_usable() {
            let errors = plural(count(&loaded.findings, Severity::Error), "error");
            self.line(&format!("{} has {errors}; what was applied last stays in force", tree.digest.short()));
            return Ok(Done::Round(Verdict::Bad, Exit::Failed));
        }
        let invocation = Invocation::new(loaded.desired, texts(tree), &self.args.paths, &self.args.how);
        let claim = invocation.claim.clone();
        let request = PlanRequest {
            desired: invocation.desired.clone(),
            merge: invocation.is_merge,
            claim,
            ..PlanRequest::default()
        };
        let plan: Plan = match self.session.client.plan(&request).await {
            Ok(plan) => plan,
            Err(error) => return Ok(self.failed(error, &invocation.sources)),
        };
        if !screen.format.is_for_programs() && !plan.is_empty() {
            screen.write(&plan_command::text(&plan, &invocation.title, screen))?;
        }
        if self.args.dry_run {
            return self.dry(tree, &plan);
        }
        match apply::commit(plan, &invocation, self.args.timeout, self.session).await {
            Ok(done) => self.report(tree, &done),
            Err(failure) => Ok(self.failed_later(&failure)),
        }
    }

    fn dry(&mut self, tree: &Tree, plan: &Plan) -> Result<Done, Failure> {
        let changes = plan.changes.len();
        self.tell(
            tree,
            json!({ "outcome": "planned", "plan": plan }),
            &match changes {
                0 => "nothing to change".to_owned(),
                _ => format!("{} would change", plural(changes, "object")),
            },
        )?;
        Ok(Done::Round(Verdict::Good, if plan.is_empty() { Exit::Done } else { Exit::Changes }))
    }

    fn report(&mut self, tree: &Tree, done: &apply::Done) -> Result<Done, Failure> {
        let ended = done.followed.ended;
        let changes = plural(done.plan.changes.len(), "object");
        let board = &done.followed.board;
        let line = match (done.revision, ended) {
            (None, Ended::Converged) => "nothing to change".to_owned(),
            (Some(revision), Ended::Converged) => {
                format!(
                    "applied {changes} at revision {revision}, converged in {}",
                    duration::show(done.followed.elapsed)
                )
            }
            (_, Ended::Blocked | Ended::TimedOut | Ended::Interrupted) => {
                let (all, converged) = (board.rows.len(), board.converged());
                format!("applied {changes}, {converged} of {all} converged; look: seedbed status --watch")
            }
        };
        let status = board.json(&Moment::here());
        let value = json!({ "outcome": "applied", "plan": done.plan, "revision": done.revision, "status": status });
        self.tell(tree, value, &line)?;
        let exit = match ended {
            Ended::Converged => Exit::Done,
            Ended::Blocked => Exit::NotConverged,
            Ended::TimedOut => Exit::Timeout,
            Ended::Interrupted => return Ok(Done::Ended),
        };
        Ok(Done::Round(Verdict::Good, exit))
    }

    /// One line for people, or one value for programs.
    fn tell(&mut self, tree: &Tree, mut value: serde_json::Value, line: &str) -> Result<(), Failure> {
        self.said.clear();
        if self.session.screen.format.is_for_programs() {
            value["format_version"] = json!(1);
            value["digest"] = json!(tree.digest.to_string());
            return self.session.screen.write_value(&value);
        }
        self.line(&format!("{} {line}", tree.digest.short()));
        Ok(())
    }

    fn failed(&mut self, error: ClientError, sources: &[Source]) -> Done {
        // What the daemon refuses for its content stays refused; everything else may pass.
        let is_refused = matches!(&error, ClientError::Api { status: 400 | 404 | 409 | 413 | 422, .. });
        let told = failure_in(error, sources);
        if is_refused {
            self.session.screen.fail(&told);
            self.line("what was applied last stays in force");
            return Done::Round(Verdict::Bad, told.exit);
        }
        self.failed_later(&told)
    }

    fn failed_later(&mut self, failure: &Failure) -> Done {
        if self.said != failure.message {
            self.said.clone_from(&failure.message);
            self.session.screen.fail(failure);
            if !self.args.once {
                self.line("trying again");
            }
        }
        Done::Round(Verdict::Later, failure.exit)
    }

    fn show_findings(&self, tree: &Tree, loaded: &Loaded) {
        let screen = self.session.screen;
        if loaded.findings.is_empty() || (screen.is_quiet && loaded.is_usable()) {
            return;
        }
        let sources = texts(tree);
        let colour = if screen.talk.is_coloured() { manifest::Colour::Always } else { manifest::Colour::Never };
        screen.print_talk(&screen.talk.own(&manifest::render(&loaded.findings, &sources, colour)));
    }

    fn line(&self, text: &str) {
        self.session.screen.say(&format!("{}  {text}", Moment::here().clock()));
    }

    fn end(&self, follower: &Follower, exit: Exit) -> Exit {
        let counters = follower.counters();
        self.session.screen.say(&format!(
            "\nYou have stopped watching; the cluster keeps what was applied. {}, {} unchanged, {} loaded.",
            plural(usize::try_from(counters.looks).unwrap_or(usize::MAX), "look"),
            counters.unchanged,
            counters.loads
        ));
        exit
    }
}

fn texts(tree: &Tree) -> Vec<Source> {
    let files = tree.roots.iter().flatten();
    files
        .filter_map(|file| Some(Source::new(&file.path, manifest::decode(&file.path, file.bytes.clone()).ok()?)))
        .collect()
}
