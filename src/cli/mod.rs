//! The command line. Everything a person reads or types goes through here; no other layer prints.

mod arguments;
mod command;
mod duration;
mod exit;
mod failure;
mod follow;
mod input;
mod layers;
mod parallel;
mod sandbox;
mod screen;
mod session;
mod status_view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

pub use exit::Exit;

use arguments::{CommandLine, Verb};
use failure::Failure;
use screen::Screen;
use session::Session;

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{}", bug_report(&panic.to_string()));
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
    match command::read_source::asked(std::env::args_os()) {
        Some(exit) => exit.into(),
        None => run(std::env::args_os()).into(),
    }
}

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let (global, invocation) = match arguments::parse(arguments) {
        Ok(parsed) => parsed,
        Err(refusal) => return explain(&refusal),
    };
    let screen = Screen::new(global.format, global.color, global.quiet);
    let session = Session::new(&global.state_dir, screen);
    let ended = runtime(&invocation).and_then(|runtime| runtime.block_on(dispatch(invocation, &session)));
    match ended {
        Ok(exit) => session.ended(exit),
        Err(failure) => screen.fail(&failure),
    }
}

/// Whether a command line is one that this program takes.
///
/// # Errors
/// What is wrong with it, in the words that its user would see.
pub fn parses(arguments: impl IntoIterator<Item = String>) -> Result<(), String> {
    match arguments::parse(arguments.into_iter().map(OsString::from)) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

async fn dispatch(invocation: CommandLine, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    match invocation {
        CommandLine::Noun(kind, matches) => command::noun::run(kind, &matches, session).await,
        CommandLine::Verb(verb) => match verb {
            Verb::Validate(args) => command::validate::run(&args, screen).await,
            Verb::Plan(args) => command::plan::run(&args, session).await,
            Verb::Apply(args) => command::apply::run(&args, session).await,
            Verb::Confirm(args) => command::confirm::run(&args, session).await,
            Verb::History(args) => command::history::run(&args, session).await,
            Verb::Source(args) => command::source::run(&args, session).await,
            Verb::Watch(args) => command::watch::run(&args, session).await,
            Verb::Adopt(args) => command::adopt::run(&args, session).await,
            Verb::Protect(args) => command::protect::run(&args, session).await,
            Verb::Undelete(args) => command::undelete::run(&args, session).await,
            Verb::Explain(args) => command::explain::run(&args, screen),
            Verb::Status(args) => command::status::run(&args, session).await,
            Verb::Drift(args) => command::drift::run(&args, session).await,
            Verb::Hold(args) => command::hold::run(&args, session).await,
            Verb::Audit(args) => command::audit::run(&args, session).await,
            Verb::Webhook(args) => command::webhook::run(&args, session).await,
            Verb::Export(args) => command::export::run(&args, session).await,
            Verb::Get(args) => command::get::run(args, session).await,
            Verb::Cluster(args) => command::cluster::run(&args, session).await,
            Verb::Config(args) => command::config::run(&args, session).await,
            Verb::Init(args) => command::init::run(&args, session).await,
            Verb::Daemon(args) => command::daemon::run(&args, session).await,
            Verb::Waitready(args) => command::waitready::run(&args, session).await,
            Verb::Sandbox(args) => sandbox::run(&args, screen).await,
            Verb::Schema(args) => command::schema::run(&args, screen),
            Verb::Completions(args) => command::completions::run(&args, screen),
            Verb::Man(args) => command::man::run(&args, screen),
        },
    }
}

// A daemon serves from all cores; a command is done before a second thread has started.
fn runtime(invocation: &CommandLine) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = match invocation {
        CommandLine::Verb(Verb::Daemon(_)) => tokio::runtime::Builder::new_multi_thread(),
        CommandLine::Verb(_) | CommandLine::Noun(..) => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().map_err(|cause| Failure::because("start the runtime", &cause))
}

// Help and version are no failures; everything else that clap refuses is a usage error.
fn explain(refusal: &clap::Error) -> Exit {
    let _ = refusal.print();
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

fn bug_report(panic: &str) -> String {
    format!(
        "seedbed {} has met a bug: {panic}\nYour cluster's state is safe: it is only changed by committed log entries.\n\
         Please report this text and what you ran.",
        env!("CARGO_PKG_VERSION")
    )
}
